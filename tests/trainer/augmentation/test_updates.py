"""Both players see augmented samples, and the generator's gradient passes through the transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from discriminators import gradients
from small_recipes import small

from gancross.machine.distributed import Processes
from gancross.trainer.augmentation.adaptive import AdaptiveProbability
from gancross.trainer.augmentation.augment import augmented
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.state import architectures, make_players
from gancross.trainer.step import discriminator_step, generator_step
from gancross.trainer.update import Step

POLICIES: dict[str, dict[str, Setting]] = {
    "diffaugment": {"augment": "diffaugment", "augment_policy": "color,translation,cutout"},
    "ada": {"augment": "ada", "augment_policy": "bgc"},
}


@pytest.mark.parametrize("name", POLICIES)
def test_both_players_see_augmented_samples(name: str) -> None:
    """Where no regularizer takes the pass, D's inputs are recorded; G's gradient is autograd's by hand."""
    chosen = small("digits", normalization="none", gamma=0.0, **POLICIES[name])
    players = make_players(chosen, architectures(chosen, (1, 8, 8)), torch.device("cpu"))
    ada = AdaptiveProbability.at_start(chosen, torch.device("cpu"))
    p = None
    if ada is not None:
        p = ada.p.fill_(0.7).clone()
    random = torch.Generator().manual_seed(0)
    real, latents = torch.randn(16, 1, 8, 8, generator=random), torch.randn(16, 16, generator=random)
    fake = players.generator(latents)
    inputs: list[torch.Tensor] = []
    players.discriminator.register_forward_hook(
        lambda module, given, scores: inputs.append(given[0].detach())
    )
    step = Step(players, chosen, gamma=0.0, update=3, ada=ada)
    discriminator_step(step, real=real, latents=latents)
    expected = [augmented(x, chosen, player="discriminator", update=3, p=p) for x in (real, fake)]
    torch.testing.assert_close(torch.cat(inputs), torch.cat(expected).detach(), rtol=0, atol=1e-6)
    if ada is not None:  # changed after the fourth update, for the generator's step
        assert ada.p != p
        p = ada.p
    scores = players.discriminator(augmented(fake, chosen, player="generator", update=3, p=p))
    loss = torch.nn.functional.softplus(-scores).mean()
    by_hand = torch.autograd.grad(loss, list(players.generator.parameters()))
    generator_step(step, latents=latents)
    torch.testing.assert_close(gradients(players.generator), list(by_hand), rtol=1e-4, atol=1e-7)


@dataclass(frozen=True, kw_only=True)
class WithAnother(Processes):
    """Two processes, of which the other has the mean sign `other`."""

    size: int = 2
    other: float = 0.0

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """In place, as of `Processes`."""
        for tensor in tensors:
            tensor.add_(self.other).div_(2)


def test_signs_are_averaged_over_processes() -> None:
    chosen = small("digits", augment="ada", augment_policy="b")
    ada = AdaptiveProbability.at_start(chosen, torch.device("cpu"))
    assert ada is not None
    ada.observe(torch.ones(8), chosen, update=0, processes=WithAnother(other=-0.5))
    assert ada.signs.item() == 0.25
