"""A run's log and pictures as TensorBoard events, beside `log.jsonl`.

Events go straight to the file. torch's SummaryWriter hands them to a thread, where a full disk ends in a
traceback and, at the next flush, in a wait without end.
"""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import time
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
        self._file: io.FileIO | None = None

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def resumed(self, step: int) -> None:
        """Events of later steps will come again: readers drop the old ones."""
        self._start = step

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """A line of the log.

        Raises:
            ResourceError: the events cannot be written.
        """
        from torch.utils.tensorboard.summary import scalar

        self._write(step, [scalar(*figure) for figure in figures.items()])  # type: ignore[no-untyped-call]

    def picture(self, step: int, png: bytes) -> None:
        """A picture of samples.

        Raises:
            ResourceError: the events cannot be written.
        """
        from torch.utils.tensorboard.summary import image

        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self._write(step, [image(PICTURES, pixels, dataformats="HWC")])  # type: ignore[no-untyped-call]

    def _write(self, step: int, summaries: list[Any]) -> None:
        """All the way to the system: what a kill would lose, a resumed run would not write again."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        now = time.time()
        events = [Event(wall_time=now, step=step, summary=summary) for summary in summaries]
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                name = f"events.out.tfevents.{time.time_ns()}.{platform.node()}.{os.getpid()}"
                self._file = (self._folder / name).open("xb", buffering=0)
                begun = SessionLog(status=SessionLog.START)
                events.insert(0, Event(wall_time=now, file_version="brain.Event:2"))
                events.insert(1, Event(wall_time=now, step=self._start + 1, session_log=begun))
            records = io.BytesIO()
            writer = RecordWriter(records)
            for event in events:
                writer.write(event.SerializeToString())
            left = memoryview(records.getvalue())
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise ResourceError(f"{self._folder}: cannot be written: {error.strerror or error}") from error
