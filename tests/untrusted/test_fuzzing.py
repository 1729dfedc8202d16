"""Whatever a file holds, it is read or refused by a documented error: checkpoints, records, runs, images.

`benchmarks/fuzz_checkpoints.py` does the same to many more checkpoints, and leaves its findings beside it.
"""

from __future__ import annotations

import json
from pathlib import Path

import mutations
import pytest
from fuzz_checkpoints import OUT, bad, fuzz

from gancross.checkpoint.file import load_contestant

FILES = 300


def test_mutations_depend_on_seed_and_number_alone() -> None:
    good = mutations.bases()
    numbers = [3, 9, 5, 14, 3]
    first, again = ([mutations.mutation(7, number, good) for number in order] for order in (numbers, numbers))
    assert first == again and first[0] == first[-1]
    assert mutations.mutation(8, 3, good) != first[0]


def test_the_good_checkpoints_load(tmp_path: Path) -> None:
    for suffix, contents in mutations.bases().items():
        for name, content in contents.items():
            (tmp_path / f"{name}{suffix}").write_bytes(content)
            load_contestant(tmp_path / f"{name}{suffix}")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits are set as on Linux")
def test_mutated_checkpoints_are_loaded_or_refused() -> None:
    verdicts = fuzz(seed=1, count=FILES, workers=1)
    assert not bad(verdicts)
    kinds = {verdict.kind for verdict in verdicts}
    assert len(verdicts) == FILES and len(kinds) == len(mutations.KINDS)
    outcomes = [verdict.outcome for verdict in verdicts]
    assert outcomes.count("loaded") >= 10  # else the mutations would not reach far
    assert outcomes.count("refused") >= FILES // 2


def test_the_kept_findings_are_clean() -> None:
    record = json.loads(OUT.read_text(encoding="utf-8"))
    assert (
        record["files"] >= 20_000 and record["bad"] == [] and set(record["outcomes"]) == {"loaded", "refused"}
    )
