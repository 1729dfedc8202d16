"""A run's log and pictures as TensorBoard events, beside `log.jsonl`."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gancross.errors import ResourceError

PICTURES = "samples"


class TensorBoard:
    """An observer of a run folder that writes events; use it as a context.

    Args:
        folder: of the event files; made with the first event.

    Raises:
        ResourceError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise ResourceError("--tensorboard needs tensorboard: pip install 'gancross[tensorboard]'")
        self._folder = folder
        self._start = 0
        self._writer: Any = None

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def resumed(self, step: int) -> None:
        """Events of later steps will come again: readers drop the old ones."""
        self._start = step

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """A line of the log."""
        writer = self._opened()
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()  # what a kill would lose, a resumed run would not write again

    def picture(self, step: int, png: bytes) -> None:
        """A picture of samples."""
        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        writer = self._opened()
        writer.add_image(PICTURES, pixels, step, dataformats="HWC")
        writer.flush()

    def _opened(self) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            try:
                self._writer = SummaryWriter(str(self._folder), purge_step=self._start + 1)
            except OSError as error:
                raise ResourceError(f"{self._folder}: cannot be written: {error.strerror}") from error
        return self._writer
