"""What metrics need is looked for before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gancross.errors import ResourceError, UsageError
from gancross.evaluator.fidelity.plan import check


def test_missing_weights_are_named_before_any_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    counts = {None: 2000, "a": 2000}
    with pytest.raises(ResourceError) as default:
        check(["fid"], shape=(3, 32, 32), counts=counts)
    own = tmp_path / "hub" / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    for part in (f"{own}: no such file", "https://github.com/", "--feature-extractor-weights-path"):
        assert part in str(default.value)
    with pytest.raises(ResourceError, match=r"mine\.pth: no such file"):
        check(["fid"], shape=(3, 32, 32), counts=counts, weights=Path("mine.pth"))
    own.parent.mkdir(parents=True)
    own.write_bytes(b"")
    assert check(["fid"], shape=(3, 32, 32), counts=counts).weights == own


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"metrics": ["fdi"]}, "unknown metric 'fdi': did you mean 'fid'"),
        ({"metrics": []}, "no metrics"),
        ({"metrics": ["kid"]}, "the data: 120 samples, metric 'kid' needs at least 1000.*--kid-subset-size"),
        ({"metrics": ["is"], "counts": {None: 1, "a": 9}}, "contestant 'a': 9 samples, metric 'is'"),
        ({"metrics": ["pr"], "counts": {None: 3, "a": 9}}, "the data: 3 samples, metric 'pr'"),
        ({"metrics": ["fid"], "shape": (4, 8, 8)}, r"1 or 3 channels.*\(4, 8, 8\)"),
        ({"metrics": ["fid"], "weights": Path("w.pth")}, "use the extractor 'identity', not Inception"),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(arguments: dict[str, Any], reason: str) -> None:
    usual: dict[str, Any] = {"shape": (5,), "counts": {None: 120, "a": 2000}}
    with pytest.raises(UsageError, match=reason):
        check(**(usual | arguments))
