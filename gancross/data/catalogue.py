"""Data sets by name. Nothing heavy is imported before a set is loaded.

To add one: write a reader that returns a `DataSet`, and enter it in `DATASETS` and `load`.
"""

from __future__ import annotations

import os
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
    """What `gancross datasets` prints of a data set."""

    samples: str
    image_size: int | None
    origin: str


DATASETS: dict[str, Entry] = {
    "mixture": Entry(samples="endless, 3-d vectors", image_size=None, origin="generated"),
    "digits": Entry(samples="1,201 + 596, 1×8×8", image_size=8, origin="embedded in scikit-learn"),
    "cifar10": Entry(
        samples="50,000 + 10,000, 3×32×32", image_size=32, origin="official archive; --download fetches it"
    ),
}


def load(
    name: str,
    *,
    root: Path = DEFAULT_ROOT,
    image_size: int | None = None,
    download: bool = False,
    test_seed: int = 0,
) -> DataSet:
    """The data set called `name`.

    Args:
        name: a key of `DATASETS`, or `folder:PATH`.
        root: where the archives of named sets lie.
        image_size: side in pixels to which images are resized; None takes them as they are.
        download: fetch a missing archive where torchvision can.
        test_seed: seed of the held-out samples of an endless set.

    Raises:
        UsageError: no such name or folder, or images that do not fit together.
        ResourceError: the data are not there.
        DataError: a file is refused.
    """
    if name.startswith(FOLDER):
        from gancross.data import folder

        return folder.load(Path(name.removeprefix(FOLDER)), image_size=image_size)
    if name not in DATASETS:
        raise unknown_name("data set", name, [*DATASETS, "folder:PATH"])
    if image_size is not None and image_size != DATASETS[name].image_size:
        raise UsageError(f"image_size={image_size}: data '{name}' cannot be resized, only folder:PATH can")
    if name == "mixture":
        return _mixture(test_seed)
    if name == "digits":
        from gancross.data import digits
        from gancross.data.sets import finite

        train, test = digits.images()
        return finite(name, train=train, test=test, split="every third image of each class held out")
    from gancross.data import archives

    return archives.cifar10(root, download=download)


def _mixture(test_seed: int) -> DataSet:
    from gancross.data import mixture
    from gancross.data.sets import DataSet, EndlessReals
    from gancross.latents import Stream

    return DataSet(
        name="mixture", shape=(3,), split="separate streams", train=EndlessReals(draw=mixture.samples),
        held_out=lambda n: mixture.samples(Stream(test_seed, "real", "test"), 0, n),
    )  # fmt: skip
