"""Lines of a log of a run on the mixture, as the benchmarks' histories read them."""

from __future__ import annotations

from typing import Any

Plain = dict[str, Any]


def line(step: int, modes: int = 7, within: float = 1.0, collapsed: float = 0.0) -> Plain:
    return {
        "step": step, "modes": modes, "within_0.1": within, "within_3_std": within / 2,
        "collapsed": collapsed, "logit_real": 2.0, "logit_fake": -1.0, "samples_per_second": 100.0,
    }  # fmt: skip


def lines(*states: str) -> list[Plain]:
    """`g` good and whole, `i` a mode missing, `b` bad, `m` most modes missing, `-` neither."""
    kinds: dict[str, Plain] = {
        "g": {}, "i": {"modes": 6}, "b": {"within": 0.4}, "m": {"modes": 3}, "-": {"within": 0.6},
    }  # fmt: skip
    return [line(100 * (number + 1), **kinds[kind]) for number, kind in enumerate("".join(states))]
