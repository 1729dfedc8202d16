"""The steps of the checks, reported as they are done."""

from __future__ import annotations

from threading import Lock

from gancross.evaluator.referees.work import Progress


class CheckSteps:
    """Counts steps for a progress callback, which is called with ("checks", done, in all).

    Any thread may advance. A step is one rung before one judge of one identity, or the search for one
    contestant's copies.
    """

    def __init__(self, progress: Progress | None, *, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total
        self._lock = Lock()
        self._report()

    def advance(self) -> None:
        """One step is done."""
        with self._lock:
            self._done += 1
            self._report()

    def finish(self) -> None:
        """All are done; judges that could not judge took no steps."""
        if self._done < self._total:
            self._done = self._total
            self._report()

    def _report(self) -> None:
        if self._progress is not None:
            self._progress("checks", self._done, self._total)
