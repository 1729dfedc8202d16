"""The mixture's regularized step with D's gradient compiled; the compiler takes minutes at its first use.

python benchmarks/bench.py compiled
"""

from __future__ import annotations

from speed.matrix_products import multiplied_by
from speed.regularized_step import GOALS, PREDICTED
from speed.steps import Steps, mixture, with_compiled_gradient
from speed.timing import Row, interleaved, record

ROUNDS, CALLS = 15, 20


def rows() -> list[Row]:
    """Beside the unregularized step, and beside its matrix products; at one thread."""
    chosen = mixture()
    variants = {
        "compiled": with_compiled_gradient(Steps(chosen)).whole,
        "unregularized": Steps(chosen.with_changes({"regularizer": "none"})).whole,
        "products": multiplied_by(chosen),
    }
    times = interleaved(variants, rounds=ROUNDS, threads=1, calls=CALLS)
    return [
        times.row(
            f"mixture MLP (tanh), batch {chosen.batch_size}: regularized `--compile` / unregularized step",
            "compiled", "unregularized", predicted=PREDICTED["mixture"], goal=GOALS["mixture"],
        ),
        times.row(
            "mixture regularized step, `--compile` / its matrix products at `torch.mm` rate (4g + 14d)",
            "compiled", "products", predicted=1.0, goal=2.0,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    record("compiled", rows)
