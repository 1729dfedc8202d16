"""Networks by name. A checkpoint stores these names and plain arguments, never code.

To add a family of networks: write its classes in a module and enter it in `FAMILIES` of `families.py`, as
docs/how-to/extending.md shows.
"""

from gancross.models.architectures import (
    PairSettings,
    architecture_of,
    check_interface,
    initialised,
    pair,
    skeleton,
)
from gancross.models.families import ARCHITECTURES, FAMILIES
from gancross.models.network import Architecture, Argument, Family, Network

__all__ = [
    "ARCHITECTURES", "FAMILIES", "Architecture", "Argument", "Family", "Network", "PairSettings",
    "architecture_of", "check_interface", "initialised", "pair", "skeleton",
]  # fmt: skip
