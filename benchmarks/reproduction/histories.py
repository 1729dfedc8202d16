"""The log of a run on the mixture: when its samples became good, and whether they stayed good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from gancross.data import mixture
from gancross.untrusted.strict_json import parsed
from reproduction.record import Record

GOOD = 0.8  # share of samples within 0.1 of a mode
BAD = 0.5
MOST = mixture.COMPONENTS // 2 + 1  # modes: more than half
LASTING = 5  # lines of the log in a row
LATE = 0.4  # the last part of a run
POINTS = 80  # of a picture's curves

Lines = Sequence[Record]

RULE = (
    f"A line of the log (100 steps apart, 500 samples) is *good* if at least {GOOD:.0%} of the samples lie"
    f" within 0.1 of a mode and at least {MOST} of the {mixture.COMPONENTS} modes are covered, and *bad* if"
    f" less than {BAD:.0%} lie there or fewer modes are covered. A run *breaks* at the first of {LASTING}"
    " bad lines in a row after its first good one; it *recovers* if a good line follows; it is *lost*, from"
    " the line after its last good one, if it ends in such a row. A shorter stretch of bad lines is a dip,"
    " and a *collapse* a single line at which more than a third of the samples lie at modes, but at most two"
    " of these, or with hardly any spread; tables have the first. A run without a good line was *never"
    " good*. A run that broke or was never good has failed: stability is reproduced if every"
    " unregularized run failed and no regularized one did, partly if more of the unregularized ones failed,"
    " either beyond chance (Fisher), both counted at the step that all runs reached. How many modes a run"
    " covers is told apart from whether it breaks: a"
    " generator whose samples lie at six modes to the end is stable and incomplete."
)


def read_log(folder: Path) -> list[Record]:
    """The complete lines of a run's log; empty if it has not started."""
    try:
        text = (folder / "log.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [parsed(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def seconds(lines: Lines, batch_size: int) -> float:
    """Time spent on training, saving and drawing, by the rates in the log; a null joins the next."""
    lines = [line for line in lines if line["samples_per_second"] is not None]
    before = [0, *(line["step"] for line in lines)]
    return float(sum(
        (line["step"] - last) * batch_size / line["samples_per_second"]
        for line, last in zip(lines, before, strict=False)
    ))  # fmt: skip


def margin(line: Record) -> float:
    """Mean score of the training batch − that of the generated one."""
    return float(line["logit_real"] - line["logit_fake"])


def is_good(line: Record) -> bool:
    """Whether most modes are covered and most samples lie at a mode."""
    return bool(line["modes"] >= MOST and line["within_0.1"] >= GOOD)


def is_bad(line: Record) -> bool:
    """Whether half of the modes are missing, or half of the samples lie at no mode."""
    return bool(line["modes"] < MOST or line["within_0.1"] < BAD)


def is_whole(line: Record) -> bool:
    """Whether it is good and no mode is missing."""
    return is_good(line) and bool(line["modes"] == mixture.COMPONENTS)


def history(lines: Lines) -> Record:
    """Steps at which a run became good or whole, dipped, broke, recovered, collapsed; None if it did not.

    `lost_from` is the first step after the last good line of a run that ends in a row of bad ones;
    `bad_share` is that of bad lines since the first good one; `collapsed_at` is the log's own judgement: at
    most two modes, or hardly any spread.
    """
    start = next((number for number, line in enumerate(lines) if is_good(line)), len(lines))
    since = lines[start:]
    bad = [is_bad(line) for line in since]
    broken = next(
        (position for position in range(len(bad) - LASTING + 1) if all(bad[position : position + LASTING])),
        None,
    )
    after = [] if broken is None else since[broken:]
    last = max((number for number, line in enumerate(since) if is_good(line)), default=-1)
    lost = len(bad) > LASTING and all(bad[-LASTING:])
    return {
        "good_from": _step(since),
        "whole_from": _step([line for line in since if is_whole(line)]),
        "first_bad": _step([line for line, is_so in zip(since, bad, strict=True) if is_so]),
        "broken_at": _step(after),
        "recovered_at": _step([line for line in after if is_good(line)]),
        "lost_from": _step(since[last + 1 :]) if lost else None,
        "collapsed_at": _step([line for line in since if line["collapsed"]]),
        "bad_share": sum(bad) / len(bad) if bad else None,
    }


def late(lines: Lines) -> Record:
    """Means over the last part of a run."""
    start = (1 - LATE) * lines[-1]["step"]
    last = [line for line in lines if line["step"] > start]
    return {
        "within_3_std": fmean([line["within_3_std"] for line in last]),
        "within_0.1": fmean([line["within_0.1"] for line in last]),
        "lowest_within_0.1": min(line["within_0.1"] for line in last),
        "margin": fmean([margin(line) for line in last]),
        "modes": fmean([line["modes"] for line in last]),
        "bad_share": fmean([float(is_bad(line)) for line in last]),
    }


def curves(lines: Lines, keys: Sequence[str]) -> dict[str, list[float]]:
    """The log in at most 80 intervals: last step, mean margin, and means of some keys."""
    size = -(-len(lines) // POINTS)
    parts = [lines[start : start + size] for start in range(0, len(lines), size)]
    return {
        "step": [part[-1]["step"] for part in parts],
        "margin": [fmean([margin(line) for line in part]) for part in parts],
        **{key: [fmean([line[key] for line in part]) for part in parts] for key in keys},
    }


def _step(lines: Lines) -> int | None:
    return int(lines[0]["step"]) if lines else None
