"""`gancross …` within this process."""

from __future__ import annotations

import pytest

from gancross.cli.main import main


def call(*arguments: object) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments)])
    return int(left.value.code or 0)
