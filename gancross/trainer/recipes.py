"""Recipes: everything that decides a training run, and the paper's experiments by name.

No torch here, so that `gancross recipes` and `--help` answer at once.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from gancross.errors import UsageError, unknown_name

Plain = bool | int | float | str | None


def within(interval: str) -> Any:
    """A required dataclass field whose numbers lie in an interval, e.g. "[0, 1)"."""
    return field(metadata={"interval": interval})


def contains(interval: str, value: float) -> bool:
    """Whether a finite value lies in an interval written as mathematicians do; NaN never does."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return math.isfinite(value) and above and below


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run, complete: the same recipe on the same machine gives the same weights.

    Attributes:
        name: the recipe this one was made from.
        data: `mixture`, `digits`, `cifar10`, or `folder:PATH`.
        image_size: side in pixels to which images are resized; None takes them as they are.
        batch_size: real and generated samples of one update, each (m of Algorithm 1).
        network: family of the generator–discriminator pair.
        width: unit of width of that family; the paper's is 128 (mlp) and 64 (all others).
        normalization: `batch`, `none`, or `layer`: layer norm in D and batch norm in G (WGAN-GP).
        activation: `relu` (ReLU in G, leaky ReLU 0.2 in D) or `tanh`, where the family has the choice.
        latent_dim: dimension of the latent z.
        latent: prior of z: `normal`, `uniform` on [−1, 1], `uniform01` on [0, 1].
        objective: `js-logit`, Eqs. 2 and 20.
        regularizer: `jensen-shannon` (Ω_JS of Eq. 20) or `none`.
        gamma: γ, variance of the virtual noise; γ₀ under annealing.
        anneal: γ_t = γ₀·α^(t/T) (Algorithm 1) instead of a constant γ.
        gamma_decay: α of the annealing.
        n_phi: discriminator updates per generator update (n_φ).
        generator_loss: `non-saturating` −ln σ(φ(G(z))) or `saturating` ln(1−σ(φ(G(z)))).
        learning_rate: Adam's, for both networks.
        beta1, beta2: Adam's decay rates of the moments.
        steps: generator updates (T).
        seed: of initial weights, latents and data order.
    """

    name: str
    data: str
    image_size: int | None = within("[1, 4096]")
    batch_size: int = within("[1, 1048576]")
    network: str
    width: int = within("[1, 16384]")
    normalization: Literal["batch", "none", "layer"]
    activation: Literal["relu", "tanh"]
    latent_dim: int = within("[1, 65536]")
    latent: Literal["normal", "uniform", "uniform01"]
    objective: Literal["js-logit"]
    regularizer: Literal["jensen-shannon", "none"]
    gamma: float = within("[0, inf)")
    anneal: bool
    gamma_decay: float = within("(0, 1]")
    n_phi: int = within("[1, 1000]")
    generator_loss: Literal["non-saturating", "saturating"]
    learning_rate: float = within("(0, 1]")
    beta1: float = within("[0, 1)")
    beta2: float = within("[0, 1)")
    steps: int = within("[1, 1e12]")
    seed: int = within("[0, 1e18]")

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(Recipe)
        for spec in dataclasses.fields(self):
            _check(spec.name, getattr(self, spec.name), hints[spec.name], spec.metadata)
        if self.regularizer != "none" and self.gamma == 0.0:
            # One spelling for one run: γ = 0 is the unregularized GAN.
            object.__setattr__(self, "regularizer", "none")
        if self.regularizer == "none":
            object.__setattr__(self, "gamma", 0.0)
            object.__setattr__(self, "anneal", False)

    def with_changes(self, changes: dict[str, Plain]) -> Recipe:
        """A copy with some fields replaced.

        Raises:
            UsageError: a key that is no field (the nearest one is named), or a bad value.
        """
        names = [spec.name for spec in dataclasses.fields(Recipe)]
        for key in changes:
            if key not in names:
                raise unknown_name("recipe key", key, names)
        regularizer = changes.get("regularizer", self.regularizer)
        if changes.get("gamma") and regularizer == "none":
            raise UsageError(f"gamma={changes['gamma']} with regularizer=none: leave one of them out")
        return dataclasses.replace(self, **typing.cast(dict[str, Any], changes))

    def to_dict(self) -> dict[str, Plain]:
        """All fields as plain values, as `recipe.json` and checkpoints hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Plain]) -> Recipe:
        """The inverse of `to_dict`; fields that an older version did not have are the named recipe's.

        Raises:
            UsageError: unknown keys or bad values.
        """
        return RECIPES.get(str(values.get("name")), RECIPES["mixture"]).with_changes(values)

    @property
    def method(self) -> str:
        """Name and overrides without the seed: what runs of one method have in common."""
        base = RECIPES.get(self.name)
        if base is None:
            return self.name
        implied = ("gamma", "anneal") if self.regularizer == "none" else ()
        changed = {
            key: value
            for key, value in self.to_dict().items()
            if value != getattr(base, key) and key not in ("seed", "name", *implied)
        }
        return " ".join([self.name, *(f"{key}={value}" for key, value in changed.items())])

    def gamma_at(self, step: int) -> float:
        """γ_t of Algorithm 1 for step t = 1..T: γ₀·α^(t/T), or γ when it is not annealed."""
        return self.gamma * self.gamma_decay ** (step / self.steps) if self.anneal else self.gamma


def _check(name: str, value: object, hint: Any, metadata: Any) -> None:
    """One field against its annotation and range; NaN and infinities never pass.

    Raises:
        UsageError: saying what was expected and what was got.
    """
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in kinds:
        return
    kind = next(kind for kind in kinds if kind is not type(None))
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise unknown_name(f"value for {name}", str(value), typing.get_args(kind))
        return
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise UsageError(f"{name} must be {_article(kind)}, got {value!r}")
    interval = metadata.get("interval")
    if interval and isinstance(value, int | float) and not contains(interval, value):
        raise UsageError(f"{name} must be a number in {interval}, got {value}")


def _article(kind: type) -> str:
    return {int: "an integer", float: "a number", bool: "true or false", str: "a text"}[kind]


def parse_setting(text: str) -> tuple[str, Plain]:
    """`key=value` of the command line, the value in the type of the recipe's field.

    Raises:
        UsageError: no `=`, an unknown key, or a value of another type.
    """
    key, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--set {text}: write key=value, for example --set width=16")
    hints = typing.get_type_hints(Recipe)
    if key not in hints:
        raise unknown_name("recipe key", key, hints)
    hint = hints[key]
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value.lower() == "none" and type(None) in kinds:
        return key, None
    try:
        if bool in kinds:
            return key, {"true": True, "false": False}[value.lower()]
        if int in kinds:
            return key, int(value)
        if float in kinds:
            return key, float(value)
    except (ValueError, KeyError):
        kind = next(kind for kind in kinds if kind is not type(None))
        raise UsageError(f"--set {text}: {key} must be {_article(kind)}") from None
    return key, value


_MIXTURE = Recipe(
    name="mixture", data="mixture", image_size=None, batch_size=512, network="mlp", width=128,
    normalization="none", activation="tanh", latent_dim=2, latent="normal", objective="js-logit",
    regularizer="jensen-shannon", gamma=0.1, anneal=False, gamma_decay=0.01, n_phi=1,
    generator_loss="non-saturating", learning_rate=1e-3, beta1=0.5, beta2=0.999, steps=50_000, seed=0,
)  # fmt: skip


def _table(parents: dict[str, Recipe], *lines: tuple[str, str, dict[str, Plain]]) -> dict[str, Recipe]:
    """Recipes as lines (name, parent, differences from the parent)."""
    table = dict(parents)
    for name, parent, differences in lines:
        table[name] = table[parent].with_changes({"name": name, **differences})
    return table


RECIPES: dict[str, Recipe] = _table(
    {"mixture": _MIXTURE},
    ("cifar10-dcgan", "mixture", {
        "data": "cifar10", "batch_size": 64, "network": "dcgan32", "width": 64,
        "normalization": "batch", "activation": "relu", "latent_dim": 100, "latent": "uniform",
        "learning_rate": 2e-4, "steps": 39_050}),  # 50 epochs of 781 batches
    ("digits", "cifar10-dcgan", {
        "data": "digits", "network": "dcgan8", "width": 32, "latent_dim": 16, "latent": "normal",
        "steps": 10_000}),
)  # fmt: skip

SOURCES: dict[str, str] = {
    "mixture": "§5.1, §7.3: seven Gaussians on a tilted plane in 3-D",
    "cifar10-dcgan": "§5.4, §5.5: DCGAN on CIFAR-10, 50 epochs",
    "digits": "ours: the DCGAN family at 8×8 on scikit-learn's digits",
}


def recipe(name: str) -> Recipe:
    """The named recipe.

    Raises:
        UsageError: there is none; the nearest name is in the message.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
