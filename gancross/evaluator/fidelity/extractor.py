"""What turns samples into features and class probabilities, by the form of the data.

Images go through torch-fidelity's Inception, scikit-learn's 8×8 digits through a small classifier of their
own, vectors are their own features. Only the first may be called FID, IS and KID.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gancross.errors import UsageError
from gancross.version import __version__

if TYPE_CHECKING:
    import torch

INCEPTION = "inception-v3-compat"
DIGITS = "digits-cnn"
IDENTITY = "identity"
DIGITS_SHAPE = (1, 8, 8)
BATCH = 50  # samples through a network at a time; ten make a chunk

Apply = Callable[["torch.Tensor"], "tuple[torch.Tensor, torch.Tensor | None]"]


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A feature extractor, ready on its device.

    Attributes:
        name: key of the record.
        dimension: of the features.
        classes: of the logits; None where there are none.
        apply: canonical samples on `device` → float32 features (N, D) and logits (N, classes) or None.
        device: where it computes.
        weights_sha256: of the weights file; None without weights.
        resize: how images are brought to the network's size; None if they are not.
        versions: libraries that the features depend on.
        warnings: what a reader of its figures must know.
        dtype: of the computation.
    """

    name: str
    dimension: int
    classes: int | None
    apply: Apply = field(repr=False)
    device: torch.device
    weights_sha256: str | None = None
    resize: str | None = None
    versions: str
    warnings: tuple[str, ...] = ()
    dtype: str = "float32"


def extractor_for(shape: tuple[int, ...]) -> str:
    """The name of the extractor for samples of this shape, (C, H, W) or (d,)."""
    if len(shape) == 1:
        return IDENTITY
    if shape == DIGITS_SHAPE:
        return DIGITS
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UsageError(
            f"metrics need vectors, or images of 1 or 3 channels; the samples have shape {shape}"
        )
    return INCEPTION


def load_extractor(
    name: str, *, shape: tuple[int, ...], weights: Path | None, device: torch.device
) -> Extractor:
    """The extractor called `extractor_for(shape)`; `weights` is the file of Inception's."""
    import torch

    torch_version = f"torch {torch.__version__}"
    if name == INCEPTION:
        import torch_fidelity

        from gancross.evaluator.fidelity import inception

        assert weights is not None
        apply, digest = inception.load_inception(weights, device, batch=BATCH)
        unpublished = (
            f"Inception weights with SHA-256 {digest[:16]}… are not those that torch-fidelity publishes"
            f" ({inception.PUBLISHED}…): figures compare only with figures of the same weights",
        )
        return Extractor(
            name=name, dimension=inception.DIMENSION, classes=inception.CLASSES, apply=apply, device=device,
            weights_sha256=digest, resize="299×299, bilinear as in TensorFlow 1",
            versions=f"torch-fidelity {torch_fidelity.__version__}, {torch_version}",
            warnings=() if digest.startswith(inception.PUBLISHED) else unpublished,
        )  # fmt: skip
    if name == DIGITS:
        from gancross.evaluator.fidelity import digits_cnn

        network, digest = digits_cnn.load_digits_cnn()
        return Extractor(
            name=name, dimension=digits_cnn.DIMENSION, classes=digits_cnn.CLASSES, apply=network.to(device),
            device=device, weights_sha256=digest, versions=f"gancross {__version__}, {torch_version}",
        )  # fmt: skip
    return Extractor(
        name=IDENTITY, dimension=shape[0], classes=None, apply=lambda samples: (samples, None), device=device,
        versions=f"gancross {__version__}",
    )  # fmt: skip
