"""A network in several threads at a time: each has a copy of its own with the same weights.

A forward pass may keep what it computes in attributes of its modules, and change buffers. Parameters it only
reads, so the copies share them, and take no memory but that of buffers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy

import torch
from torch import nn
from torch._C import _len_torch_dispatch_stack, _len_torch_function_stack

from gancross.checkpoint.functions import reached_modules
from gancross.checkpoint.shared_state import FirstCall
from gancross.machine.crew import Crew, crew, leave_crew, most_threads, own_crew, own_store

_ONE_AT_A_TIME = threading.Lock()  # calls of networks themselves in place of copies, and the copying


@contextmanager
def network_crew(device: torch.device, *, alone: bool = False) -> Iterator[Crew]:
    """A crew whose pieces call networks, with the same bits whatever the number of its threads.

    Threads share torch's generators. If a network draws from them, or changes something else that copies
    would share, the calling thread does the work alone, in which each call has a seed of its own. So it does
    inside a mode that torch keeps for that thread.

    Args:
        device: where the networks compute; one thread keeps a GPU busy.
        alone: whether a network is known to draw.
    """
    state = torch.get_rng_state()
    in_a_mode = _len_torch_function_stack() or _len_torch_dispatch_stack()
    size = 1 if alone or in_a_mode or device.type != "cpu" else most_threads()
    with crew(size, undisturbed=lambda: torch.equal(torch.get_rng_state(), state)) as workers:
        yield workers


Within = Callable[[nn.Module], AbstractContextManager[None]]  # around a call of a network


def as_it_is(_: nn.Module) -> AbstractContextManager[None]:
    """Leaves a network as it is."""
    return nullcontext()


@contextmanager
def replica(network: nn.Module) -> Iterator[nn.Module]:
    """The network for the calling thread: the network itself, or in a thread of a crew a copy.

    A network that cannot be copied, or that reaches modules beyond itself through functions, is used by one
    thread at a time. The first call is of the network itself, and shows whether copies would meet.
    """
    store = own_store()
    if store is None:
        yield network
        return
    key, workers = id(network), own_crew()
    if key not in store:
        with _ONE_AT_A_TIME:
            if workers.disturbed:
                leave_crew()
            if key not in workers.store:
                yield from _tried(network, workers.store)
                return
            store[key] = _copy(network)
    own = store[key]
    if own is not None:
        yield own
        return
    with _ONE_AT_A_TIME:
        yield network


def _tried(network: nn.Module, tried: dict[int, nn.Module]) -> Iterator[nn.Module]:
    """The network during its first call in a crew, which is left if that shows what copies would share."""
    first = FirstCall(network)
    separable = False
    try:
        yield network
    finally:
        separable = first.end()
    if not separable:
        leave_crew()
    tried[id(network)] = network  # held, so that no other gets its address


def _copy(network: nn.Module) -> nn.Module | None:
    """A copy that shares the parameters; None where there can be none."""
    if any(_reaches_further(module) for module in network.modules()):
        return None
    try:
        return deepcopy(network, {id(parameter): parameter for parameter in network.parameters()})
    except Exception:  # whatever its code raises
        return None


def _reaches_further(module: nn.Module) -> bool:
    """Whether copies would share modules, or what a compiler or another library keeps beside them."""
    if "_orig_mod" in module._modules:  # compiled
        return True
    own = {"_modules", "_parameters", "_buffers"}
    values = [value for name, value in vars(module).items() if name not in own]
    return any(reached_modules(lambda value=value: value) for value in values)
