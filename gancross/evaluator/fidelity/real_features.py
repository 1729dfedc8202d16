"""Statistics and features of the real data in files: the cache, and statistics given by the user."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancross.errors import DataError, GancrossError, ResourceError
from gancross.evaluator.fidelity.frechet import Array, Statistics
from gancross.machine.caches import cache_folder
from gancross.machine.files import read_bytes, write_atomically

LARGEST_FILE = 4 << 30

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class CacheKey:
    """Everything that decides the features of the real data, down to the kind of device: last bits differ."""

    data_sha256: str
    extractor: str
    weights_sha256: str | None
    resize: str | None
    dtype: str
    versions: str
    device: str

    def path(self, part: str) -> Path:
        """Where one part lies: `statistics` or `features`."""
        text = json.dumps(vars(self), sort_keys=True)
        return cache_folder() / "fidelity" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}-{part}.npz"


def cached_statistics(key: CacheKey) -> tuple[Statistics, Array] | None:
    """Statistics and `covariance_factor` of the real data; None if they are not cached."""
    arrays = _cached(key.path("statistics"), ("n", "mu", "sigma", "lower_factor"))
    if arrays is None:
        return None
    statistics = Statistics(n=int(arrays["n"]), mean=arrays["mu"], covariance=arrays["sigma"])
    return statistics, arrays["lower_factor"]


def cached_features(key: CacheKey) -> NDArray[np.float32] | None:
    """Features of the real data, (N, D); None if they are not cached."""
    arrays = _cached(key.path("features"), ("features",))
    return None if arrays is None else arrays["features"]


def keep_statistics(key: CacheKey, statistics: Statistics, factor: Array) -> None:
    """Caches what `cached_statistics` returns."""
    arrays = {"mu": statistics.mean, "sigma": statistics.covariance, "lower_factor": factor}
    _keep(key.path("statistics"), {"n": np.array(statistics.n), **arrays})


def keep_features(key: CacheKey, features: NDArray[np.float32]) -> None:
    """Caches what `cached_features` returns."""
    _keep(key.path("features"), {"features": features})


def read_statistics(path: Path) -> Statistics:
    """Mean `mu` (D,) and covariance `sigma` (D, D) from an .npz file, as FID programs write it.

    Raises:
        UsageError: there is no such file.
        DataError: it is not such an archive, or not the statistics of a distribution.
    """
    content = read_bytes(path, limit=LARGEST_FILE)
    try:
        arrays = _arrays(content, ("mu", "sigma"))
    except Exception as error:  # numpy and zipfile raise many kinds on damaged input
        raise DataError(f"{path}: not an .npz file with mu and sigma: {error}") from None
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise DataError(f"{path}: {name} must hold finite floating-point numbers")
    mean, covariance = arrays["mu"].astype(np.float64), arrays["sigma"].astype(np.float64)
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or len(mean) == 0:
        raise DataError(f"{path}: expected mu (D,) and sigma (D, D), got {mean.shape} and {covariance.shape}")
    tolerance = 1e-6 * float(np.abs(covariance).max())
    if not np.allclose(covariance, covariance.T, rtol=0, atol=tolerance):
        raise DataError(f"{path}: sigma is not symmetric")
    if (np.diagonal(covariance) < 0).any():
        raise DataError(f"{path}: sigma has a negative variance")
    covariance = (covariance + covariance.T) / 2
    return Statistics(n=None, mean=mean, covariance=covariance, sha256=hashlib.sha256(content).hexdigest())


def save_statistics(path: Path, statistics: Statistics) -> None:
    """Writes what `read_statistics` reads, atomically.

    Raises:
        ResourceError: the file cannot be written.
    """
    write_atomically(path, _npz({"mu": statistics.mean, "sigma": statistics.covariance}))


def _arrays(content: bytes, names: tuple[str, ...]) -> Arrays:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_FILE:
            raise ValueError(f"unpacks to more than {LARGEST_FILE >> 30} GiB")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in names}


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def _cached(path: Path, names: tuple[str, ...]) -> Arrays | None:
    with contextlib.suppress(GancrossError):  # not there, or not readable
        content = read_bytes(path, limit=LARGEST_FILE)
        with contextlib.suppress(Exception):  # a damaged cache is written anew
            return _arrays(content, names)
    return None


def _keep(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with contextlib.suppress(ResourceError):  # without a cache the next call computes again, nothing worse
        write_atomically(path, _npz(arrays))
