"""Recipes: valid combinations of fields, the method's name, and the paper's experiments."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import heavy_imports

from gancross.errors import UsageError
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import RECIPES, SOURCES, recipe
from gancross.trainer.recipes.objective_settings import OBJECTIVES, matching_regularizers
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.recipes.settings import parse_setting

MIXTURE = recipe("mixture")


@pytest.mark.parametrize("name", RECIPES)
def test_named_recipe_has_a_source_and_survives_json(name: str) -> None:
    chosen = RECIPES[name]
    assert chosen.name == chosen.method == name
    assert SOURCES[name].strip()
    assert Recipe.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_recipes_are_distinct_except_the_declared_synonym() -> None:
    names: dict[str, str] = {}
    for name, chosen in RECIPES.items():
        key = json.dumps(chosen.to_dict() | {"name": ""})
        assert names.setdefault(key, name) == ("cifar10-dcgan" if name == "cifar10-dcgan-gamma0.1" else name)


EXPECTED: dict[str, dict[str, Setting]] = {
    "mixture": {"batch_size": 512, "learning_rate": 1e-3, "gamma": 0.1, "activation": "tanh"},
    "mixture-nphi5": {"n_phi": 5},
    "mixture-z15": {"latent_dim": 15},
    "mixture-gamma0.01-annealed": {"gamma": 0.01, "anneal": True},
    "cifar10-dcgan": {"steps": 50 * 781, "learning_rate": 2e-4, "latent": "uniform", "activation": "relu"},
    "cifar10-noise0.1-nsr4-d-only": {
        "noise": "gaussian", "noise_variance": 0.1, "nsr": 4, "noise_players": "discriminator",
        "regularizer": "none",
    },
    "cifar10-noise0.1-laplacian": {"noise": "laplacian", "nsr": 1},
    "cifar10-wgan": {
        "objective": "wgan", "optimizer": "rmsprop", "learning_rate": 5e-5, "n_phi": 5, "clip": 0.01,
    },
    "cifar10-wgan-gp": {
        "objective": "wgan-gp", "regularizer": "gradient-penalty", "gradient_penalty": 10.0, "n_phi": 5,
        "learning_rate": 1e-4, "beta1": 0.0, "beta2": 0.9, "normalization": "layer", "optimizer": "adam",
    },
    "cifar10-lsgan": {"objective": "lsgan", "optimizer": "rmsprop", "learning_rate": 1e-4, "n_phi": 1},
    "cifar10-dcgan-lr1e-3": {"learning_rate": 1e-3},
    "lsun-resnet": {
        "data": "lsun-bedroom", "network": "resnet64", "gamma": 2.0, "anneal": True, "gamma_decay": 0.01,
        "steps": 200_000, "latent_dim": 128, "latent": "normal", "batch_size": 64, "width": 64,
    },
    "lsun-dcgan-no-normalization": {"network": "dcgan64", "normalization": "none"},
    "lsun-dcgan-tanh": {"activation": "tanh", "normalization": "batch"},
    "digits-r1": {
        "objective": "js-logit", "regularizer": "r1", "gamma": 20.0, "optimizer": "rmsprop",
        "learning_rate": 1e-4, "ema": 0.999,
    },
    "cifar10-r3gan": {
        "objective": "relativistic", "regularizer": "r1+r2", "gamma": 0.05, "anneal": True,
        "gamma_decay": 0.1, "anneal_shape": "cosine", "beta1": 0.0, "beta2": 0.9, "beta2_end": 0.99,
        "learning_rate": 2e-4, "schedule": "cosine", "schedule_end": 0.25, "batch_size": 512, "steps": 39_063,
        "network": "r3gan32", "width": 768, "normalization": "none",
    },
    "cifar10-sngan": {
        "objective": "hinge", "network": "sngan32", "width": 64, "normalization": "spectral", "n_phi": 5,
        "learning_rate": 2e-4, "beta1": 0.0, "beta2": 0.9, "schedule": "linear", "schedule_end": 0.0,
        "batch_size": 64, "steps": 50_000,
    },
    "cifar10-lecam": {
        "objective": "hinge", "regularizer": "none", "lecam": 0.3, "lecam_decay": 0.9, "lecam_from": 1_001,
        "n_phi": 4, "beta1": 0.0, "beta2": 0.999, "learning_rate": 2e-4,
    },
    "cifar10-dragan": {
        "regularizer": "dragan", "gradient_penalty": 10.0, "learning_rate": 1e-4, "beta1": 0.5, "beta2": 0.9,
    },
    "mixture-wgan-lp": {"objective": "wgan-lp", "regularizer": "lipschitz-penalty", "gradient_penalty": 10.0},
    "mixture-r2": {"regularizer": "r2", "gamma": 0.1, "optimizer": "adam", "learning_rate": 1e-3},
    "celeba-resnet-gamma0.5": {"data": "celeba", "gamma": 0.5, "anneal": True, "steps": 100_000},
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_experiment_is_that_of_the_paper(name: str) -> None:
    values = RECIPES[name].to_dict()
    assert {key: values[key] for key in EXPECTED[name]} == EXPECTED[name]


def test_all_noise_levels_of_figures_4_and_9() -> None:
    names = {
        f"cifar10-noise{variance}{nsr}{players}" for variance in (0.01, 0.1, 1.0)
        for nsr in ("", "-nsr2", "-nsr4", "-nsr8") for players in ("", "-d-only")
    }  # fmt: skip
    assert names <= RECIPES.keys()


def test_names_are_readable_without_torch() -> None:
    heavy, _ = heavy_imports("from gancross.trainer.recipes.named_recipes import RECIPES")
    assert "torch" not in heavy


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_another_objective_brings_its_own_regularizer(objective: str) -> None:
    chosen = MIXTURE.with_changes({"objective": objective})
    own = {"js-logit": "jensen-shannon", "relativistic": "r1+r2", "wgan-gp": "gradient-penalty"}
    own |= {"wgan-lp": "lipschitz-penalty"} | dict.fromkeys(("lsgan", "hinge", "wgan"), "none")
    assert chosen.regularizer == own.get(objective, "f-divergence") == matching_regularizers(objective)[0]
    assert chosen.gamma == (0.1 if chosen.regularizer in WEIGHTINGS else 0.0)
    assert Recipe.from_dict(chosen.to_dict()) == chosen
    back = chosen.with_changes({"objective": "js-logit", "gamma": 0.1})
    assert back == MIXTURE


def test_unregularized_stays_unregularized_under_another_objective() -> None:
    plain = MIXTURE.with_changes({"gamma": 0.0})
    assert plain.with_changes({"objective": "kl"}).regularizer == "none"
    assert plain.with_changes({"objective": "kl", "gamma": 0.1}).regularizer == "f-divergence"


def test_zero_gamma_and_no_regularizer_are_one_recipe() -> None:
    plain = MIXTURE.with_changes({"regularizer": "none"})
    assert plain == MIXTURE.with_changes({"gamma": 0.0})
    assert plain == MIXTURE.with_changes({"gamma": 0.0, "anneal": True, "regularizer": "jensen-shannon"})
    assert plain.method == "mixture regularizer=none"


def test_inherited_settings_without_influence_become_neutral() -> None:
    noisy = RECIPES["cifar10-noise0.1-nsr4-d-only"].with_changes({"noise": "none"})
    assert (noisy.noise_variance, noisy.nsr, noisy.noise_players) == (0.0, 1, "both")
    saturating = MIXTURE.with_changes({"generator_loss": "saturating"})
    assert saturating.with_changes({"objective": "wgan"}).generator_loss == "non-saturating"
    clipped = MIXTURE.with_changes({"objective": "wgan", "clip": 0.1})
    assert clipped.with_changes({"objective": "js-logit", "gamma": 0.1}) == MIXTURE


REFUSED: list[tuple[dict[str, Setting], str]] = [
    ({"objective": "kl", "regularizer": "jensen-shannon"}, "regularizer=f-divergence"),
    ({"regularizer": "f-divergence"}, "regularizer=jensen-shannon or r1 or r2 or r1[+]r2 or dragan or none"),
    ({"objective": "wgan", "regularizer": "r1"}, "does not fit objective=wgan: use regularizer=none"),
    ({"objective": "wgan-lp", "regularizer": "none"}, "use regularizer=lipschitz-penalty"),
    ({"objective": "hinge", "gamma": 0.1}, "gamma=0.1 would do nothing"),
    ({"regularizer": "dragan", "gamma": 0.1}, "gamma=0.1 would do nothing"),
    ({"regularizer": "dragan", "penalty_every": 4}, "penalty_every=4 would do nothing"),
    ({"objective": "hinge", "generator_loss": "saturating"}, "only one generator loss"),
    ({"regularizer": "r1", "regularize_generator": True}, "r1 has no term over generated samples"),
    ({"network": "own", "conditional": "labels"}, "networks of your own are trained without labels"),
    ({"lecam": 0.3, "accumulate": 2}, "lecam needs accumulate=1"),
    ({"regularizer": "dragan", "accumulate": 2}, "regularizer=dragan needs accumulate=1"),
    ({"lecam_decay": 0.99}, "lecam_decay=0.99 would do nothing: set lecam"),
    ({"lecam_from": 9}, "lecam_from=9 would do nothing: set lecam"),
    ({"lecam": -1.0}, "lecam must be a number"),
    (
        {"objective": "relativistic", "noise": "gaussian", "noise_variance": 0.1, "nsr": 4,
         "noise_players": "discriminator"},
        "needs noise_players=both or nsr=1",
    ),
    ({"regularizer": "gradient-penalty"}, "does not fit objective=js-logit"),
    ({"objective": "wgan", "regularizer": "gradient-penalty"}, "does not fit objective=wgan"),
    ({"objective": "wgan-gp", "regularizer": "none"}, "use regularizer=gradient-penalty"),
    ({"objective": "wgan", "gamma": 0.1}, "gamma=0.1 would do nothing"),
    ({"objective": "wgan-gp", "gamma": 0.1}, "gamma=0.1 would do nothing"),
    ({"regularizer": "none", "gamma": 0.1}, "gamma=0.1 would do nothing"),
    ({"regularizer": "none", "regularize_generator": True}, "regularize_generator=True would do nothing"),
    ({"regularize_generator_from": 9}, "set regularize_generator=true"),
    ({"gamma_decay": 0.5}, "gamma_decay=0.5 would do nothing: set anneal=true"),
    ({"optimizer": "rmsprop", "beta1": 0.9}, "beta1=0.9 would do nothing: optimizer=rmsprop has no β"),
    ({"objective": "lsgan", "generator_loss": "saturating"}, "only one generator loss"),
    ({"nsr": 4}, "there is no noise"),
    ({"noise_variance": 0.1}, "set noise=gaussian"),
    ({"noise_players": "discriminator"}, "there is no noise"),
    ({"noise": "gaussian"}, "needs noise_variance above 0"),
    ({"noise": "laplacian", "noise_variance": 0.1, "nsr": 3}, "not divisible by nsr=3"),
    ({"clip": 0.1}, "only objective=wgan clips"),
    ({"gradient_penalty": 1.0}, "only regularizer=gradient-penalty or lipschitz-penalty or dragan has a λ"),
    ({"objective": "total-variation"}, r"f\*'' = 0"),
    ({"objective": "klx"}, "did you mean 'kl'"),
    ({"optimizer": "sgd"}, "unknown value for optimizer"),
    ({"gama": 0.1}, "did you mean 'gamma'"),
    ({"gamma": float("nan")}, "gamma must be a number"),
    ({"clip": 0.0}, "clip must be a number"),
    ({"n_phi": 1.5}, "n_phi must be an integer"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_nonsense_is_refused_in_one_line(changes: dict[str, Setting], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        MIXTURE.with_changes(changes)
    assert "\n" not in str(caught.value)


def test_regularizer_without_a_gamma_is_refused() -> None:
    with pytest.raises(UsageError, match="regularizer=jensen-shannon needs gamma above 0"):
        RECIPES["cifar10-noise0.1"].with_changes({"regularizer": "jensen-shannon"})


def test_explicit_noise_and_regularizer_may_stand_together() -> None:
    both = MIXTURE.with_changes({"noise": "gaussian", "noise_variance": 0.1})
    assert (both.regularizer, both.noise) == ("jensen-shannon", "gaussian")


@given(
    objective=st.sampled_from(OBJECTIVES),
    gamma=st.sampled_from([None, 0.0, 0.5]),
    noise=st.sampled_from(["none", "gaussian", "laplacian"]),
    nsr=st.sampled_from([None, 1, 4]),
    anneal=st.booleans(),
)
def test_every_accepted_recipe_has_its_settings_and_survives_a_round_trip(
    objective: str, gamma: float | None, noise: str, nsr: int | None, anneal: bool
) -> None:
    settings: dict[str, Setting] = {"objective": objective, "gamma": gamma, "noise": noise, "nsr": nsr}
    settings |= {"noise_variance": 0.1 if noise != "none" else None, "anneal": anneal or None}
    changes = {key: value for key, value in settings.items() if value is not None}
    try:
        chosen = MIXTURE.with_changes(changes)
    except UsageError:
        return
    values = chosen.to_dict()
    assert Recipe.from_dict(values) == chosen
    if gamma == 0.0:
        changes.pop("anneal", None)  # no effect without a regularizer
    assert {key: values[key] for key in changes} == changes


def test_annealing_is_that_of_algorithm_1() -> None:
    annealed = MIXTURE.with_changes({"anneal": True, "gamma": 2.0, "steps": 100})
    assert annealed.gamma_at(100) == pytest.approx(0.02)
    assert annealed.gamma_at(50) == pytest.approx(0.2)
    assert MIXTURE.gamma_at(1) == 0.1


def test_settings_parse_in_the_type_of_their_field() -> None:
    assert parse_setting("regularize_generator=true") == ("regularize_generator", True)
    assert parse_setting("noise_variance=0.5") == ("noise_variance", 0.5)
    assert parse_setting("image_size=none") == ("image_size", None)
    assert parse_setting("regularizer=none") == ("regularizer", "none")
    with pytest.raises(UsageError, match="nsr must be an integer"):
        parse_setting("nsr=two")


@pytest.mark.parametrize(
    ("objective", "fitting"),
    [
        ("js-logit", ("jensen-shannon", "r1", "r2", "r1+r2", "dragan", "none")),
        ("kl", ("f-divergence", "r1", "r2", "r1+r2", "dragan", "none")),
        ("lsgan", ("none", "r1", "r2", "r1+r2", "dragan")),
        ("hinge", ("none", "r1", "r2", "r1+r2", "dragan")),
        ("relativistic", ("r1+r2", "r1", "r2", "dragan", "none")),
        ("wgan", ("none",)),
        ("wgan-gp", ("gradient-penalty",)),
        ("wgan-lp", ("lipschitz-penalty",)),
    ],
)
def test_each_objective_has_its_regularizers(objective: str, fitting: tuple[str, ...]) -> None:
    assert matching_regularizers(objective) == fitting


@pytest.mark.parametrize("name", ["folder:a\nb", "folder:\x1b[31m", "folder:\udcff"])
def test_data_whose_name_no_checkpoint_can_hold_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(UsageError, match="rename the folder"):
        recipe("digits").with_changes({"data": name})
