"""Data sets by name. Nothing heavy is imported before a set is loaded.

To add one: write a module of `gancross.data` with a function `load(request)` that returns a `DataSet`, and
enter it in `DATASETS`, as docs/how-to/extending.md shows.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gancross.data.request import DataRequest
from gancross.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from gancross.data.sets import DataSet

FOLDER = "folder:"
DEFAULT_ROOT = Path(os.environ.get("GANCROSS_DATA") or "data")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A data set: what `gancross datasets` prints of it, its shape, and the module that reads it.

    Attributes:
        module: its name within `gancross.data`; its function `load(request)` returns the `DataSet`.
        samples: number and form of the samples, in words.
        origin: where the files come from, in words.
        shape: of one sample, (C, H, W) or (d,); the default one if `resizable`.
        padded: another side to which its images can be zero-padded.
        resizable: whether it comes in any size.
        num_classes: of its labels; None: it has none.
    """

    module: str
    samples: str
    origin: str
    shape: tuple[int, ...]
    padded: int | None = None
    resizable: bool = False
    num_classes: int | None = None

    @property
    def image_size(self) -> int | None:
        """Side of its square images in pixels; None for vectors and for other images."""
        square = len(self.shape) == 3 and self.shape[1] == self.shape[2]
        return self.shape[1] if square else None


_TORCHVISION = "official archive; --download fetches it"
_CELEBA = "official img_align_celeba.zip, unzipped, in celeba/"
_MNIST = Entry(
    module="archives", samples="60,000 + 10,000, 1×28×28, or zero-padded with image_size=32",
    origin=_TORCHVISION, shape=(1, 28, 28), padded=32, num_classes=10,
)  # fmt: skip

DATASETS: dict[str, Entry] = {
    "mixture": Entry(
        module="mixture", samples="endless, 3-d vectors", origin="generated", shape=(3,), num_classes=7
    ),
    "digits": Entry(
        module="digits", samples="1,201 + 596, 1×8×8", origin="embedded in scikit-learn", shape=(1, 8, 8),
        num_classes=10,
    ),
    "mnist": _MNIST,
    "fashion-mnist": _MNIST,
    "cifar10": Entry(
        module="archives", samples="50,000 + 10,000, 3×32×32", origin=_TORCHVISION, shape=(3, 32, 32),
        num_classes=10,
    ),
    "celeba": Entry(
        module="celeba", samples="162,770 + 19,962, 3×64×64 or image_size, from the centre 178×178",
        origin=_CELEBA, shape=(3, 64, 64), resizable=True,
    ),
    "celeba-crop108": Entry(
        module="celeba", samples="162,770 + 19,962, 3×64×64 or image_size, from the centre 108×108",
        origin=_CELEBA, shape=(3, 64, 64), resizable=True,
    ),
    "lsun-bedroom": Entry(
        module="lsun", samples="3,023,342 + 10,000, 3×64×64 or image_size, from the centre square",
        origin="official LMDB environments in lsun/; needs the extra lmdb", shape=(3, 64, 64), resizable=True,
    ),
}  # fmt: skip


def load(
    name: str, *, root: Path = DEFAULT_ROOT, image_size: int | None = None, download: bool = False,
    test_seed: int = 0, workers: int | None = None, judged: bool = False,
) -> DataSet:  # fmt: skip
    """The data set called `name`.

    Args:
        name: a key of `DATASETS`, or `folder:PATH`.
        root: folder that holds the archives of named sets.
        image_size: side in pixels to which images are resized (`mnist` and `fashion-mnist`: zero-padded);
            None keeps the set's own side.
        download: fetch a missing archive where torchvision can.
        test_seed: seed of the held-out samples of an endless set.
        workers: processes that read the images of a large set, 0 for none; one per core, at most four,
            by default. Changes no figure.
        judged: whether the samples are only judged: a folder without `train/` and `test/` is held out whole.

    Raises:
        UsageError: no such name or folder, or images that do not fit together.
        ResourceError: the data are missing, or cannot be read.
        DataError: a file is refused.
    """
    from gancross.data.workers import resolve_workers

    readers = resolve_workers(workers)
    entry = _entry(name, image_size)
    if entry is None:
        from gancross.data import folder

        return folder.load(folder_path(name), image_size=image_size, workers=readers, judged=judged)
    request = DataRequest(
        name=name, root=root, image_size=image_size or entry.image_size, download=download,
        test_seed=test_seed, workers=readers,
    )  # fmt: skip
    data: DataSet = importlib.import_module(f"gancross.data.{entry.module}").load(request)
    return data


def known_shape(name: str, *, image_size: int | None) -> tuple[int, ...] | None:
    """(C, H, W) or (d,) of one sample of a named set, without opening it.

    For a folder it is the shape in the header of its first image; None where it has no image yet.

    Raises:
        UsageError: no such name, or a size that the set does not come in.
        DataError: a folder's file is not an image.
    """
    entry = _entry(name, image_size)
    if entry is None:
        from gancross.data import folder

        return folder.first_shape(folder_path(name), image_size=image_size)
    return entry.shape if image_size is None else (entry.shape[0], image_size, image_size)


def known_classes(name: str) -> int | None:
    """Number of classes of a named set, without opening it, or of the class folders of a folder.

    None where it has no labels, or, of a folder, no images yet.

    Raises:
        UsageError: no such name.
    """
    entry = _entry(name, None)
    if entry is None:
        from gancross.data import folder

        return folder.known_classes(folder_path(name))
    return entry.num_classes


def folder_path(name: str) -> Path:
    """The folder of `folder:PATH`; `~` is a home."""
    return Path(os.path.expanduser(name.removeprefix(FOLDER)))


def _entry(name: str, image_size: int | None) -> Entry | None:
    """The entry of a named set, which comes at this size; None for a folder."""
    if image_size is not None and image_size < 1:
        raise UsageError(f"image_size must be at least 1, got {image_size}")
    if name == FOLDER:
        raise UsageError(f"data '{FOLDER}': needs a path; write {FOLDER}PATH")
    if name.startswith(FOLDER):
        return None
    if name not in DATASETS:
        if Path(name).is_dir():
            raise UsageError(f"unknown data set '{name}': write a folder of images as {FOLDER}{name}")
        raise unknown_name("data set", name, [*DATASETS, "folder:PATH"])
    entry = DATASETS[name]
    if not (entry.resizable or image_size in (None, entry.image_size, entry.padded)):
        sizes = [f"{size}×{size}" for size in (entry.image_size, entry.padded) if size is not None]
        comes = f"; it comes at {' or '.join(sizes)}" if sizes else ""
        raise UsageError(f"image_size={image_size}: data '{name}' cannot be resized{comes}; folder:PATH can")
    return entry
