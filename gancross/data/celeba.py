"""CelebA (Liu et al. 2015): 202,599 aligned and cropped faces, 178×218, in the official layout on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gancross.data.images import FileReader
from gancross.data.lazy import Part, lazy
from gancross.data.request import DataRequest
from gancross.data.sets import DataSet
from gancross.errors import DataError, ResourceError, first_line
from gancross.machine.files import read_bytes

PAGE = "the page 'Large-scale CelebFaces Attributes (CelebA) Dataset' of mmlab.ie.cuhk.edu.hk"
CROPS = {"celeba": 178, "celeba-crop108": 108}
TRAIN, VALIDATION, TEST = 0, 1, 2  # codes of the official partition
LARGEST_PARTITION = 64 << 20


def load(request: DataRequest) -> DataSet:
    """Faces cropped to their centre square and resized; the official training and test parts.

    `celeba` crops 178×178 pixels, the whole width, as the authors' 64×64 program does; `celeba-crop108`
    crops 108×108, as the DCGAN program does.

    Raises:
        ResourceError: files are missing.
        DataError: the list of partitions cannot be read.
    """
    name, image_size = request.name, request.image_size
    assert image_size is not None
    folder = request.root.absolute() / "celeba"  # workers may start in another folder
    images, partition = folder / "img_align_celeba", folder / "list_eval_partition.txt"
    if request.download and not (images.is_dir() and partition.is_file()):
        from torchvision import datasets

        try:
            datasets.CelebA(str(request.root), split="all", download=True)
        except Exception as error:  # torchvision's downloader has error classes of its own
            raise ResourceError(
                f"celeba: torchvision could not fetch it ({first_line(error)}): get it from {PAGE}"
            ) from None
    for path in (images, partition):
        if not path.exists():
            raise ResourceError(
                f"{name}: {path.name} is missing in {folder}: get img_align_celeba.zip and"
                f" list_eval_partition.txt from {PAGE} and unzip the former there; or {request.remedy}"
            )
    halves = read_partition(partition)
    # A half-unpacked archive is refused now rather than in the middle of an epoch.
    present = set(os.listdir(os.fsencode(images)))
    expected = [*halves[TRAIN].tolist(), *halves[TEST].tolist()]
    missing = [item for item in expected if item not in present]
    if missing:
        raise ResourceError(
            f"{name}: {len(missing):,} of {len(expected):,} images are missing in {images}, the first"
            f" is {os.fsdecode(missing[0])}: unzip img_align_celeba.zip again"
        )
    crop = CROPS[name]
    shape = (3, image_size, image_size)
    reader = FileReader(folder=images, shape=shape, image_size=image_size, crop=crop)
    return lazy(
        name, train=Part(items=halves[TRAIN], reader=reader),
        test=[Part(items=halves[TEST], reader=reader)], image_size=image_size, workers=request.workers,
        split=f"official partition: 0 to train, 2 held out, 1 unused; centre {crop}×{crop} resized",
    )  # fmt: skip


def read_partition(path: Path) -> dict[int, NDArray[np.bytes_]]:
    """File names of each of the official parts 0, 1 and 2, in the order of the list.

    Raises:
        DataError: a line is not `NAME.jpg 0|1|2`, or the training or the test part is empty.
        ResourceError: the file cannot be read.
    """
    parts: dict[int, list[bytes]] = {TRAIN: [], VALIDATION: [], TEST: []}
    for number, line in enumerate(read_bytes(path, limit=LARGEST_PARTITION).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or words[1] not in (b"0", b"1", b"2") or b"/" in words[0] or b"\\" in words[0]:
            raise DataError(f"{path}: line {number}: expected 'NAME.jpg' and 0, 1 or 2, got {line[:80]!r}")
        parts[int(words[1])].append(words[0])
    if not parts[TRAIN] or not parts[TEST]:
        raise DataError(f"{path}: no training images (0), or no test images (2), in this list")
    return {code: np.array(names, dtype=np.bytes_) for code, names in parts.items()}
