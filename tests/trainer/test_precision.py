"""bfloat16: which passes, on which devices, and that weights stay float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from run_folders import log, weights
from small_recipes import small
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gancross.errors import UsageError
from gancross.machine.distributed import ALONE
from gancross.trainer.gradient.route import add_gradients
from gancross.trainer.loop import train
from gancross.trainer.precision import check_precision
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.state import architectures, make_players
from gancross.trainer.step import generator_step
from gancross.trainer.update import Step

FLOAT, HALF = torch.float32, torch.bfloat16


class Convolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the types in which every convolution and its backward pass compute."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.types: set[torch.dtype] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "convolution" in str(function):
            self.types.add(args[0].dtype)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"gamma": 0.0}, {HALF}, id="plain"),
        pytest.param({}, {FLOAT}, id="closed-form"),
        pytest.param({"normalization": "layer"}, {FLOAT}, id="double-backward"),
        pytest.param({"objective": "wgan-gp"}, {HALF, FLOAT}, id="wgan-gp"),
        pytest.param({"gamma": 0.0, "precision": "float32"}, {FLOAT}, id="float32"),
    ],
)
def test_the_discriminator_s_passes_with_a_penalty_are_float32(
    changes: dict[str, Setting], expected: set[torch.dtype]
) -> None:
    chosen = small("digits", **{"precision": "bf16"} | changes)
    players = make_players(chosen, architectures(chosen, (1, 8, 8)), torch.device("cpu"))
    real, fake = torch.randn(2, 16, 1, 8, 8, generator=torch.Generator().manual_seed(0)).unbind()
    with Convolutions() as convolutions:
        result = add_gradients(
            players.discriminator, players.route, chosen, real=real, fake=fake, gamma=chosen.gamma, update=0,
            processes=ALONE,
        )  # fmt: skip
    assert convolutions.types == expected
    assert result.loss.dtype == result.scores_real.dtype == FLOAT
    gradients = [parameter.grad for parameter in players.discriminator.parameters()]
    assert {gradient.dtype for gradient in gradients if gradient is not None} == {FLOAT}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {"generator": {HALF}, "discriminator": {HALF}}, id="plain"),
        pytest.param(
            {"regularize_generator": True}, {"generator": {HALF}, "discriminator": {FLOAT}}, id="regularized"
        ),
    ],
)
def test_the_generator_s_step_is_float32_in_a_penalized_discriminator(
    changes: dict[str, Setting], expected: dict[str, set[torch.dtype]]
) -> None:
    chosen = small("digits", precision="bf16", **changes)
    players = make_players(chosen, architectures(chosen, (1, 8, 8)), torch.device("cpu"))
    types: dict[str, set[torch.dtype]] = {"generator": set(), "discriminator": set()}
    for player, network in (("generator", players.generator), ("discriminator", players.discriminator)):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.register_forward_hook(
                    lambda module, inputs, output, seen=types[player]: seen.add(output.dtype)
                )
    latents = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    metrics = generator_step(Step(players, chosen, gamma=chosen.gamma, update=0), latents=latents)
    assert types == expected and metrics["loss_generator"].dtype == FLOAT


@pytest.mark.parametrize("changes", [{}, {"gamma": 0.0}], ids=["regularized", "plain"])
def test_bf16_trains_near_float32_and_weights_stay_float32(
    tmp_path: Path, changes: dict[str, Setting]
) -> None:
    ends = {
        precision: train(
            small("digits", precision=precision, **changes), tmp_path / precision, device="cpu", log_every=1
        )
        for precision in ("float32", "bf16")
    }
    assert {tensor.dtype for tensor in weights(ends["bf16"]) if tensor.is_floating_point()} == {FLOAT}
    exact, rounded = (log(tmp_path / name)[0]["loss_generator"] for name in ends)
    assert exact != rounded and rounded == pytest.approx(exact, rel=0.02)


def test_devices_without_bfloat16_are_refused() -> None:
    check_precision(small("digits", precision="bf16"), torch.device("cpu"))
    check_precision(small("digits"), torch.device("mps"))
    with pytest.raises(UsageError, match="device 'mps' has no bfloat16 here; use precision=float32"):
        check_precision(small("digits", precision="bf16"), torch.device("mps"))
