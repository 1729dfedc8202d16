"""Features and statistics of the real data: cached, saved, given, refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from measuring import CPU, measure, sha256, vectors
from numpy.typing import NDArray

from gancross.errors import DataError, UsageError
from gancross.evaluator.fidelity.extractor import Extractor, load_extractor
from gancross.evaluator.fidelity.frechet import Statistics
from gancross.evaluator.fidelity.measurement import Fidelity
from gancross.evaluator.fidelity.metrics import METRICS
from gancross.evaluator.fidelity.plan import check
from gancross.evaluator.fidelity.preparation import FidelityFiles, prepared
from gancross.evaluator.fidelity.real_features import read_statistics
from gancross.evaluator.protocol import Protocol


def identity() -> Extractor:
    return load_extractor("identity", shape=(5,), weights=None, device=CPU)


def test_the_cache_gives_the_same_figures_and_spares_the_data() -> None:
    data, fakes = vectors(0), {"a": vectors(1)}
    first = measure(data, fakes)
    counts = {None: len(data), "a": len(fakes["a"])}
    plan = check(tuple(METRICS), shape=(5,), counts=counts, kid_subset_size=32)
    with Fidelity(plan, identity(), counts=counts, data_sha256=sha256(data)) as fidelity:
        assert not fidelity.needs_data
        fidelity.add("a", fidelity.measured(fakes["a"], len(fakes["a"])))
        assert fidelity.finish() == first


@pytest.mark.parametrize("part", ["name", "weights_sha256", "resize", "dtype", "versions", "device", "data"])
def test_the_cache_is_not_used_when_anything_differs(part: str) -> None:
    data, counts = vectors(0), {None: 120, "a": 120}
    measure(data, {"a": vectors(1)})
    plan = check(tuple(METRICS), shape=(5,), counts=counts, kid_subset_size=32)
    extractor, digest = identity(), sha256(vectors(9)) if part == "data" else sha256(data)
    if part == "device":
        extractor = replace(extractor, device=torch.device("meta"))
    elif part != "data":
        changes: dict[str, str] = {part: "another"}
        extractor = replace(extractor, **changes)  # type: ignore[arg-type]
    with Fidelity(plan, extractor, counts=counts, data_sha256=digest) as fidelity:
        assert fidelity.needs_data


def test_a_damaged_cache_is_computed_again(tmp_path: Path) -> None:
    first = measure(vectors(0), {"a": vectors(1)})
    files = list((tmp_path / "cache" / "fidelity").iterdir())
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert measure(vectors(0), {"a": vectors(1)}) == first


def test_statistics_can_be_saved_and_given(tmp_path: Path) -> None:
    data, fakes = vectors(0), {"a": vectors(1)}
    first = measure(data, fakes, metrics=["fid"], save_to=tmp_path / "real.npz")
    statistics = read_statistics(tmp_path / "real.npz")
    again = measure(torch.full((1, 5), 7.0), fakes, metrics=["fid"], statistics=statistics)
    assert again.figures == first.figures
    digest = hashlib.sha256((tmp_path / "real.npz").read_bytes()).hexdigest()
    assert again.protocol.fid_statistics_sha256 == digest


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"mu": np.zeros(2)}, "not an .npz file with mu and sigma"),
        ({"mu": np.zeros(2), "sigma": np.eye(3)}, "expected mu"),
        ({"mu": np.array([0, np.nan]), "sigma": np.eye(2)}, "mu must hold finite"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 0.5], [0.1, 1.0]])}, "not symmetric"),
        ({"mu": np.zeros(2), "sigma": -np.eye(2)}, "negative variance"),
        ({"mu": np.array([None, 1]), "sigma": np.eye(2)}, "not an .npz file with mu and sigma"),
    ],
)
def test_other_statistics_are_refused(
    arrays: dict[str, NDArray[np.float64]], reason: str, tmp_path: Path
) -> None:
    with (tmp_path / "real.npz").open("wb") as file:
        np.savez(file, allow_pickle=True, **arrays)
    with pytest.raises(DataError, match=reason):
        read_statistics(tmp_path / "real.npz")


def test_statistics_of_other_features_are_refused() -> None:
    seven = Statistics(n=None, mean=np.zeros(7), covariance=np.eye(7))
    with pytest.raises(UsageError, match="7 dimensions"):
        measure(vectors(0), {"a": vectors(1)}, metrics=["fid"], statistics=seven)
    impossible = Statistics(n=None, mean=np.zeros(5), covariance=np.eye(5) - 0.9)
    with pytest.raises(DataError, match="negative eigenvalue"):
        measure(vectors(0), {"a": vectors(1)}, metrics=["fid"], statistics=impossible)
    with pytest.raises(UsageError, match="'fid' was not asked for"):
        check(["is"], shape=(5,), counts={"a": 10}, statistics=seven)


def test_statistics_that_are_to_be_saved_need_fid(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ask for the metric 'fid'"):
        prepared(
            Protocol(metrics=("pr",)), FidelityFiles(save_statistics=tmp_path / "real.npz"), sources=[],
            test=torch.zeros(4, 5), device=CPU,
        )  # fmt: skip
