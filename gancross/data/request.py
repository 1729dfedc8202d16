"""The request for a data set that a reader gets. No torch here, see `catalogue`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Commands that only judge do not have that option.
FETCH = "'gancross train' with --download fetches it"


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """The arguments of `gancross.data.catalogue.load`, defaults filled in."""

    name: str
    root: Path
    image_size: int | None
    download: bool
    test_seed: int
    workers: int

    @property
    def remedy(self) -> str:
        """What fetches the data set; where that was just tried, what to look at."""
        return "it could not be fetched, look at the network" if self.download else FETCH
