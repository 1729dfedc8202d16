"""Today's networks in whole runs: training, resuming, reading back, cross-testing."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from data_sets import grey_folder
from run_folders import identical
from small_recipes import small
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from gancross import crosstest
from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import load_contestant
from gancross.data.catalogue import load
from gancross.errors import CheckpointError
from gancross.models.layers import Weighted
from gancross.random_streams import Stream
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.state import Run, architectures, make_players
from gancross.trainer.step import discriminator_step, generator_step
from gancross.trainer.update import Players, Step
from gancross.workflow.plan import estimated_work

AT_32: dict[str, Setting] = {"image_size": 32, "batch_size": 4, "normalization": "spectral"}
RUNS: dict[str, tuple[str, dict[str, Setting]]] = {
    "mixture": ("mixture", {"normalization": "spectral"}),
    "digits": ("digits", {"normalization": "spectral", "regularizer": "none", "n_phi": 2}),
    "both": ("digits", {"normalization": "spectral-both", "ema": 0.5}),
    "lazy": ("digits", {"normalization": "spectral", "penalty_every": 2, "update": "simultaneous"}),
    "wgan-gp": ("digits", {"normalization": "spectral", "objective": "wgan-gp"}),
    "sngan32": ("digits", {**AT_32, "network": "sngan32", "width": 2}),
    "resnet32": ("digits", {**AT_32, "network": "resnet32", "width": 2}),
    "r3gan32": ("digits", {**AT_32, "network": "r3gan32", "width": 8, "normalization": "none"}),
}


def recipe(name: str, **more: Setting) -> Recipe:
    base, changes = RUNS[name]
    return small(base, **{"steps": 3, **changes, **more})


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_goes_on_is_one_that_never_stopped(tmp_path: Path, name: str) -> None:
    before = torch.random.get_rng_state()
    data: dict[str, Setting] = {"data": grey_folder(tmp_path / "images")} if name.endswith("32") else {}
    straight = train(recipe(name, **data), tmp_path / "straight", device="cpu")
    train(recipe(name, steps=2, **data), tmp_path / "stopped", device="cpu")
    resumed = train(recipe(name, **data), tmp_path / "stopped", device="cpu")
    assert identical(straight, resumed)
    assert torch.equal(before, torch.random.get_rng_state())
    shared = tmp_path / "shared.safetensors"
    checkpoint.save(shared, replace(checkpoint.load(straight), training={}))
    for network in ("generator", "discriminator"):
        ours, theirs = (getattr(load_contestant(path), network) for path in (straight, shared))
        inputs = torch.rand(3, *ours.input_shape, generator=torch.Generator().manual_seed(0))
        assert torch.equal(ours(inputs), theirs(inputs)) and ours(inputs).isfinite().all()


def test_the_work_of_normalised_networks_is_that_of_plain_ones() -> None:
    """Power iterations are matrix–vector products, which the count leaves out."""
    spectral, plain = recipe("digits"), recipe("digits", normalization="batch")
    work = [estimated_work(each, shape=(1, 8, 8)).step_flop for each in (spectral, plain)]
    assert work[0] == pytest.approx(work[1], rel=0.01)


def test_two_of_them_are_cross_tested_and_left_as_they_were(tmp_path: Path) -> None:
    contestants = [
        load_contestant(train(recipe(name), tmp_path / name, device="cpu"), name=name)
        for name in ("digits", "both")
    ]
    networks = [network for contestant in contestants for network in contestant.networks]
    before = [{key: value.clone() for key, value in each.state_dict().items()} for each in networks]
    result = crosstest(contestants, data="digits", num_samples=64)
    assert {(cell.judge, cell.generator) for cell in result.cross} == {
        (judge, generator) for judge in ("digits", "both") for generator in ("digits", "both")
    }
    for network, state in zip(networks, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def players_of(chosen: Recipe) -> Players:
    return make_players(chosen, architectures(chosen, (1, 8, 8)), torch.device("cpu"))


def changed(network: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """Last parts of the names of what is no longer as before."""
    state = network.state_dict()
    return {key.rpartition(".")[2] for key in state if not torch.equal(state[key], before[key])}


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def test_the_opponents_update_moves_singular_vectors_and_nothing_else() -> None:
    chosen = recipe("both")
    players = players_of(chosen)
    stream = Stream(0, "here")
    latents = torch.from_numpy(stream.uniforms(0, 8, chosen.latent_dim)).float()
    real = torch.from_numpy(stream.uniforms(1_000, 8, 64)).float().reshape(8, 1, 8, 8)
    step = Step(players, chosen, gamma=0.1, update=0)
    discriminator = snapshot(players.discriminator)
    generator_step(step, latents=latents)
    assert changed(players.discriminator, discriminator) == {"_u", "_v"}
    generator = snapshot(players.generator)
    discriminator_step(step, real=real, latents=latents)
    assert changed(players.generator, generator) == {"_u", "_v"}  # batch norm's averages stand still


def test_an_average_is_divided_by_its_own_largest_singular_value() -> None:
    chosen = recipe("both")
    players = players_of(chosen)
    average = deepcopy(players.generator).requires_grad_(False)
    run = Run(
        recipe=chosen, device=torch.device("cpu"), data=load("digits"), players=players, average=average,
        architectures=architectures(chosen, (1, 8, 8)),
    )  # fmt: skip
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in players.generator.parameters():
            weight.normal_(generator=random)  # far from the vectors that it has
    for step in range(1, 61):
        run.update_average(step)
    for layer in average.eval().modules():
        if isinstance(layer, Weighted):
            transposed = isinstance(layer, nn.ConvTranspose2d)
            matrix = (layer.weight.transpose(0, 1) if transposed else layer.weight).flatten(1)
            assert float(torch.linalg.matrix_norm(matrix, ord=2)) == pytest.approx(1, rel=1e-2)


def test_the_gradient_is_that_of_the_normalised_weights() -> None:
    """∂L/∂W through W/(uᵀWv) with u and v held constant, by central differences in float64."""
    chosen = recipe("digits").with_changes({"regularizer": "jensen-shannon", "gamma": 0.5})
    players = players_of(chosen)
    discriminator = players.discriminator.double()
    assert players.route.traced
    for module in discriminator.modules():
        if isinstance(module, ParametrizationList):
            module.eval()
    random = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(4, 1, 8, 8, generator=random, dtype=torch.float64) for _ in range(2))
    step = Step(players, chosen, gamma=0.5, update=0)

    def loss() -> float:
        result = step.add_gradients(real, fake).result
        assert result.penalty is not None
        return float(result.loss + 0.25 * result.penalty)

    loss()
    parameters = list(discriminator.parameters())
    directions = [torch.randn(p.shape, generator=random, dtype=p.dtype) * 0.02 for p in parameters]
    slope = sum(
        float((p.grad * d).sum()) for p, d in zip(parameters, directions, strict=True) if p.grad is not None
    )
    values = []
    for offset in (1e-5, -2e-5):
        torch._foreach_add_([p.data for p in parameters], directions, alpha=offset)
        values.append(loss())
    assert slope == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("damage", ["missing", "shape", "nan"])
def test_damaged_singular_vectors_are_refused(tmp_path: Path, damage: str) -> None:
    loaded = checkpoint.load(train(recipe("digits"), tmp_path / "run", device="cpu"))
    key = "0.parametrizations.weight.0._u"
    state = dict(loaded.discriminator_state)
    if damage == "missing":
        del state[key]
    else:
        state[key] = state[key][:-1].clone() if damage == "shape" else state[key] * float("nan")
    path = tmp_path / "damaged.pt"
    checkpoint.save(path, replace(loaded, discriminator_state=state))
    with pytest.raises(CheckpointError, match=r"the keys of|expected|NaN"):
        checkpoint.load(path)
