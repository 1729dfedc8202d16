"""A run's log and pictures as TensorBoard events, in addition to `log.jsonl`.

Events are written to the file directly. torch's SummaryWriter passes them to a thread, where a full disk ends
in a traceback and the next flush blocks forever.
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
from gancross.trainer.run.step_files import PICTURES


class TensorBoard:
    """An observer of a run folder that writes events; use it as a context manager.

    Args:
        folder: of the event files; created with the first event.

    Raises:
        ResourceError: tensorboard is not installed, or, later, the events cannot be written.
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
        """Later steps will be repeated: readers drop their old events."""
        self._start = step

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """A line of the log."""
        from torch.utils.tensorboard.summary import scalar

        self._write(step, [scalar(*figure) for figure in figures.items()])  # type: ignore[no-untyped-call]

    def picture(self, step: int, png: bytes) -> None:
        """A picture of samples."""
        from torch.utils.tensorboard.summary import image

        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self._write(step, [image(PICTURES, pixels, dataformats="HWC")])  # type: ignore[no-untyped-call]

    def _write(self, step: int, summaries: list[Any]) -> None:
        """Writes unbuffered: a resumed run would not repeat events that a kill had lost."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        now = time.time()
        events = [Event(wall_time=now, step=step, summary=summary) for summary in summaries]
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                name = f"events.out.tfevents.{time.time_ns()}.{platform.node()}.{os.getpid()}"
                self._file = (self._folder / name).open("xb", buffering=0)
                session = SessionLog(status=SessionLog.START)
                events.insert(0, Event(wall_time=now, file_version="brain.Event:2"))
                events.insert(1, Event(wall_time=now, step=self._start + 1, session_log=session))
            records = io.BytesIO()
            writer = RecordWriter(records)
            for event in events:
                writer.write(event.SerializeToString())
            remaining = memoryview(records.getvalue())
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as error:
            raise ResourceError(f"{self._folder}: cannot be written: {error.strerror or error}") from error
