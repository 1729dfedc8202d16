"""The measure by which generators are ranked, from a record's own rates where the record lacks it."""

from __future__ import annotations

from statistics import fmean

from reproduction.record import Record

COMPUTED = (
    " This record was written before the ranking had it: it is computed here from the record's FPs, FNs and"
    " numbers of samples."
)


def is_recorded(record: Record) -> bool:
    """Whether the cross-test itself measured it."""
    return all("squared_j" in run for run in record["runs"])


def squared_js(record: Record) -> dict[str, float | None]:
    """Mean of Ĵ² − SE² over judges for each run (docs/reference/verdicts.md); lower is less surely detected.

    Ĵ = 1 − FN_j − FP_ij, SE² = FN(1−FN)/(n−1) + FP(1−FP)/(m−1) of n test and m generated samples, over
    judges other than the run's own that decide and are not blind. None where there is none, and under batch
    statistics, which have no J.
    """
    runs = {run["name"]: run for run in record["runs"]}
    if is_recorded(record):
        return {name: run["squared_j"] for name, run in runs.items()}
    protocol, crossed = record["protocol"], record["cross_fp"]
    if protocol["norm"] != "eval":
        return dict.fromkeys(runs)
    reals, fakes = protocol["num_real"] - 1, protocol["num_fake"] - 1
    values: dict[str, float | None] = {}
    for generator, row in zip(crossed["names"], crossed["fp"], strict=True):
        squares = [
            (1 - fn - fp) ** 2 - fn * (1 - fn) / reals - fp * (1 - fp) / fakes
            for judge, fp in zip(crossed["judges"], row, strict=True)
            if judge != generator and not runs[judge]["blind"] and (fn := runs[judge]["fn"]) is not None
        ]
        values[generator] = fmean(squares) if squares else None
    return values
