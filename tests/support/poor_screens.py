"""`gancross …` with a standard output that cannot show: poor_screens.py ENCODING FAILURE ARGUMENTS…"""

from __future__ import annotations

import os
import sys

from gancross.__main__ import main

FAILURES = ("none", "full", "closed", "left")


def lose(descriptor: int, failure: str) -> None:
    """Makes a stream of this process one that nothing can be written to."""
    if failure == "closed":
        os.close(descriptor)
    elif failure == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)
    elif failure == "left":
        reader, writer = os.pipe()
        os.dup2(writer, descriptor)
        os.close(reader)


if __name__ == "__main__":
    encoding, failure, *arguments = sys.argv[1:]
    out, _, err = failure.partition("+")
    sys.stdout.reconfigure(encoding=encoding, errors="strict")  # type: ignore[union-attr]
    lose(2, err or "none")
    lose(1, out)  # last: its number is free for the next file once it is closed
    sys.argv = ["gancross", *arguments]
    main()
