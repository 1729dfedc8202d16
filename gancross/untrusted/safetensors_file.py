"""Reading and writing `.safetensors` files: named tensors and one JSON text.

The file is the length of a header (8 bytes, little-endian), the header, a JSON object with every tensor's
dtype, shape and place, and the tensors' bytes. The header's `__metadata__` holds

    format       name and version of the format
    text         JSON of all values but the tensors
    text_sha256  SHA-256 of that text
    data_sha256  SHA-256 of the bytes after the header

The safetensors library checks the table of tensors: sizes, overlaps, holes, a part that is missing.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from safetensors.torch import load as parsed_tensors
from safetensors.torch import save as serialised

from gancross.untrusted.strict_json import parsed
from gancross.untrusted.values import RefusedArchive, plain_copy, refusing

LARGEST_HEADER = 2 << 20  # the library takes 100 MB, which Python's JSON would unfold to gigabytes


def to_bytes(format_name: str, values: dict[str, Any], tensors: dict[str, torch.Tensor]) -> bytes:
    """The file's content; values are plain, their tuples and lists come back as tuples."""
    header, data = _parts(serialised(tensors))
    metadata = _metadata(format_name, json.dumps(values, allow_nan=False), data)
    complete = json.dumps({"__metadata__": metadata} | json.loads(header), separators=(",", ":")).encode()
    complete += b" " * (-len(complete) % 8)  # the data are aligned
    return b"".join((len(complete).to_bytes(8, "little"), complete, data))


def load_tensors_file(content: bytes) -> tuple[str, object, dict[str, torch.Tensor]]:
    """Format, values and tensors of a file that `to_bytes` wrote; sequences come back as tuples.

    Raises:
        RefusedArchive: it is damaged, or of another format.
    """
    text, data = _parts(content)
    header = _json(text, "header")
    if not isinstance(header, dict):
        raise RefusedArchive("its header is not a JSON object")
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise RefusedArchive("not a checkpoint of gancross (no metadata)")
    if set(metadata) != {"format", "text", "text_sha256", "data_sha256"}:
        raise RefusedArchive("not a checkpoint of gancross (other metadata)")
    if metadata != _metadata(metadata["format"], metadata["text"], data):
        raise RefusedArchive("damaged: a SHA-256 differs from the one in its metadata")
    values = plain_copy(_json(metadata["text"], "text"), lists_as_tuples=True)
    with refusing("safetensors cannot load it"):
        tensors = plain_copy(parsed_tensors(content))
    assert isinstance(tensors, dict)
    return metadata["format"], values, tensors


def _metadata(format_name: str, text: str, data: memoryview) -> dict[str, str]:
    return {
        "format": format_name,
        "text": text,
        "text_sha256": hashlib.sha256(text.encode(errors="replace")).hexdigest(),
        "data_sha256": hashlib.sha256(data).hexdigest(),
    }


def _parts(content: bytes) -> tuple[bytes, memoryview]:
    """Header and data."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(LARGEST_HEADER, len(content) - 8):
        raise RefusedArchive(
            "not a .safetensors file: its header is missing, cut off or larger than"
            f" {LARGEST_HEADER >> 20} MiB"
        )
    return content[8 : 8 + length], memoryview(content)[8 + length :]


def _json(text: bytes | str, what: str) -> Any:
    with refusing(f"its {what} is not JSON that can be read"):
        return parsed(text)
