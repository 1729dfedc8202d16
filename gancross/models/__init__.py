"""Networks by name. A checkpoint stores these names and plain arguments, never code.

To add an architecture: write its module with a `reset(generator)` method and enter it in `BUILDERS` of
`architectures.py`; to add a generator–discriminator pair that recipes can name: enter a function in
`PAIRS` of `pairs.py`.
"""

from gancross.models.architectures import (
    BUILDERS,
    Architecture,
    Argument,
    Network,
    architecture_of,
    initialised,
    interface,
    skeleton,
)
from gancross.models.pairs import PAIRS, Shape, pair

__all__ = [
    "BUILDERS", "PAIRS", "Architecture", "Argument", "Network", "Shape", "architecture_of", "initialised",
    "interface", "pair", "skeleton",
]  # fmt: skip
