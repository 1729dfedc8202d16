"""Data sets by name. Nothing heavy is imported before a set is loaded.

To add one: write a reader that returns a `DataSet`, and enter it in `DATASETS` and `_LOADERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gancross.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from gancross.data.sets import DataSet

FOLDER = "folder:"
DEFAULT_ROOT = Path(os.environ.get("GANCROSS_DATA", "data"))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What `gancross datasets` prints of a data set, and which sizes it comes in.

    Attributes:
        image_size: side in pixels, by default; None for vectors.
        channels: of its images; the dimension of its vectors.
        padded: another side that it can be zero-padded to.
        resizable: whether it comes in any size.
    """

    samples: str
    image_size: int | None
    origin: str
    channels: int = 3
    padded: int | None = None
    resizable: bool = False


_TORCHVISION = "official archive; --download fetches it"
_CELEBA = "official img_align_celeba.zip, unzipped, in celeba/"

DATASETS: dict[str, Entry] = {
    "mixture": Entry(samples="endless, 3-d vectors", image_size=None, origin="generated"),
    "digits": Entry(
        samples="1,201 + 596, 1×8×8", image_size=8, channels=1, origin="embedded in scikit-learn"
    ),
    "mnist": Entry(
        samples="60,000 + 10,000, 1×28×28, or zero-padded with image_size=32", image_size=28, channels=1,
        padded=32, origin=_TORCHVISION,
    ),
    "fashion-mnist": Entry(
        samples="60,000 + 10,000, 1×28×28, or zero-padded with image_size=32", image_size=28, channels=1,
        padded=32, origin=_TORCHVISION,
    ),
    "cifar10": Entry(samples="50,000 + 10,000, 3×32×32", image_size=32, origin=_TORCHVISION),
    "celeba": Entry(
        samples="162,770 + 19,962, 3×64×64 or image_size, from the centre 178×178", image_size=64,
        resizable=True, origin=_CELEBA,
    ),
    "celeba-crop108": Entry(
        samples="162,770 + 19,962, 3×64×64 or image_size, from the centre 108×108", image_size=64,
        resizable=True, origin=_CELEBA,
    ),
    "lsun-bedroom": Entry(
        samples="3,023,342 + 10,000, 3×64×64 or image_size, from the centre square", image_size=64,
        resizable=True, origin="official LMDB environments in lsun/; needs the extra lmdb",
    ),
}  # fmt: skip


def load(
    name: str, *, root: Path = DEFAULT_ROOT, image_size: int | None = None, download: bool = False,
    test_seed: int = 0, workers: int | None = None,
) -> DataSet:  # fmt: skip
    """The data set called `name`.

    Args:
        name: a key of `DATASETS`, or `folder:PATH`.
        root: where the archives of named sets lie.
        image_size: side in pixels to which images are resized (`mnist` and `fashion-mnist`: zero-padded);
            None takes the set's own side.
        download: fetch a missing archive where torchvision can.
        test_seed: seed of the held-out samples of an endless set.
        workers: processes that read the images of a large set, 0 for none; one per CPU, at most four,
            by default. Changes no figure.

    Raises:
        UsageError: no such name or folder, or images that do not fit together.
        ResourceError: the data are not there.
        DataError: a file is refused.
    """
    from gancross.data.workers import resolve_workers

    readers = resolve_workers(workers)
    _check_side(image_size)
    if name.startswith(FOLDER):
        from gancross.data import folder

        return folder.load(Path(name.removeprefix(FOLDER)), image_size=image_size, workers=readers)
    if name not in DATASETS:
        if Path(name).is_dir():
            raise UsageError(f"unknown data set '{name}': a folder of images is {FOLDER}{name}")
        raise unknown_name("data set", name, [*DATASETS, "folder:PATH"])
    _check_size(name, DATASETS[name], image_size)
    asked = Asked(
        name=name, root=root, image_size=image_size or DATASETS[name].image_size, download=download,
        test_seed=test_seed, workers=readers,
    )  # fmt: skip
    return _LOADERS[name](asked)


def known_shape(name: str, *, image_size: int | None) -> tuple[int, ...] | None:
    """(C, H, W) or (d,) of one sample of a named set, without opening it.

    Of a folder it is that of one image, judged by its header; None where there is no image yet.

    Raises:
        UsageError: no such name, or a size that the set does not come in.
        DataError: a folder's file is not an image.
    """
    _check_side(image_size)
    if name.startswith(FOLDER):
        from gancross.data import folder

        return folder.first_shape(Path(name.removeprefix(FOLDER)), image_size=image_size)
    if name not in DATASETS:
        raise unknown_name("data set", name, [*DATASETS, "folder:PATH"])
    entry = DATASETS[name]
    _check_size(name, entry, image_size)
    side = image_size or entry.image_size
    return (entry.channels,) if side is None else (entry.channels, side, side)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The arguments of `load`, defaults filled in."""

    name: str
    root: Path
    image_size: int | None
    download: bool
    test_seed: int
    workers: int


def _check_side(image_size: int | None) -> None:
    if image_size is not None and image_size < 1:
        raise UsageError(f"image_size must be at least 1, is {image_size}")


def _check_size(name: str, entry: Entry, image_size: int | None) -> None:
    if image_size is None or image_size in (entry.image_size, entry.padded):
        return
    if not entry.resizable:
        sizes = [f"{size}×{size}" for size in (entry.image_size, entry.padded) if size is not None]
        comes = f"; it comes at {' or '.join(sizes)}" if sizes else ""
        raise UsageError(f"image_size={image_size}: data '{name}' cannot be resized{comes}; folder:PATH can")


def _mixture(asked: Asked) -> DataSet:
    from gancross.data import mixture
    from gancross.data.sets import DataSet, EndlessReals
    from gancross.random_streams import Stream

    return DataSet(
        name="mixture", shape=(3,), split="separate streams", train=EndlessReals(draw=mixture.samples),
        held_out=lambda n: mixture.samples(Stream(asked.test_seed, "real", "test"), 0, n),
    )  # fmt: skip


def _digits(asked: Asked) -> DataSet:
    from gancross.data import digits
    from gancross.data.sets import finite

    train, test = digits.images()
    return finite(asked.name, train=train, test=test, split="every third image of each class held out")


def _mnist(asked: Asked) -> DataSet:
    from gancross.data import archives

    padded = asked.image_size == DATASETS[asked.name].padded
    return archives.mnist(asked.name, asked.root, padded=padded, download=asked.download)


def _cifar10(asked: Asked) -> DataSet:
    from gancross.data import archives

    return archives.cifar10(asked.root, download=asked.download)


def _celeba(asked: Asked) -> DataSet:
    from gancross.data import celeba

    assert asked.image_size is not None
    return celeba.celeba(
        asked.name, asked.root, image_size=asked.image_size, workers=asked.workers, download=asked.download
    )


def _lsun_bedroom(asked: Asked) -> DataSet:
    from gancross.data import lsun

    assert asked.image_size is not None
    return lsun.bedroom(asked.root, image_size=asked.image_size, workers=asked.workers)


_LOADERS: dict[str, Callable[[Asked], DataSet]] = {
    "mixture": _mixture,
    "digits": _digits,
    "mnist": _mnist,
    "fashion-mnist": _mnist,
    "cifar10": _cifar10,
    "celeba": _celeba,
    "celeba-crop108": _celeba,
    "lsun-bedroom": _lsun_bedroom,
}
