"""LSUN bedrooms (Yu et al. 2015): about three million photographs in LMDB environments."""

from __future__ import annotations

import numpy as np

from gancross.data import environments
from gancross.data.lazy import Part, lazy
from gancross.data.request import DataRequest
from gancross.data.sets import DataSet
from gancross.errors import ResourceError
from gancross.random_streams import Stream

NAME = "lsun-bedroom"
HELD_OUT = 10_000
TRAIN_PER_HELD_OUT = 10  # at most one training image in ten is held out


def load(request: DataRequest) -> DataSet:
    """Bedrooms cropped to their centre square and resized.

    The official test images have never been published and the validation set has 300 images, too few for
    an evaluation: a fixed random choice of the training images is held out with it, up to 10,000 in all.

    Raises:
        ResourceError: an environment, or the lmdb package, is missing.
        DataError: an environment is damaged.
    """
    image_size = request.image_size
    assert image_size is not None
    folder = request.root.absolute() / "lsun"  # workers may start in another folder
    train_path, val_path = folder / "bedroom_train_lmdb", folder / "bedroom_val_lmdb"
    for path in (train_path, val_path):
        if not (path / "data.mdb").is_file():
            raise ResourceError(
                f"{NAME}: {path.name}/data.mdb is missing in {folder}: get it with download.py"
                " of github.com/fyu/lsun ('python download.py -c bedroom') and unzip it there; 43 GB"
            )
    shape = (3, image_size, image_size)
    train_reader, val_reader = (
        environments.LmdbReader(environment=path, shape=shape) for path in (train_path, val_path)
    )
    train_keys, val_keys = environments.keys(train_path), environments.keys(val_path)
    extra = max(0, min(HELD_OUT - len(val_keys), len(train_keys) // TRAIN_PER_HELD_OUT))
    held_out = np.sort(Stream(0, "split", NAME).permutation(len(train_keys))[:extra])
    return lazy(
        NAME, train=Part(items=np.delete(train_keys, held_out), reader=train_reader),
        test=[
            Part(items=val_keys, reader=val_reader), Part(items=train_keys[held_out], reader=train_reader)
        ],
        split=f"{len(val_keys):,} official validation images and {extra:,} training images, chosen at random"
        " once and for all, held out",
        image_size=image_size, workers=request.workers,
    )  # fmt: skip
