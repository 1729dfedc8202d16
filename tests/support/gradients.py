"""The gradients of one D step and one G step of many recipes, divided among processes: gradients.py OUT."""

from __future__ import annotations

import sys
from itertools import pairwise

import torch
from torch import nn

from gancross import models
from gancross.machine.distributed import Processes, current, joined
from gancross.trainer.gradient.route import Route, route_of
from gancross.trainer.labels import BatchLabels, batch_labels
from gancross.trainer.noise import distinct_samples
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.step import discriminator_step, generator_step
from gancross.trainer.update import Players, Step, StepMetrics

BASE = recipe("mixture").with_changes({"batch_size": 16, "gamma": 0.5})
NOISE: dict[str, Setting] = {"regularizer": "none", "noise_variance": 0.25}
CHANGES: dict[str, dict[str, Setting]] = {
    "none": {"regularizer": "none"},
    "saturating": {"regularizer": "none", "generator_loss": "saturating"},
    "lazy": {"penalty_every": 3},
    "r1": {"regularizer": "r1"},
    "dragan": {"regularizer": "dragan"},
    "lecam": {"objective": "hinge", "lecam": 0.3},
    "relativistic, noise": {
        "objective": "relativistic", "noise": "gaussian", "noise_variance": 0.25, "nsr": 4,
    },
    "labels": {"conditional": "labels"},
    **{objective: {"objective": objective} for objective in OBJECTIVES},
    **{
        f"{objective}, both players": {"objective": objective, "regularize_generator": True}
        for objective in OBJECTIVES
        if BASE.with_changes({"objective": objective}).regularizer in WEIGHTINGS
    },
    **{
        f"{noise}, nsr {nsr}, {players}": {
            **NOISE, "noise": noise, "nsr": nsr, "noise_players": players,
        }
        for noise in ("gaussian", "laplacian") for nsr in (1, 4) for players in ("both", "discriminator")
    },
}  # fmt: skip
CASES = {name: BASE.with_changes(changes) for name, changes in CHANGES.items()}


def network(*sizes: int, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.Tanh()]
    stack = nn.Sequential(*layers[:-1]).double()
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return stack


def conditional_pair() -> list[nn.Module]:
    parts: dict[str, models.Argument] = {"channels": 3, "width": 8, "num_classes": 7}
    architectures = [
        models.Architecture(name="conditional-mlp", arguments=parts | {"latent_dim": 2}),
        models.Architecture(name="projection-mlp", arguments=parts),
    ]
    generator = torch.Generator().manual_seed(3)
    return [models.initialised(architecture, generator).double() for architecture in architectures]


def given_labels(chosen: Recipe, share: slice, *seeds: int) -> BatchLabels | None:
    """A share of the labels of generated samples, then of real ones."""
    if chosen.conditional == "none":
        return None
    drawn = [torch.randint(7, (16,), generator=torch.Generator().manual_seed(seed))[share] for seed in seeds]
    return batch_labels(chosen, fake=drawn[0], real=drawn[-1])


def draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(
    chosen: Recipe, processes: Processes, *, closed_form: bool = False
) -> tuple[StepMetrics, StepMetrics, list[torch.Tensor]]:
    """The metrics of both steps, the gradients of both networks, and D's weights after its step."""
    generator, discriminator = network(2, 8, 3, seed=1), network(3, 8, 8, 1, seed=2)
    if chosen.conditional == "labels":
        generator, discriminator = conditional_pair()
    players = Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=make_optimizer(generator, chosen),
        discriminator_optimizer=make_optimizer(discriminator, chosen),
        route=route_of(discriminator) if closed_form else Route(),
        score_averages=torch.ones(2, dtype=torch.float64) if chosen.lecam > 0 else None,
    )  # fmt: skip
    share = processes.share(distinct_samples(chosen, "discriminator"))
    labels = given_labels(chosen, share, 7, 8)
    metrics_d = discriminator_step(
        Step(players, chosen, gamma=chosen.gamma, update=5, measure=True, processes=processes, labels=labels),
        real=draw(16, 3, seed=3)[share],
        latents=draw(16, 2, seed=4)[share],
    )
    share = processes.share(distinct_samples(chosen, "generator"))
    result = [
        parameter.grad.clone() for parameter in discriminator.parameters() if parameter.grad is not None
    ]
    labels = given_labels(chosen, share, 9)
    metrics_g = generator_step(
        Step(players, chosen, gamma=chosen.gamma, update=5, measure=True, processes=processes, labels=labels),
        latents=draw(16, 2, seed=6)[share], real=draw(16, 3, seed=3)[share],
    )  # fmt: skip
    result += [parameter.grad for parameter in generator.parameters() if parameter.grad is not None]
    return metrics_d, metrics_g, [*result, *(weight.detach() for weight in discriminator.parameters())]


def every_case(processes: Processes) -> dict[str, list[torch.Tensor]]:
    suffixes = {False: "", True: ", closed form"}
    return {
        name + suffix: gradients(chosen, processes, closed_form=closed_form)[2]
        for name, chosen in CASES.items() for closed_form, suffix in suffixes.items()
    }  # fmt: skip


@joined()
def main(out: str) -> None:
    processes = current()
    torch.save(every_case(processes), f"{out}.{processes.rank}")


if __name__ == "__main__":
    main(sys.argv[1])
