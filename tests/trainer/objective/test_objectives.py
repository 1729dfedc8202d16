"""Losses: the authors' figures, closed forms, and the formulas of the paper."""

from __future__ import annotations

import pytest
import torch

from gancross.errors import UsageError
from gancross.score_kinds import SCORE_KINDS
from gancross.trainer.divergences import DIVERGENCES
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.recipes import objective_settings as recipes

GENERATOR = torch.Generator().manual_seed(0)
REAL = torch.randn(64, generator=GENERATOR, dtype=torch.float64)
FAKE = torch.randn(64, generator=GENERATOR, dtype=torch.float64) - 0.5


def test_every_objective_that_recipes_name_exists() -> None:
    assert tuple(OBJECTIVES) == recipes.OBJECTIVES


@pytest.mark.parametrize("name", DIVERGENCES)
def test_f_gan_loss_is_equation_7(name: str) -> None:
    entry, objective = DIVERGENCES[name], OBJECTIVES[name]
    psi_real, psi_fake = entry.activation(REAL), entry.activation(FAKE)
    bound = psi_real.mean() - entry.conjugate(psi_fake).mean()
    torch.testing.assert_close(objective.discriminator_loss(real=REAL, fake=FAKE), -bound)
    torch.testing.assert_close(
        objective.generator_losses["saturating"](real=REAL, fake=FAKE), -entry.conjugate(psi_fake).mean()
    )
    torch.testing.assert_close(
        objective.generator_losses["non-saturating"](real=REAL, fake=FAKE), -psi_fake.mean()
    )


def test_logit_form_is_the_f_gan_of_equation_22() -> None:
    for losses in ("non-saturating", "saturating"):
        torch.testing.assert_close(
            OBJECTIVES["js-logit"].generator_losses[losses](real=REAL, fake=FAKE),
            OBJECTIVES["gan"].generator_losses[losses](real=REAL, fake=FAKE),
        )
    torch.testing.assert_close(
        OBJECTIVES["js-logit"].discriminator_loss(real=REAL, fake=FAKE),
        OBJECTIVES["gan"].discriminator_loss(real=REAL, fake=FAKE),
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_are_oriented_real_high(name: str) -> None:
    """Real is positive in every objective."""
    objective = OBJECTIVES[name]
    scores = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    for loss in objective.generator_losses.values():
        assert bool((torch.autograd.grad(loss(real=REAL[:4], fake=scores), scores)[0] < 0).all())
    low, high = torch.full((2, 4), 0.2, dtype=torch.float64) + torch.tensor([[0.0], [0.2]])
    assert objective.discriminator_loss(real=high, fake=low) < objective.discriminator_loss(
        real=low, fake=high
    )


@pytest.mark.parametrize("name", DIVERGENCES)
def test_identical_distributions_have_divergence_f_of_one(name: str) -> None:
    """At the threshold score the bound is D_f(P‖P) = f(1)."""
    entry = DIVERGENCES[name]
    scores = torch.full((8,), entry.threshold, dtype=torch.float64)
    loss = OBJECTIVES[name].discriminator_loss(real=scores, fake=scores)
    assert float(-loss) == pytest.approx(float(entry.f(torch.ones((), dtype=torch.float64))), abs=1e-15)


def test_least_squares_by_hand() -> None:
    objective = OBJECTIVES["lsgan"]
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])
    assert float(objective.discriminator_loss(real=real, fake=fake)) == (0 + 4) / 4 + (0 + 4) / 4
    assert float(objective.generator_losses["non-saturating"](real=real, fake=fake)) == (1 + 1) / 2
    assert SCORE_KINDS[objective.score_kind].threshold == 0.5


def test_hinge_by_hand() -> None:
    objective = OBJECTIVES["hinge"]
    real, fake = torch.tensor([0.5, 3.0]), torch.tensor([-3.0, 2.0])
    assert float(objective.discriminator_loss(real=real, fake=fake)) == (0.5 + 0) / 2 + (0 + 3) / 2
    assert float(objective.generator_losses["non-saturating"](real=real, fake=fake)) == 0.5
    assert SCORE_KINDS[objective.score_kind].threshold == 0.0
    assert SCORE_KINDS[objective.score_kind].log_ratio is None


# softplus(−(D(x) − D(G(z)))) and softplus(−(D(G(z)) − D(x))) of these logits, by numpy.
LOGITS_REAL, LOGITS_FAKE = [1.5, -0.5, 30.0, 0.0], [-1.0, 2.0, -10.0, 0.0]
R3GAN_D, R3GAN_G = 0.8377316622862612, 10.837731662286261


def test_relativistic_losses_are_r3gan_s() -> None:
    objective = OBJECTIVES["relativistic"]
    real, fake = (torch.tensor(logits, dtype=torch.float64) for logits in (LOGITS_REAL, LOGITS_FAKE))
    loss = objective.discriminator_loss(real=real, fake=fake)
    generator_loss = objective.generator_losses["non-saturating"](real=real, fake=fake)
    assert loss.item() == pytest.approx(R3GAN_D, rel=1e-12)
    assert generator_loss.item() == pytest.approx(R3GAN_G, rel=1e-12)
    moved = objective.discriminator_loss(real=real + 5, fake=fake + 5)
    torch.testing.assert_close(moved, loss)  # only differences count
    assert SCORE_KINDS[objective.score_kind].threshold is None


@pytest.mark.parametrize("shape", [(3,), (4, 1), (1,)], ids=["fewer", "column", "one"])
def test_relativistic_losses_refuse_what_would_be_broadcast(shape: tuple[int, ...]) -> None:
    objective = OBJECTIVES["relativistic"]
    for loss in (objective.discriminator_loss, objective.generator_losses["non-saturating"]):
        with pytest.raises(UsageError, match=r"expected as many scores of each, got \(4,\) and"):
            loss(real=torch.zeros(4), fake=torch.zeros(shape))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_paired_losses_of_generators_read_real_scores(name: str) -> None:
    objective = OBJECTIVES[name]
    assert objective.generator_sees_real == (name in recipes.PAIRED)
    for loss in objective.generator_losses.values():
        if objective.generator_sees_real:
            assert loss(real=REAL, fake=FAKE) != loss(real=REAL + 1, fake=FAKE)
        else:
            assert loss(real=torch.empty(0), fake=FAKE) == loss(real=REAL, fake=FAKE)


@pytest.mark.parametrize("name", ["wgan", "wgan-gp", "wgan-lp"])
def test_wasserstein_by_hand(name: str) -> None:
    objective = OBJECTIVES[name]
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])
    assert float(objective.discriminator_loss(real=real, fake=fake)) == -1.0
    assert {float(loss(real=real, fake=fake)) for loss in objective.generator_losses.values()} == {-1.0}
    assert SCORE_KINDS[objective.score_kind].threshold is None


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_s_scores_are_of_a_known_kind(name: str) -> None:
    assert OBJECTIVES[name].score_kind in SCORE_KINDS


def test_losses_take_a_column_of_scores() -> None:
    for objective in OBJECTIVES.values():
        torch.testing.assert_close(
            objective.discriminator_loss(real=REAL[:, None], fake=FAKE[:, None]),
            objective.discriminator_loss(real=REAL, fake=FAKE),
        )
