"""A GPU that is simulated on the CPU, to see where code waits for the device or reads what is not there yet.

Its tensors have their numbers in the CPU's memory, and every operation is computed there. But no number is
read or moved without being counted, with the place in gancross that did it, and a copy that nobody waits for
arrives only when somebody waits for its event. It is no model of kernels or of speed.

torch's device type `lazy` stands for it: nothing in torch or gancross takes that for the CPU, and autograd
needs no driver for it.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

import gancross
from gancross.machine import devices
from gancross.random_streams import Stream

GPU, CPU = torch.device("lazy:0"), torch.device("cpu")
PACKAGE = Path(gancross.__file__).parent
FUSED = "torch.optim.optimizer._get_fused_kernels_supported_devices"
aten = torch.ops.aten
# The CPU needs their values or the shapes of their results, and waits for all work that was begun before.
LOOKS = frozenset({
    aten._local_scalar_dense, aten.is_nonzero, aten.equal, aten.nonzero, aten.masked_select, aten.bincount,
    aten._unique, aten._unique2, aten.unique_dim, aten.unique_consecutive,
})  # fmt: skip
INDEXING = frozenset({aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_})


class OnGPU(torch.Tensor):
    """A tensor on the simulated GPU; `held` has its numbers."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnGPU:
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            layout=held.layout, device=GPU, requires_grad=held.requires_grad,
        )  # fmt: skip
        made.held = held
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"OnGPU({tuple(self.shape)})"

    def tolist(self) -> Any:
        """As torch does it of tensors that are not on the CPU."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise AssertionError(f"{func} of a tensor on the GPU outside `simulated_gpu`")


class SimulatedGPU(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Computes on the CPU what is on the GPU.

    Attributes:
        waits: how often the CPU waited for all work that was begun, by place in gancross and reason.
        sent: copies to the GPU for which the CPU did not wait.
        fetched: copies from it that were begun without waiting.
        strict: whether a wait is an error, as under `torch.cuda.set_sync_debug_mode("error")`.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waits, self.sent, self.fetched, self.strict = Counter[str](), 0, 0, False
        self._pinned: dict[int, torch.Tensor] = {}  # held, so that no other gets its address
        self._under_way: list[tuple[torch.Tensor, torch.Tensor]] = []

    def arrive(self, number: int) -> None:
        """The first copies to the CPU, so many of all, are there."""
        for target, values in self._under_way[:number]:
            target.copy_(values)
        self._under_way[:number] = [(target, target) for target, _ in self._under_way[:number]]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, packet = dict(kwargs or {}), func.overloadpacket
        if packet is aten._pin_memory:
            return self._pin(args[0].clone())
        if packet is aten.is_pinned:
            return self._is_pinned(args[0])
        here = any(isinstance(tensor, OnGPU) for tensor in _tensors((args, kwargs)))
        wanted = kwargs.get("device")
        stays = here if wanted is None else torch.device(wanted).type == GPU.type
        if packet is aten._to_copy:
            self._count_copy(args[0], to_gpu=stays, at_once=bool(kwargs.get("non_blocking")))
        elif packet is aten.copy_ and isinstance(args[1], OnGPU) and not isinstance(args[0], OnGPU):
            return self._fetch(args[0], args[1], at_once=_non_blocking(args, kwargs))
        elif packet is aten.copy_ and here:
            self._count_copy(args[1], to_gpu=True, at_once=_non_blocking(args, kwargs))
        elif here:
            self._count(packet, func, args, kwargs)
        if wanted is not None and stays:
            kwargs["device"] = CPU
        pinned = kwargs.pop("pin_memory", None)
        result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        if not stays:
            return self._pin(result) if pinned else result
        wrapped = tree_map(lambda value: OnGPU(value) if isinstance(value, torch.Tensor) else value, result)
        if not here:
            return wrapped
        return return_and_correct_aliasing(func, args, kwargs, wrapped)  # type: ignore[no-untyped-call]

    def _pin(self, tensor: torch.Tensor) -> torch.Tensor:
        self._pinned[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    def _is_pinned(self, tensor: torch.Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._pinned

    def _fetch(self, target: torch.Tensor, source: OnGPU, *, at_once: bool) -> torch.Tensor:
        if at_once and self._is_pinned(target):
            self.fetched += 1
            self._under_way.append((target, source.held.clone()))
            return target.fill_(0)
        self._waited("copy to the CPU")
        return target.copy_(source.held)

    def _count_copy(self, source: torch.Tensor, *, to_gpu: bool, at_once: bool) -> None:
        if isinstance(source, OnGPU) and not to_gpu:
            assert not at_once, f"{_place()}: a copy to the CPU, without waiting, may be read too early"
            self._waited("copy to the CPU")
        elif to_gpu and not isinstance(source, OnGPU):
            if at_once and self._is_pinned(source):
                self.sent += 1
            else:
                self._waited("copy to the GPU from memory that is not pinned, or awaited")

    def _count(self, packet: Any, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if packet in LOOKS or func is aten.repeat_interleave.Tensor:
            self._waited(packet.__name__)
        if packet not in INDEXING:
            strangers = [
                each for each in _tensors((args, kwargs)) if not isinstance(each, OnGPU) and each.ndim
            ]
            assert not strangers, f"{_place()}: {func} of tensors on the CPU and on the GPU"
            return
        index = _tensors(args[1])
        fills = packet is not aten.index and args[2].numel() == 1  # which needs no positions
        if any(each.dtype in (torch.bool, torch.uint8) for each in index) and not fills:
            self._waited("index by a mask")
        if isinstance(args[0], OnGPU) and not all(isinstance(each, OnGPU) for each in index):
            self._waited("index from the CPU")

    def _waited(self, reason: str) -> None:
        if self.strict:
            raise RuntimeError(f"called a synchronizing operation: {reason}")
        self.waits[f"{_place()}: {reason}"] += 1
        self.arrive(len(self._under_way))


class Event:
    """As `torch.cuda.Event`: what was begun before it was recorded."""

    gpu: SimulatedGPU
    _number = 0

    def record(self, stream: object) -> None:
        """Remembers what has been begun."""
        self._number = len(self.gpu._under_way)

    def synchronize(self) -> None:
        """Waits for that alone."""
        self.gpu.arrive(self._number)


@contextmanager
def simulated_gpu() -> Iterator[SimulatedGPU]:
    """Inside, `GPU` is a device; its random numbers are the CPU's of the same seed."""
    on_cpu, autocasts = Stream.torch_generator, torch.is_autocast_enabled
    conversion = torch.__future__.get_overwrite_module_params_on_conversion()
    lifting = torch._C._only_lift_cpu_tensors()
    with ExitStack() as stack:
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, conversion)
        torch.__future__.set_overwrite_module_params_on_conversion(True)  # `.data = …` would lose `held`
        stack.callback(torch._C._set_only_lift_cpu_tensors, lifting)
        torch._C._set_only_lift_cpu_tensors(True)  # shows torch.tensor(…, device)
        gpu = SimulatedGPU()
        patches: list[AbstractContextManager[Any]] = [
            mock.patch.object(Stream, "torch_generator", lambda stream, device="cpu": on_cpu(stream)),
            mock.patch.object(devices, "KINDS", (*devices.KINDS, GPU.type)),
            mock.patch(FUSED, return_value=[CPU.type, GPU.type]),
            mock.patch.object(torch.cuda, "Event", type("Event", (Event,), {"gpu": gpu})),
            mock.patch.object(torch.cuda, "current_stream", return_value=None),
            mock.patch.object(
                torch, "is_autocast_enabled", lambda kind: kind != GPU.type and autocasts(kind)
            ),
        ]
        for patch in patches:
            stack.enter_context(patch)
        stack.enter_context(gpu)
        yield gpu


def _non_blocking(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """The third argument of `copy_`."""
    return bool(args[2] if len(args) > 2 else kwargs.get("non_blocking"))


def _tensors(values: object) -> list[torch.Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnGPU) else value


def _place() -> str:
    """The innermost function of gancross on the stack."""
    for frame in reversed(traceback.extract_stack()):
        path = Path(frame.filename)
        if path.is_relative_to(PACKAGE):
            return f"{path.relative_to(PACKAGE)}: {frame.name}"
    return "elsewhere"
