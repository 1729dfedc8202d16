"""Every extractor, loaded with its weights; their libraries are imported when one is asked for."""

from __future__ import annotations

from pathlib import Path

import torch

from gancross.evaluator.fidelity.extractor import DIGITS, IDENTITY, INCEPTION, Extractor
from gancross.version import __version__


def load_extractor(
    name: str, *, shape: tuple[int, ...], weights: Path | None, device: torch.device
) -> Extractor:
    """The extractor called `extractor_for(shape)`; `weights` is the file of Inception's."""
    torch_version = f"torch {torch.__version__}"
    if name == INCEPTION:
        import torch_fidelity

        from gancross.evaluator.fidelity import inception

        assert weights is not None
        apply, digest = inception.load_inception(weights, device)
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
