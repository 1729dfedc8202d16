"""Small good checkpoints of several architectures, with optimizer states."""

from __future__ import annotations

import torch

from gancross.checkpoint.checkpoint import Checkpoint
from gancross.checkpoint.file import WRITERS
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.state import architectures, make_players

BASES = {
    "mixture": ((3,), {"width": 8}),
    "digits": ((1, 8, 8), {"width": 4}),
    "cifar10-wgan": ((3, 32, 32), {"width": 4, "latent_dim": 4}),
    "lsun-resnet": ((3, 64, 64), {"width": 2, "latent_dim": 4}),
}


def bases() -> dict[str, dict[str, bytes]]:
    """Suffix → name → content of small good checkpoints with optimizer states."""
    checkpoints = {name: _checkpoint(name) for name in BASES}
    return {suffix: {name: writer(checkpoints[name]) for name in BASES} for suffix, writer in WRITERS.items()}


def _checkpoint(name: str) -> Checkpoint:
    sample, changes = BASES[name]
    chosen = recipe(name).with_changes(dict(changes))
    generator, discriminator = architectures(chosen, sample)
    players = make_players(chosen, (generator, discriminator), torch.device("cpu"))
    for network in (players.generator, players.discriminator):
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
    players.generator_optimizer.step()
    players.discriminator_optimizer.step()
    averaged = {key: value.clone() for key, value in players.generator.state_dict().items()}
    return Checkpoint(
        recipe=chosen.to_dict(), method=chosen.method, step=1,
        generator=generator, discriminator=discriminator,
        generator_state=averaged, weights="ema",
        discriminator_state=players.discriminator.state_dict(),
        sample_shape=sample, latent_dim=chosen.latent_dim, latent=chosen.latent, data_range=(-1.0, 1.0),
        score_kind="logit", orientation="real_high", threshold=0.0, batch_size=8,
        training={
            "generator": players.generator.state_dict(),
            "generator_optimizer": players.generator_optimizer.state_dict(),
            "discriminator_optimizer": players.discriminator_optimizer.state_dict(),
        },
    )  # fmt: skip
