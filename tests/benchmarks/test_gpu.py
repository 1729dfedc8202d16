"""The GPU's rows: every measurement runs, on the CPU in a small form; without CUDA one line says so."""

from __future__ import annotations

import json
from pathlib import Path

import gpu
import pytest
import torch

from gancross.errors import ResourceError


def test_every_row_is_measured_beside_what_flop_expect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "gpu.json"
    gpu.main(["--device", "cpu", "--small", "--out", str(record)])
    document = json.loads(record.read_text(encoding="utf-8"))
    rows = document["rows"]
    assert [row["unit"] for row in rows] == ["", "", "s", "s", "s"]
    assert all(row["measured"]["median"] > 0 and row["flop"] > 0 for row in rows)
    # Two networks' forward and backward passes; a regularized D takes some more passes.
    assert all(1 < row["expected"] < 2 for row in rows[:2])
    seconds = [row["expected"] * document["flop_per_second"] for row in rows[2:]]
    assert seconds == pytest.approx([row["flop"] for row in rows[2:]])
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + len(rows) and all(
        row["work"] in line for row, line in zip(rows, table[2:], strict=True)
    )


def test_random_inception_weights_are_what_the_extractor_takes(tmp_path: Path) -> None:
    from gancross.evaluator.fidelity.extractor import INCEPTION, load_extractor

    weights = gpu.random_inception(tmp_path)
    extractor = load_extractor(INCEPTION, shape=(3, 32, 32), weights=weights, device=torch.device("cpu"))
    features, _ = extractor.apply(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    assert features.shape == (1, 2048) and bool(features.isfinite().all())


def test_without_cuda_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(SystemExit) as end:
        gpu.main([])
    assert end.value.code == ResourceError.exit_code == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "0 CUDA devices" in line
