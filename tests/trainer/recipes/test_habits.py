"""Training habits in recipes: rates, schedules and averages at given steps, and what is refused."""

from __future__ import annotations

import math

import pytest

from gancross.errors import UsageError
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.habits import HABITS_OFF
from gancross.trainer.recipes.named_recipes import RECIPES, recipe
from gancross.trainer.recipes.recipe import Recipe

PAPER = ("mixture", "cifar10-dcgan", "cifar10-wgan-gp", "lsun-resnet", "celeba-resnet-gamma2.0", "digits")
HUNDRED: dict[str, Setting] = {"steps": 100, "learning_rate": 0.5}


def changed(**changes: Setting) -> Recipe:
    return recipe("digits").with_changes(changes)


@pytest.mark.parametrize("name", PAPER)
def test_all_are_off_in_the_paper_s_recipes(name: str) -> None:
    values = RECIPES[name].to_dict()
    assert {key: values[key] for key in HABITS_OFF} == HABITS_OFF
    assert RECIPES[name].learning_rate_at(7, "discriminator") == values["learning_rate"]
    assert RECIPES[name].betas_at(7, "discriminator") == (values["beta1"], values["beta2"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {1: 0.5, 50: 0.5, 100: 0.5}, id="constant"),
        pytest.param({"schedule": "linear"}, {1: 0.5, 51: 0.25, 100: 0.005}, id="linear-to-zero"),
        pytest.param(
            {"schedule": "linear", "schedule_end": 0.2, "schedule_from": 50},
            {1: 0.5, 51: 0.5, 76: 0.3, 100: 0.108},
            id="linear-late",
        ),
        pytest.param(
            {"schedule": "cosine", "schedule_end": 0.25},
            {1: 0.5, 26: 0.125 + 0.375 * (2 + math.sqrt(2)) / 4, 51: 0.3125, 76: 0.17991747},
            id="cosine-of-r3gan",
        ),
    ],
)
def test_the_rate_of_a_step_is_that_computed_by_hand(
    changes: dict[str, Setting], expected: dict[int, float]
) -> None:
    chosen = changed(**HUNDRED | changes)
    assert {step: chosen.learning_rate_at(step, "generator") for step in expected} == pytest.approx(expected)


def test_two_time_scales() -> None:
    """Heusel et al. 2017: rates of 1e-4 and 4e-4 (BigGAN's on ImageNet); both follow the schedule."""
    chosen = changed(
        learning_rate=1e-4, discriminator_learning_rate=4e-4, discriminator_beta1=0.0,
        discriminator_beta2=0.9, schedule="linear", steps=10,
    )  # fmt: skip
    assert chosen.learning_rate_at(6, "generator") == pytest.approx(5e-5)
    assert chosen.learning_rate_at(6, "discriminator") == pytest.approx(2e-4)
    assert chosen.betas_at(6, "generator") == (0.5, 0.999)
    assert chosen.betas_at(6, "discriminator") == (0.0, 0.9)
    assert "discriminator_learning_rate=0.0004" in chosen.method and "schedule=linear" in chosen.method


def test_a_discriminator_s_rate_that_is_the_generator_s_is_one_recipe() -> None:
    assert changed(discriminator_learning_rate=2e-4, discriminator_beta2=0.999) == changed()


def test_the_second_beta_moves_with_the_schedule() -> None:
    chosen = changed(steps=100, schedule="cosine", beta1=0.0, beta2=0.9, beta2_end=0.99)
    beta2 = {step: chosen.betas_at(step, "generator")[1] for step in (1, 51, 100)}
    assert beta2 == pytest.approx({1: 0.9, 51: 0.945, 100: 0.99 - 0.09 * (1 - math.cos(math.pi / 100)) / 2})


def test_gamma_anneals_exponentially_or_along_a_cosine() -> None:
    """R3GAN's γ on CIFAR-10: 0.05 → 0.005."""
    cosine = changed(gamma=0.05, anneal=True, anneal_shape="cosine", gamma_decay=0.1, steps=100)
    assert cosine.gamma_at(50) == pytest.approx(0.0275)
    assert cosine.gamma_at(25) == pytest.approx(0.005 + 0.045 * (2 + math.sqrt(2)) / 4)
    assert cosine.gamma_at(100) == pytest.approx(0.005)
    exponential = cosine.with_changes({"anneal_shape": "exponential"})
    assert exponential.gamma_at(50) == 0.05 * 0.1**0.5


def test_the_weight_of_an_image_halves_after_the_half_life() -> None:
    """At any batch size: the product of β over h thousand images is ½."""
    for batch_size in (10, 40):
        chosen = changed(batch_size=batch_size, ema_half_life=2.0)
        updates = range(500, 500 + 2000 // batch_size)
        assert math.prod(chosen.ema_decay_at(step) for step in updates) == pytest.approx(0.5)


def test_the_half_life_ramps_up_with_the_images_seen() -> None:
    """StyleGAN2-ADA: at most 0.05 of the images before the step; after 200 kimg 10 kimg are reached."""
    chosen = changed(batch_size=50, ema_half_life=10.0, ema_ramp_up=0.05)
    decays = {step: chosen.ema_decay_at(step) for step in (1, 2, 1001, 4001, 9001)}
    assert decays == pytest.approx(
        {1: 0.0, 2: 0.5**20, 1001: 0.5 ** (50 / 2500), 4001: 0.5**0.005, 9001: 0.5**0.005}
    )


def test_the_average_is_a_copy_before_its_first_step() -> None:
    chosen = changed(ema=0.9999, ema_from=1000)
    assert [chosen.ema_decay_at(step) for step in (1, 999, 1000)] == [0.0, 0.0, 0.9999]


REFUSED: dict[str, tuple[dict[str, Setting], str]] = {
    "end-of-no-schedule": ({"schedule_end": 0.5}, "set schedule=linear or schedule=cosine"),
    "start-of-no-schedule": ({"schedule_from": 5}, "set schedule=linear"),
    "late-schedule": ({"schedule": "linear", "schedule_from": 10_000}, "must be below steps=10000"),
    "beta2-of-no-schedule": ({"beta2_end": 0.99}, "set schedule=linear"),
    "beta-of-rmsprop": ({"optimizer": "rmsprop", "discriminator_beta1": 0.1}, "has no β"),
    "shape-of-no-annealing": ({"anneal_shape": "cosine"}, "set anneal=true"),
    "two-averages": ({"ema": 0.9, "ema_half_life": 1.0}, "two averages: set one to 0"),
    "ramp-of-no-half-life": ({"ema": 0.9, "ema_ramp_up": 0.1}, "set ema_half_life"),
    "start-of-no-average": ({"ema_from": 5}, "set ema or ema_half_life"),
    "buffers-of-no-average": ({"ema_buffers": "average"}, "set ema or ema_half_life"),
    "policy-of-nothing": ({"augment_policy": "bgc"}, "there is no augmentation"),
    "no-policy": ({"augment": "diffaugment"}, "for example, augment_policy=color,translation,cutout"),
    "unknown-policy": ({"augment": "diffaugment", "augment_policy": "bgc"}, "got 'bgc'"),
    "policy-twice": ({"augment": "diffaugment", "augment_policy": "color,color"}, "at most once"),
    "no-policy-of-ada": ({"augment": "ada"}, "augment=ada needs augment_policy=b, bg or bgc"),
    "target-of-no-ada": ({"ada_target": 0.5}, "only augment=ada adapts"),
    "speed-of-no-ada": ({"ada_speed": 100.0}, "only augment=ada adapts"),
    "parts": ({"accumulate": 3}, "batch_size=64 cannot be divided into accumulate=3 equal parts"),
    "parts-of-noise": (
        {"noise": "gaussian", "noise_variance": 0.1, "nsr": 8, "accumulate": 16}, "use a multiple of 128",
    ),
    "precision": ({"precision": "fp16"}, "unknown value for precision"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(name: str) -> None:
    changes, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as caught:
        changed(**changes)
    assert "\n" not in str(caught.value)
