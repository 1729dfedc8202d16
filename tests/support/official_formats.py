"""Writes tiny data sets in the official on-disk formats, for the tests of the readers and of the recipes."""

from __future__ import annotations

import hashlib
import io
import itertools
import pickle
import struct
from collections.abc import Iterable
from pathlib import Path

import lmdb
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets

CIFAR10_CLASSES = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
]  # fmt: skip


def write_cifar10(root: Path, monkeypatch: pytest.MonkeyPatch, *, per_batch: int = 4, test: int = 3) -> None:
    """The python version of the archive; its checksums replace the official ones for the test."""
    rng, label_rng = np.random.default_rng(0), np.random.default_rng(1)
    folder = root / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: object) -> list[str]:
        dumped = pickle.dumps(content)
        (folder / name).write_bytes(dumped)
        return [name, hashlib.md5(dumped).hexdigest()]

    def batch(n: int) -> dict[str, object]:
        pixels = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
        labels = label_rng.integers(0, len(CIFAR10_CLASSES), n).tolist()
        return {"data": pixels, "labels": labels, "batch_label": "", "filenames": ["x"] * n}

    train_list = [write(f"data_batch_{i}", batch(per_batch)) for i in range(1, 6)]
    test_list = [write("test_batch", batch(test))]
    meta = write("batches.meta", {"label_names": CIFAR10_CLASSES, "num_vis": 3072})
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train_list)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", test_list)
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]})


def write_celeba(root: Path, *, parts: Iterable[int]) -> None:
    """Faces of 178×218, the second one grey, and the partition file (0 train, 1 validation, 2 test)."""
    images = root / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = []
    for number, part in enumerate(parts, start=1):
        face = Image.fromarray(rng.integers(0, 256, (218, 178, 3), dtype=np.uint8))
        (face.convert("L") if number == 2 else face).save(images / f"{number:06d}.jpg")
        lines.append(f"{number:06d}.jpg {part}\n")
    (root / "celeba" / "list_eval_partition.txt").write_text("".join(lines))


def write_lsun(root: Path, *, train: int, val: int) -> None:
    """Bedrooms of odd sizes as WebP and JPEG in two LMDB environments, keyed by their hashes."""
    rng = np.random.default_rng(0)
    kinds = itertools.cycle(["webp", "jpeg"])
    for part, n in (("train", train), ("val", val)):
        contents = [encoded(rng.integers(0, 256, (*rng.integers(20, 40, 2), 3), dtype=np.uint8), next(kinds))
                    for _ in range(n)]  # fmt: skip
        write_environment(root / "lsun" / f"bedroom_{part}_lmdb", contents)


def encoded(pixels: NDArray[np.uint8], kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format=kind)
    return content.getvalue()


def write_environment(path: Path, contents: Iterable[bytes]) -> None:
    """One LMDB environment of values keyed by their SHA-1, as LSUN's are."""
    path.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(path), map_size=16 << 20) as environment, environment.begin(write=True) as transaction:
        for content in contents:
            transaction.put(hashlib.sha1(content).hexdigest().encode(), content)


_RNG = np.random.default_rng(0)
IDX = {
    "train-images-idx3-ubyte": _RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8),
    "train-labels-idx1-ubyte": np.arange(12, dtype=np.uint8) % 10,
    "t10k-images-idx3-ubyte": _RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": np.arange(5, dtype=np.uint8),
}


def idx(array: NDArray[np.uint8]) -> bytes:
    """LeCun's format: two zeros, type 8 (unsigned byte), number of axes, their sizes, the bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_idx(
    root: Path, name: str, *, train_labels: NDArray[np.uint8] | None = None
) -> dict[str, NDArray[np.uint8]]:
    """MNIST or Fashion-MNIST of 12 and 5 images; returns the arrays by the names of their files."""
    raw = root / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name] / "raw"
    raw.mkdir(parents=True)
    arrays = IDX if train_labels is None else IDX | {"train-labels-idx1-ubyte": train_labels}
    for file, array in arrays.items():
        (raw / file).write_bytes(idx(array))
    return arrays
