"""What all statistics of a pair cost: intervals, bootstraps, tests, verdicts, the whole record.

They are those of the default call, which has controls and compares both batch-norm modes; the scoring beside
them is that of the smallest call, `speed.crosstest`'s, whose networks and reals these are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gancross.data.order import content_order
from gancross.data.sets import finite
from gancross.evaluator.judging.controls import CONTROLS
from gancross.evaluator.judging.probes import probed
from gancross.evaluator.judging.sampling import Source, fake_source
from gancross.evaluator.judging.scoring import evaluating, score_all
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.result.assembly import assembled
from gancross.evaluator.result.types import Provenance
from gancross.random_streams import Stream
from speed.crosstest import CPU, SAMPLE, N, contestants, networks, random_images
from speed.timing import Row, Spread, interleaved, record

ROUNDS = 3


def rows() -> list[Row]:
    """Beside the scoring, and in seconds."""
    models, test = contestants(2), random_images(N)
    reals = finite("in memory", train=None, test=test, split="given")
    default = Protocol(num_samples=N)
    smallest = Protocol(num_samples=N, controls=False, norm_check=False)
    fakes = [fake_source(model, num_samples=N) for model in models]
    sources = [Source(label=None, n=N, array=test), *fakes]
    controls_drawn = {control: control.draw(test, N, 0) for control in CONTROLS.values() if control.draw}
    controls = [Source(label=label, n=N, array=array) for label, array in controls_drawn.items()]
    score = partial(score_all, judges=models, shape=SAMPLE, device=CPU)
    figures = partial(
        assembled, models, protocol=default, reals=reals, no_training="no training data given",
        order=content_order(test, stream=Stream(0, "order", "test")), fidelity=None,
        provenance=Provenance(others={}),
    )  # fmt: skip
    with evaluating([network for model in models for network in networks(model)], CPU):
        probes = probed(models, test=test, shape=SAMPLE, device=CPU)
        scores = score([*sources, *controls], protocol=default)
        variants: dict[str, Callable[[], object]] = {
            "statistics": lambda: figures(scores=scores, probes=probes).to_dict(),
            "scoring": lambda: score(sources, protocol=smallest),
        }
        times = interleaved(variants, rounds=ROUNDS, threads=1, share=0.6)
    seconds = Spread.of(times.seconds["statistics"])
    work = "all statistics of a pair, n = 10,000, both batch-norm modes and controls"
    return [
        times.row(f"{work} / its scoring in one mode without controls", "statistics", "scoring", goal=0.10),
        Row(work=work, measured=seconds, unit="s", threads=1, goal=1.0),
    ]


if __name__ == "__main__":
    record("statistics", rows)
