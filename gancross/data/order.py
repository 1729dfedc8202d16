"""An order of samples that depends on their content alone, not on the order in which they were stored.

Files are often sorted by class or by date. What splits, groups or chunks samples by position would then make
parts of one class each.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data.views import Samples, blocks
from gancross.random_streams import Stream


@dataclass(frozen=True, kw_only=True, eq=False)
class ContentOrder:
    """The order of N samples.

    Attributes:
        index: (N,) which sample comes at each place.
        items: (N,) numbers of different samples by place, rising from 0; identical ones are neighbours.
        sha256: of the samples in any order: their type, their shape and the hashes of each, sorted.
    """

    index: NDArray[np.int64]
    items: NDArray[np.int64]
    sha256: str


def content_order(samples: Samples, *, stream: Stream, labels: torch.Tensor | None = None) -> ContentOrder:
    """Sorts samples (N, …) by the SHA-256 of each, then permutes the different ones by a seeded stream.

    Identical ones come in the order of their labels (N,), if there are any, else as they are stored.
    """
    digests = sample_digests(samples)
    different, inverse, counts = np.unique(digests, return_inverse=True, return_counts=True)
    place = stream.permutation(len(different))  # of the k-th different sample
    places = place[inverse.reshape(-1)]
    index = np.argsort(places, kind="stable") if labels is None else np.lexsort((labels.numpy(), places))
    items = np.repeat(np.arange(len(different)), counts[np.argsort(place)])
    return ContentOrder(index=index, items=items, sha256=_sha256(samples, np.sort(digests)))


def content_sha256(samples: Samples, *, ordered: bool = False) -> str:
    """`ContentOrder.sha256` of samples (N, …); `ordered`: other ones for another order."""
    digests = sample_digests(samples)
    return _sha256(samples, digests if ordered else np.sort(digests))


def _sha256(samples: Samples, digests: NDArray[np.bytes_]) -> str:
    digest = hashlib.sha256(f"{samples.dtype} {tuple(samples.shape)}\n".encode())
    digest.update(digests.tobytes())
    return digest.hexdigest()


def sample_digests(samples: Samples) -> NDArray[np.bytes_]:
    """The SHA-256 of each sample, (N,) of 32 bytes; the same for the same content in whatever call."""
    digests = [
        hashlib.sha256(row.data).digest()
        for block in blocks(samples)
        for row in block.contiguous().numpy().reshape(len(block), -1)
    ]
    return np.frombuffer(b"".join(digests), dtype="S32")
