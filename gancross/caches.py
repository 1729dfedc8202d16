"""Where gancross keeps what it can compute again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The folder named by `GANCROSS_CACHE`, else the platform's user cache folder; it may not exist yet."""
    chosen = os.environ.get("GANCROSS_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("gancross")
