"""Weights of an ONNX graph in a file beside it, as torch's exporter writes them by default.

A graph names those files itself, so the names are checked: a file of the graph's own folder, no path, no link
out of it. gancross reads it and puts the numbers into the graph; the runtime never opens a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancross.errors import UsageError, printable
from gancross.evaluator.contestants.onnx_graphs import LARGEST_FILE, RefusedGraph, messages
from gancross.machine.files import read_bytes

if TYPE_CHECKING:
    from google.protobuf.message import Message

IN_ANOTHER_FILE = 1  # TensorProto.EXTERNAL
ONE_FILE = "export it as one file: torch.onnx.export(…, external_data=False)"


def with_external_data(model: Message, graph_path: Path) -> dict[str, bytes]:
    """Puts the numbers of other files into a graph, in place.

    Returns:
        The content of each of those files, by its name.

    Raises:
        RefusedGraph: a name leads elsewhere than to a regular file in the graph's folder, or the numbers are
            not in it or more than one file may hold.
        ResourceError: a file cannot be read.
    """
    contents: dict[str, bytes] = {}
    inlined = 0
    for tensor in _external_tensors(model):
        places = {entry.key: entry.value for entry in tensor.external_data}
        where = f"its tensor '{printable(tensor.name, limit=80)}'"
        name = places.get("location", "")
        if name not in contents:
            contents[name] = _content(name, graph_path, where)
        content = contents[name]
        try:
            start = int(places.get("offset", "0"))
            length = int(places.get("length", len(content) - start))
        except ValueError:
            raise RefusedGraph(f"{where} lies in another file, at a place that is no number") from None
        if not 0 <= start <= start + length <= len(content):
            raise RefusedGraph(f"{where} reaches beyond the end of {printable(name)}: copy both files again")
        inlined += length
        if inlined > LARGEST_FILE:  # of protobuf; many tensors may name one part of a file
            raise RefusedGraph(
                f"its weights are longer than {LARGEST_FILE >> 30} GiB, which is not supported"
            )
        tensor.raw_data = content[start : start + length]
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    return contents


def _external_tensors(model: Message) -> Iterator[Any]:
    for message in messages(model):
        tensor: Any = message
        if message.DESCRIPTOR.name == "TensorProto" and (
            tensor.external_data or tensor.data_location == IN_ANOTHER_FILE
        ):
            yield tensor


def _content(name: str, graph_path: Path, where: str) -> bytes:
    shown = printable(name, limit=80)
    if not name or name in (os.curdir, os.pardir) or any(sign in name for sign in "/\\:\0"):
        raise RefusedGraph(f"{where} lies in '{shown}', expected the name of a file beside it; {ONE_FILE}")
    path = graph_path.parent / name
    if path.resolve().parent != graph_path.parent.resolve():
        raise RefusedGraph(f"{where} lies in '{shown}', a link to another folder; {ONE_FILE}")
    try:
        return read_bytes(path, limit=LARGEST_FILE)
    except UsageError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise RefusedGraph(
            f"{where} lies in '{shown}' ({reason}): put it beside the graph, or {ONE_FILE}"
        ) from None
