"""What a run ends as when nothing happens to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_folders import trained


@pytest.fixture(scope="package")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    return trained(tmp_path_factory.mktemp("straight")).parent
