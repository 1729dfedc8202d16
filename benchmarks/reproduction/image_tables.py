"""Markdown tables of the sections on images, from records."""

from __future__ import annotations

from collections.abc import Sequence

from reproduction.image_verdicts import fate
from reproduction.record import Record
from reproduction.tables import (
    DASH,
    NORMS,
    QUALITY,
    ROUNDED,
    by,
    cross_rates,
    qualities,
    share,
    small,
    spread,
    table,
    whole,
)


def modes(record: Record) -> list[str]:
    """§5.5 under both uses of batch norm, with and without rounding to 8 bits."""
    header = (
        "batch norm", "samples", "method", "FN", "FP", "cross-testing FP", "paper rule",
        "strict (needs both uses)",
    )  # fmt: skip
    rows = []
    for mode in record["modes"]:
        variants = by(mode["runs"], "variant")
        for variant, group in variants.items():
            crossed = cross_rates(mode, judge=variant)
            wins = (mode["verdicts"][rule].get(variant, 0) for rule in ("paper", "strict"))
            pairs = mode["verdicts"]["paper"]["pairs"]
            rows.append((
                NORMS[mode["norm"]], ROUNDED[mode["quantize"]], variant,
                *(spread([run[key] for run in group]) for key in ("fn", "fp")), spread(crossed),
                *(f"{count} of {pairs}" for count in wins),
            ))  # fmt: skip
    return table(header, rows, left=3)


def ranking(record: Record) -> list[str]:
    """One row for each method of an N-way cross-test, means over its runs."""
    kinds = qualities(record)
    header = (
        "method", "runs", "FN", "FP of its own", "taken in by others' samples", "own samples fool others",
        "advantage", "strength", "mean J", "blind", *(QUALITY[kind] for kind in kinds),
    )  # fmt: skip
    rows = []
    for text, group in by(record["runs"], "label").items():
        rows.append((
            text, str(len(group)), *(spread([run[key] for run in group]) for key in ("fn", "fp")),
            *(spread([run[key] for run in group]) for key in ("taken_in", "fooled")),
            *(spread([run[key] for run in group], small) for key in ("advantage", "strength", "mean_j")),
            str(sum(run["blind"] for run in group)) if group[0]["fp"] is not None else DASH,
            *(spread([run["fidelity"][kind] for run in group], small) for kind in kinds),
        ))  # fmt: skip
    return table(header, rows)


def along(runs: Sequence[Record], protocol: Record) -> list[str]:
    """One row for each run: its fate, distances at the saved steps, the discriminator at the end."""
    steps = runs[0]["trace"]["step"]
    header = ("method", "alive", *(f"coarse, step {whole(step)}" for step in steps), "texture", "spread",
              "FN", "FP", "margin")  # fmt: skip
    rows = []
    for run in runs:
        trace = run["trace"]
        coarse = trace["coarse"]
        distances = [small(value) for value in coarse] if trace["step"] == steps else [
            *[DASH] * (len(steps) - 1), f"{small(coarse[-1])} at {whole(trace['step'][-1])}"]  # fmt: skip
        rows.append((
            f"{run['facet']}, {run['label']}", fate(run, protocol), *distances,
            *(small(trace[key][-1]) for key in ("texture", "spread")),
            *(share(trace[key][-1]) if key in trace else DASH for key in ("fn", "fp")),
            small(trace["margin"][-1]),
        ))  # fmt: skip
    return table(header, rows)
