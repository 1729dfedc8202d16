"""A folder of generated images as a contestant: it is judged and has no discriminator."""

from __future__ import annotations

from pathlib import Path

from gancross.checkpoint.contestant import Contestant, Origin
from gancross.data.catalogue import FOLDER
from gancross.data.folder import common_shape, fits_in_memory, read_images
from gancross.data.formats import format_shares
from gancross.data.image_files import image_files
from gancross.data.order import content_sha256
from gancross.errors import UsageError
from gancross.evaluator.judging.sampling import sample_choice


def folder_contestant(
    folder: Path, *, name: str, num_samples: int, seed: int = 0, purpose: str = "crosstest"
) -> Contestant:
    """A contestant whose samples are the images beneath a folder, at any depth.

    If there are more than `num_samples` images, a seeded choice is read, the same that a cross-test would
    take of all of them. Channels are those of the whole folder: one if every image is grey, else three.

    Raises:
        UsageError: not a folder, no images, images of several sizes, or more than fit in memory.
        DataError: a file is not an image that can be read as 8-bit grey or RGB.
        ResourceError: a folder or a file cannot be read.
    """
    files = image_files(folder, who=f"contestant '{name}': folder {folder}").checked()
    paths = files.paths
    index = sample_choice(len(paths), num_samples, name=name, seed=seed, purpose=purpose)
    used = [paths[i] for i in index]
    remedy = "a generator's images must have one size, nothing is resized"
    shape = common_shape(used, image_size=None, remedy=remedy)
    if shape[0] == 1 and len(used) < len(paths):
        # The images that are not read may have any size.
        shape = common_shape(paths, image_size=1)[0], *shape[1:]
    if not fits_in_memory(len(used), shape):
        raise UsageError(f"contestant '{name}': {len(used):,} images do not fit in memory: lower -n")
    images, formats = read_images(used, shape, image_size=None)
    origin = Origin(
        path=f"{FOLDER}{folder}", sha256=content_sha256(images),  # as on the command line
        file_formats=format_shares(formats), notes=files.notes,
    )  # fmt: skip
    return Contestant(name=name, samples=images, origin=origin)
