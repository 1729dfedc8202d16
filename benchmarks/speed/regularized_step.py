"""The cost of the regularizer in a whole training step, and that of variants of the algorithm."""

from __future__ import annotations

from gancross.trainer.recipes.recipe import Recipe
from speed.steps import Steps, dcgan, mixture
from speed.timing import Row, Spread, interleaved, record

SHARES = {1: 0.75, 2: 0.25}  # by threads, of a network's part of the time
LAZY = 4
# Passes of one batch through (generator, discriminator), in units of a forward pass, and the goals.
PREDICTED = {"none": 14 / 12, "batch": 18 / 12, "mixture": 18 / 12}
GOALS = {"none": 1.25, "batch": 1.50, "mixture": 1.40}
NAMES = {"none": "without normalization", "batch": "with batch norm"}


def rows() -> list[Row]:
    """Networks × threads."""
    result: list[Row] = []
    for width, normalization, rounds, calls, share in (
        (64, "none", 3, 1, 0.15), (64, "batch", 3, 1, 0.2),
        (16, "none", 5, 4, 0.15), (16, "batch", 5, 4, 0.2),
    ):  # fmt: skip
        base = dcgan(width, normalization)
        name = f"`dcgan32` {NAMES[normalization]}, width {width}, batch {base.batch_size}"
        result += ratios(name, base, normalization, rounds=rounds, calls=calls, share=share)
    name = "mixture MLP (tanh), batch 512"
    return [*result, *ratios(name, mixture(), "mixture", rounds=7, calls=20, share=0.12)]


def ratios(name: str, base: Recipe, kind: str, *, rounds: int, calls: int, share: float) -> list[Row]:
    """Regularized / unregularized, at one thread and at two; and the variants, at one."""
    variants = {
        "unregularized": Steps(base.with_changes({"regularizer": "none"})), "regularized": Steps(base)
    }  # fmt: skip
    large = calls < LAZY  # of which variants without a goal would take half the time
    if not large or kind == "none":
        variants["simultaneous"] = Steps(base.with_changes({"update": "simultaneous"}))
    if not large:
        variants["quarter"] = Steps(base.with_changes({"penalty_fraction": 0.25}))
        variants["lazy"] = Steps(base.with_changes({"penalty_every": LAZY}))  # its penalties: calls / LAZY
    result: list[Row] = []
    for threads, part in SHARES.items():
        labels = list(variants) if threads == 1 else ["unregularized", "regularized"]
        functions = {label: variants[label].whole for label in labels}
        for label in labels:
            variants[label].whole()  # what a first step prepares is not its cost
        times = interleaved(
            functions, rounds=rounds, threads=threads, calls=calls, warmup=0, share=share * part
        )
        rate = [base.batch_size / seconds for seconds in times.seconds["unregularized"]]
        parts = {"samples_per_second_unregularized": vars(Spread.of(rate))}
        result.append(times.row(
            f"{name}: regularized / unregularized step", "regularized", "unregularized",
            predicted=PREDICTED[kind], goal=GOALS[kind], **parts,
        ))  # fmt: skip
        if threads == 1:
            result += [
                times.row(f"{name}: {words} / unregularized step", label, "unregularized", **more)
                for label, words, more in _variants(kind)
                if label in variants
            ]
    return result


def _variants(kind: str) -> list[tuple[str, str, dict[str, float]]]:
    expected = {"goal": 1.0, "predicted": 11 / 12} if kind == "none" else {}
    return [
        ("simultaneous", "regularized `update=simultaneous`", expected),
        ("lazy", f"`penalty_every={LAZY}`", {}),
        ("quarter", "`penalty_fraction=0.25`", {}),
    ]


if __name__ == "__main__":
    record("regularized-step", rows)
