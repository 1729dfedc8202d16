"""What is kept of a trained referee: its scores and its weights, as bytes and in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import ResourceError, UsageError
from gancross.evaluator.referees.protocol import RefereeProtocol
from gancross.evaluator.referees.scores import RefereeScores
from gancross.evaluator.referees.training import Identity, Referee
from gancross.machine.caches import cache_folder
from gancross.machine.files import read_bytes, write_atomically

KIND = "referees"
LARGEST_ENTRY = 1 << 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A referee and what it made of all that it did not train on."""

    scores: RefereeScores
    referee: Referee


@dataclass(frozen=True, kw_only=True)
class EntryKey:
    """Everything that decides an entry; never weights alone, since equal ones can be different networks.

    Attributes:
        samples, reals: hashes of their content, with their labels where referees see them.
        size: the equal number, on which every referee trains.
        device: kind of the device; last bits differ between kinds.
    """

    samples: str
    reals: str
    protocol: RefereeProtocol
    size: int
    identity: Identity
    device: str

    @property
    def sha256(self) -> str:
        """Of all that decides one referee, and of torch's version; how many seeds there are does not."""
        fields = asdict(self) | {"protocol": self.protocol.key_fields}
        for of_the_call in ("budget", "seeds"):
            del fields["protocol"][of_the_call]
        text = json.dumps({**fields, "torch": torch.__version__}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def path(self) -> Path:
        """Where the entry lies in the cache."""
        return cache_folder() / KIND / f"{self.sha256[:32]}.npz"


def encoded(entry: Entry) -> bytes:
    """The entry as an .npz archive, which holds arrays and no objects."""
    scores, referee = entry.scores, entry.referee
    arrays: dict[str, NDArray[Any]] = {
        "identity": np.array([scores.seed, scores.half]), "reals": scores.reals, "samples": scores.samples,
        "real_KN": scores.real_KN, "fake_KM": scores.fake_KM, "chosen": np.array(referee.chosen),
    }  # fmt: skip
    return archived(arrays | weight_arrays(referee, start="weights/"))


def weight_arrays(referee: Referee, *, start: str) -> dict[str, NDArray[Any]]:
    """A referee's weights by their names in an archive, `{start}STEP/NAME`."""
    return {
        f"{start}{step}/{name}": tensor.cpu().numpy()
        for step, weights in referee.snapshots.items() for name, tensor in weights.items()
    }  # fmt: skip


def archived(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays by name as an .npz archive without objects."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def decoded(content: bytes) -> Entry:
    """The inverse of `encoded`.

    Raises:
        ValueError, KeyError, zipfile.BadZipFile: not such an archive.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    seed, half = (int(number) for number in arrays["identity"])
    snapshots: dict[int, dict[str, torch.Tensor]] = {}
    for name, array in arrays.items():
        if name.startswith("weights/"):
            _, step, parameter = name.split("/")
            snapshots.setdefault(int(step), {})[parameter] = torch.from_numpy(array)
    scores = RefereeScores(
        seed=seed, half=half, reals=arrays["reals"], samples=arrays["samples"], real_KN=arrays["real_KN"],
        fake_KM=arrays["fake_KM"],
    )  # fmt: skip
    chosen = tuple(int(step) for step in arrays["chosen"])
    return Entry(scores=scores, referee=Referee(snapshots=snapshots, chosen=chosen))


def cached(key: EntryKey) -> Entry | None:
    """The entry of a key; None where there is none, or a damaged one, which is then written anew."""
    with contextlib.suppress(UsageError, ResourceError):  # not there, or not readable
        content = read_bytes(key.path, limit=LARGEST_ENTRY)
        with contextlib.suppress(Exception):
            entry = decoded(content)
            if (entry.scores.seed, entry.scores.half) == (key.identity.seed, key.identity.half):
                return entry
    return None


def keep(key: EntryKey, content: bytes) -> None:
    """Caches an encoded entry; without a cache the next call trains again, nothing worse."""
    with contextlib.suppress(ResourceError):
        write_atomically(key.path, content)
