"""Markdown tables of the sections on images, from records."""

from __future__ import annotations

from collections.abc import Sequence

from reproduction import rules
from reproduction.image_verdicts import fate
from reproduction.record import Record
from reproduction.squared_j import squared_js
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
    """§5.5 under both uses of batch norm, with and without rounding to 8 bits.

    Counts of the rule about discriminators are left out where they rest on tests that are not valid.
    """
    key = rules.discriminator_key(record["verdicts"])
    header = ("batch norm", "samples", "method", "FN", "FP", "cross-testing FP", "the paper's rule names",
              f"{rules.rule_name(key)}: names")  # fmt: skip
    rows = []
    invalid = rules.has_invalid_tests(record)
    for mode in record["modes"]:
        variants = by(mode["runs"], "variant")
        for variant, group in variants.items():
            crossed = cross_rates(mode, judge=variant)
            pairs = mode["verdicts"]["paper"]["pairs"]
            counts = [f"{mode['verdicts'][rule].get(variant, 0)} of {pairs}" for rule in ("paper", key)]
            named = [counts[0], DASH] if invalid else counts
            rows.append((
                NORMS[mode["norm"]], ROUNDED[mode["quantize"]], variant,
                *(spread([run[key] for run in group]) for key in ("fn", "fp")), spread(crossed),
                *named,
            ))  # fmt: skip
    return table(header, rows, left=3)


def ranking(record: Record) -> list[str]:
    """One row for each method of an N-way cross-test, means over its runs."""
    kinds = qualities(record)
    header = (
        "method", "runs", "FN", "FP of its own", "taken in by others' samples", "own samples fool others",
        "mean Ĵ² − SE²", "strength", "mean J", "blind", *(QUALITY[kind] for kind in kinds),
    )  # fmt: skip
    distances = squared_js(record)
    rows = []
    for text, group in by(record["runs"], "label").items():
        rows.append((
            text, str(len(group)), *(spread([run[key] for run in group]) for key in ("fn", "fp")),
            *(spread([run[key] for run in group]) for key in ("taken_in", "fooled")),
            spread([distances[run["name"]] for run in group], small),
            *(spread([run[key] for run in group], small) for key in ("strength", "mean_j")),
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
