"""Runs whose networks and images lie in channels-last memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from run_folders import identical, log, weights
from simulated_gpu import GPU, simulated_gpu
from small_recipes import small
from torch import nn

from gancross.checkpoint import file as checkpoint
from gancross.trainer.layout import batch_laid_out, network_laid_out
from gancross.trainer.loop import train
from gancross.trainer.optimizers import load_optimizer, make_optimizer
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.state import architectures, make_players
from gancross.trainer.step import simultaneous_step
from gancross.trainer.update import Step


def trained(folder: Path, *, steps: int = 4, channels_last: bool = True) -> Path:
    # Biases before batch norm have gradients of rounding alone, which Adam turns into whole steps.
    chosen = small("digits", steps=steps, normalization="none")
    return train(chosen, folder, device="cpu", checkpoint_every=2, log_every=1, channels_last=channels_last)


def test_a_run_is_the_contiguous_one_but_for_last_bits_and_its_files_are_alike(tmp_path: Path) -> None:
    contiguous = trained(tmp_path / "contiguous", channels_last=False)
    last = trained(tmp_path / "last")
    assert not identical(contiguous, last)
    for a, b in zip(weights(contiguous), weights(last), strict=True):
        assert b.is_contiguous()
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-6)  # a step is 2e-4
    both = checkpoint.load(contiguous), checkpoint.load(last)
    assert both[0].recipe == both[1].recipe
    assert list(both[0].discriminator_state) == list(both[1].discriminator_state)


def test_a_run_that_stops_resumes_bit_for_bit(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    trained(tmp_path / "parts", steps=2)
    assert identical(whole, trained(tmp_path / "parts"))
    assert log(tmp_path / "whole") == log(tmp_path / "parts")


def test_gradients_in_double_precision_are_those_of_contiguous_networks() -> None:
    chosen = recipe("cifar10-dcgan").with_changes({"width": 4, "normalization": "none", "batch_size": 4})
    shape = (3, 32, 32)
    start = torch.Generator().manual_seed(0)
    real = torch.rand(4, *shape, generator=start, dtype=torch.float64)
    latents = torch.randn(4, chosen.latent_dim, generator=start, dtype=torch.float64)
    found = []
    for channels_last in (False, True):
        pair = make_players(
            chosen, architectures(chosen, shape), torch.device("cpu"), channels_last=channels_last
        )
        pair.generator.double()
        pair.discriminator.double()
        batch = batch_laid_out(real, channels_last=channels_last)
        simultaneous_step(Step(pair, chosen, gamma=0.1, update=0), real=batch, latents=latents)
        found.append(
            [each.grad for player in (pair.generator, pair.discriminator) for each in player.parameters()]
        )
    for contiguous, last in zip(*found, strict=True):
        assert contiguous is not None and last is not None
        scale = float(contiguous.abs().max())
        torch.testing.assert_close(last, contiguous, rtol=0, atol=1e-12 * scale)


def test_own_networks_are_laid_out_where_that_is_asked_and_vectors_are_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 1))
    image = torch.rand(4, 2, 3, 3)
    for asked in (False, True):
        assert network_laid_out(network, channels_last=asked) is network
        images = batch_laid_out(image, channels_last=asked)
        for tensor in (network[0].weight, images):
            assert isinstance(tensor, torch.Tensor)
            assert tensor.is_contiguous(memory_format=torch.channels_last) == asked
        assert torch.equal(images, image)
    assert batch_laid_out(image[0, 0], channels_last=True).is_contiguous()


def test_volumes_beside_images_are_left_alone(tmp_path: Path) -> None:
    """Own networks with weights of five axes ended in a traceback."""

    def pair() -> tuple[nn.Module, nn.Module]:
        torch.manual_seed(0)
        generator = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
        deep = [nn.Unflatten(1, (1, 2)), nn.Conv3d(1, 2, (1, 3, 3)), nn.Flatten(), nn.Linear(144, 1)]
        return generator, nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), *deep)

    chosen = recipe("digits").with_changes({"network": "own", "latent_dim": 4, "batch_size": 8, "steps": 1})
    runs = [
        train(chosen, tmp_path / str(last), networks=pair(), device="cpu", channels_last=last)
        for last in (False, True)
    ]
    for a, b in zip(*map(weights, runs), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("fresh", [True, False], ids=["made", "resumed"])
def test_fused_adam_has_its_count_of_steps_on_the_gpu(fresh: bool) -> None:
    network = nn.Linear(2, 1)
    chosen = recipe("mixture")
    with simulated_gpu() as gpu:
        network.to(GPU)
        optimizer = make_optimizer(network, chosen)
        network(torch.ones(1, 2).to(GPU)).sum().backward()
        optimizer.step()
        if not fresh:
            state = optimizer.state_dict()
            optimizer = make_optimizer(network, chosen)
            load_optimizer(optimizer, state)
        before = gpu.waits.copy()
        optimizer.step()
        assert gpu.waits == before
        states = [each for state in optimizer.state.values() for each in state.values()]
        assert len(states) == 6 and all(each.device == GPU for each in states)
