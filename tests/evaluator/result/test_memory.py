"""What a result keeps: figures, and none of the scores and resamples from which they were computed."""

from __future__ import annotations

import gc

import numpy as np
from report_documents import image_model, result_of


def test_a_result_holds_neither_scores_nor_resamples() -> None:
    result = result_of(image_model("a", -0.4), image_model("b", 0.3, 0.1))
    seen, waiting, arrays = set[int](), [object(), *result.pairs, *result.cross], []
    while waiting:
        entry = waiting.pop()
        if id(entry) in seen or isinstance(entry, type):
            continue
        seen.add(id(entry))
        if isinstance(entry, np.ndarray):
            arrays.append(entry)
        waiting += [
            each for each in gc.get_referents(entry)
            if type(each).__module__.startswith(("gancross", "numpy", "builtins"))
            and not callable(each) and type(each).__name__ != "module"
        ]  # fmt: skip
    assert len(seen) > 100 and not arrays
    assert all(entry.decides for pair in result.pairs for entry in pair.judgements.values())
