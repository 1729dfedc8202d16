"""Labels and order of runs in figures, as in the paper's captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from gancross.report.paper_figures.saved_runs import SavedRun
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.recipes.recipe import Recipe

NETWORKS: dict[str, str] = {  # in the order of Figs. 2 and 7
    "resnet64": "ResNet",
    "dcgan64": "DCGAN",
    "dcgan32": "DCGAN",
    "dcgan8": "DCGAN",
    "constant-filters64": "constant filters",
    "mlp64": "MLP",
    "gated64": "gated",
    "resnet101-64": "ResNet-101",
}
COMPARATORS: dict[str, str] = {
    "wgan": "WGAN", "wgan-gp": "WGAN-GP", "lsgan": "LSGAN", "wgan-lp": "WGAN-LP", "hinge": "hinge loss",
    "relativistic": "relativistic loss",
}  # fmt: skip
NOT_OF_THE_PAPER: dict[str, str] = {"r1": "R1", "r2": "R2", "r1+r2": "R1 + R2", "dragan": "DRAGAN"}


def regularization(recipe: Recipe) -> str:
    """The stabilisation of a run: explicit noise, another objective, or γ."""
    if recipe.noise != "none":
        return noise(recipe)
    name = NOT_OF_THE_PAPER.get(recipe.regularizer, "")
    if recipe.regularizer in WEIGHTINGS:
        gamma = f"γ₀ = {recipe.gamma:g} annealed" if recipe.anneal else f"γ = {recipe.gamma:g}"
        return f"{name}, {gamma}" if name else gamma
    return name or COMPARATORS.get(recipe.objective, "unregularized")


def noise(recipe: Recipe) -> str:
    """Explicit noise: its variance, its NSR, and the player that sees it if that is not both."""
    kind = "Laplacian noise" if recipe.noise == "laplacian" else "noise"
    players = "" if recipe.noise_players == "both" else ", D only"
    return f"{kind} {recipe.noise_variance:g}, NSR {recipe.nsr}{players}"


def architecture(recipe: Recipe) -> str:
    """The networks: family, a missing normalization, tanh."""
    without = " without normalization" if recipe.normalization == "none" else ""
    tanh = " with tanh" if recipe.activation == "tanh" else ""
    return NETWORKS.get(recipe.network, recipe.network) + without + tanh


def labels(runs: Sequence[SavedRun], describe: Callable[[Recipe], str]) -> list[str]:
    """The users' labels or descriptions; equal descriptions get the seed, or the folder, appended."""
    texts = [run.label or describe(run.recipe) for run in runs]
    for details in ([f"seed {run.recipe.seed}" for run in runs], [str(run.folder) for run in runs]):
        counts = Counter(texts)
        texts = [
            f"{text}, {detail}" if counts[text] > 1 and run.label is None else text
            for text, detail, run in zip(texts, details, runs, strict=True)
        ]
    return texts


def by_strength(runs: Sequence[SavedRun]) -> list[SavedRun]:
    """Unregularized runs first, then explicit noise, regularizers by rising γ, other objectives."""

    def rank(run: SavedRun) -> tuple[int, float, int, bool]:
        recipe = run.recipe
        if recipe.noise != "none":
            return 1, recipe.noise_variance, recipe.nsr, recipe.noise_players != "both"
        if recipe.regularizer in WEIGHTINGS:
            return 2, recipe.gamma, 0, recipe.anneal
        newer = recipe.objective in COMPARATORS or recipe.regularizer in NOT_OF_THE_PAPER
        return (3 if newer else 0), 0.0, 0, False

    return sorted(runs, key=rank)


def by_caption(runs: Sequence[SavedRun]) -> list[SavedRun]:
    """In the order of the captions of Figs. 2 and 7: by family, its variants last."""
    order = {network: rank for rank, network in enumerate(NETWORKS)}

    def rank(run: SavedRun) -> tuple[int, bool, bool]:
        recipe = run.recipe
        variants = recipe.activation == "tanh", recipe.normalization == "none"
        return order.get(recipe.network, len(order)), *variants

    return sorted(runs, key=rank)
