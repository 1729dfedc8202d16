"""Lists for the terminal."""

from __future__ import annotations

import pytest

from gancross.machine.files import size


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (3 << 29, "1.5 GiB"),
        (1 << 60, "1048576.0 TiB"),
    ],
)
def test_sizes(number: int, expected: str) -> None:
    assert size(number) == expected
