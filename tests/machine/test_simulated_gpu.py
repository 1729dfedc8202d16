"""The simulated GPU sees what a CPU would wait for, and values that are read before they are there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from simulated_gpu import GPU, simulated_gpu

from gancross.machine.devices import Fetched, moved

Operation = Callable[[torch.Tensor], object]
WAITING: dict[str, Operation] = {
    "item": lambda values: values[0].item(),
    "float": lambda values: float(values[0]),
    "branch": lambda values: bool(values.isfinite().all()),
    "list": lambda values: values.tolist(),
    "to-the-cpu": lambda values: values.cpu(),
    "copied-into": lambda values: torch.zeros(3).copy_(values),
    "nonzero": lambda values: values.nonzero(),
    "where": lambda values: torch.where(values > 0),
    "mask": lambda values: values[values > 0],
    "mask-assigned": lambda values: values.index_put_((values > 0,), values + 1),
    "equal": lambda values: torch.equal(values, values),
    "repeats": lambda values: values.repeat_interleave(values.long()),
    "index-of-the-cpu": lambda values: values[torch.tensor([0, 2])],
    "list-sent": lambda values: values + torch.tensor([1.0, 2.0, 3.0], device=GPU),
    "constants-of-a-list": lambda values: values.new_tensor([1.0, 2.0]),
    "not-pinned": lambda values: torch.ones(3).to(GPU, non_blocking=True),
    "pinned-but-awaited": lambda values: torch.ones(3).pin_memory().to(GPU),
}
GOING_ON: dict[str, Operation] = {
    "product": lambda values: (values * 2).sum().sqrt_(),
    "mask-filled": lambda values: values.masked_fill_(values > 0, 3.0),
    "index": lambda values: values[torch.arange(2, device=GPU)],
    "made-there": lambda values: torch.full((), 3.0, device=GPU) + torch.eye(3, device=GPU),
    "sent": lambda values: moved(torch.ones(3), GPU),
    "fetched": lambda values: Fetched(values).result(),
}  # fmt: skip


@pytest.mark.parametrize("name", WAITING)
def test_what_waits_is_seen(name: str) -> None:
    with simulated_gpu() as gpu:
        values = moved(torch.ones(3), GPU)
        WAITING[name](values)
    assert gpu.waits.total() == 1


@pytest.mark.parametrize("name", GOING_ON)
def test_what_does_not_wait_is_not(name: str) -> None:
    with simulated_gpu() as gpu:
        GOING_ON[name](moved(torch.ones(3), GPU))
    assert not gpu.waits


def test_fetched_values_are_those_of_the_moment_and_read_when_they_are_there() -> None:
    with simulated_gpu() as gpu:
        values = moved(torch.ones(3), GPU)
        first, second = Fetched(values), Fetched(values.mul_(2))
        assert first.result().tolist() == [1.0] * 3
        assert gpu.fetched == 2 and not gpu.waits
        assert second._values.tolist() == [0.0] * 3  # the first event says nothing of it
        assert second.result().tolist() == [2.0] * 3


def test_a_copy_that_nobody_waits_for_is_refused() -> None:
    with simulated_gpu(), pytest.raises(AssertionError, match="may be read too early"):
        moved(torch.ones(3), GPU).to("cpu", non_blocking=True)


def test_tensors_of_the_cpu_are_not_computed_with() -> None:
    with simulated_gpu(), pytest.raises(AssertionError, match="on the CPU and on the GPU"):
        moved(torch.ones(3), GPU) + torch.ones(3)


def test_on_the_cpu_fetched_values_are_the_tensor_itself() -> None:
    values = torch.ones(3)
    assert Fetched(values).result() is values and moved(values, torch.device("cpu")) is values


def test_gradients_and_the_fused_optimizer_are_those_of_the_cpu() -> None:
    def trained(device: torch.device) -> torch.Tensor:
        layer = torch.nn.Linear(2, 1)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[1.0, -2.0]]))
            layer.bias.zero_()
        layer.to(device)
        optimizer = torch.optim.Adam(layer.parameters(), fused=True)
        torch.autograd.backward(layer(moved(torch.ones(3, 2), device)).square().sum())
        optimizer.step()
        return layer.weight.detach().cpu()

    with simulated_gpu():
        simulated = trained(GPU)
    assert torch.equal(simulated, trained(torch.device("cpu")))
