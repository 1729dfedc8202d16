"""torch-fidelity's Inception network, from a weights file that is never unpickled unsafely."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch_fidelity import FeatureExtractorInceptionV3
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

from gancross.errors import CheckpointError, ResourceError
from gancross.machine.files import read_bytes

DIMENSION = 2048
CLASSES = 1008
PUBLISHED = URL_INCEPTION_V3.rsplit("-", 1)[1].removesuffix(".pth")  # first digits of the file's SHA-256
LARGEST_FILE = 1 << 30

Network = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def weights_path(chosen: Path | None) -> Path:
    """The weights file: the chosen one, or where torch-fidelity keeps its own.

    Raises:
        ResourceError: it is not there; says where it was looked for and where to get it.
    """
    default = Path(torch.hub.get_dir()) / "checkpoints" / URL_INCEPTION_V3.rsplit("/", 1)[1]
    path = chosen or default
    if not path.is_file():
        wrong = "is not a file" if path.exists() else "no such file"
        raise ResourceError(
            f"{path}: {wrong}; FID, IS, KID and precision/recall of images need torch-fidelity's Inception"
            f" weights (95 MB): download {URL_INCEPTION_V3} to {default}, or name the file with"
            " --feature-extractor-weights-path of 'gancross crosstest'; gancross never downloads them"
        )
    return path


def load_inception(path: Path, device: torch.device, *, batch: int) -> tuple[Network, str]:
    """The network, which sees `batch` images at a time, and the SHA-256 of its weights file.

    The file is read once and parsed by torch's weights-only unpickler, which builds tensors and plain
    containers. torch-fidelity's class would unpickle whatever the file holds; it is given a copy in memory
    that was written here from those tensors.

    Returns:
        A function from uint8 images (N, 1 or 3, H, W) on `device` to features (N, 2048) and to logits
        without bias (N, 1008); and the hash.

    Raises:
        ResourceError: the file cannot be read.
        CheckpointError: it is not a state dict of this network, or its numbers are not finite.
    """
    content = read_bytes(path, limit=LARGEST_FILE)
    state = _state(content, path)
    copy = io.BytesIO()
    torch.save(state, copy)
    copy.seek(0)
    try:
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=copy
        ).to(device)
    except (RuntimeError, TypeError, AttributeError) as error:
        first = " ".join(str(error).split())
        raise CheckpointError(f"{path}: not weights of torch-fidelity's Inception: {first:.200}") from None

    def apply(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = [network(part.expand(-1, 3, -1, -1)) for part in torch.split(images, batch)]
        features, logits = zip(*outputs, strict=True)
        return torch.cat(features), torch.cat(logits)

    return apply, hashlib.sha256(content).hexdigest()


def _state(content: bytes, path: Path) -> dict[str, Any]:
    """The state dict in a weights file, zip or the older format of `torch.save`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TorchScript, before it is refused
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True, mmap=False)
    except (
        Exception
    ):  # damaged or hostile input, of which torch says to load it unsafely; nothing was executed
        raise CheckpointError(
            f"{path}: torch cannot load it as plain weights: download {URL_INCEPTION_V3} again"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(
            f"{path}: expected a state dict of tensors, as torch-fidelity's weights file is"
        )
    for name, value in state.items():
        if not bool(value.isfinite().all()):
            raise CheckpointError(f"{path}: {name} has values that are NaN or infinite")
    return state
