"""What all statistics of a pair cost: intervals, bootstraps, tests, verdicts, the whole record.

They are those of the default call, which has controls and compares both batch-norm modes; the scoring beside
them is that of the smallest call, `speed.crosstest`'s, whose networks and reals these are.
"""

from __future__ import annotations

from functools import partial

from gancross.evaluator.result.document import Asked, document

from gancross.data.sets import finite
from gancross.evaluator.judging.controls import Control, blurred, uniform_noise
from gancross.evaluator.judging.sampling import CHUNK, Source, fake_source
from gancross.evaluator.judging.scoring import evaluating, score_all
from speed.crosstest import CPU, SAMPLE, N, contestants, random_images
from speed.timing import Row, Spread, interleaved, record

ROUNDS = 5


def rows() -> list[Row]:
    """Beside the scoring, and in seconds."""
    models, test = contestants(2), random_images(N)
    reals = finite("in memory", train=None, test=test, split="given")
    smallest = [Source(label=None, n=N, array=test), *(fake_source(one, num_samples=N) for one in models)]
    controls = {Control.NOISE: uniform_noise(test, N, seed=0), Control.BLURRED: blurred(test)}
    default = [*smallest, *(Source(label=label, n=N, array=array) for label, array in controls.items())]
    modules = [network for one in models for network in (one.generator, one.discriminator) if network]
    asked = Asked(
        num_samples=N, seed=0, norm="eval", quantize=True, controls=True, norm_check=True,
        no_training="no training data given",
    )  # fmt: skip
    score = partial(score_all, judges=models, seed=0, shape=SAMPLE, device=CPU, batch_size=CHUNK)
    with evaluating(modules, CPU):
        judged = score(default)
        variants = {
            "statistics": lambda: document(models, judged, reals=reals, test=test, asked=asked),
            "scoring": lambda: score(smallest, norm_check=False),
        }
        times = interleaved(variants, rounds=ROUNDS, threads=1)
    seconds = Spread.of(times.seconds["statistics"])
    work = "all statistics of a pair, n = 10,000, both batch-norm modes and controls"
    return [
        times.row(f"{work} / its scoring in one mode without controls", "statistics", "scoring", goal=0.10),
        Row(work=work, measured=seconds, unit="s", threads=1, goal=1.0),
    ]


if __name__ == "__main__":
    record("statistics", rows)
