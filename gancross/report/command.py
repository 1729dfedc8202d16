"""The command that makes a result again, from its own record."""

from __future__ import annotations

import shlex
from typing import Any

from gancross.data.catalogue import FOLDER
from gancross.errors import GancrossError
from gancross.trainer.recipes.recipe import Recipe

Plain = dict[str, Any]

IN_MEMORY = "in memory"


def command(document: Plain) -> str:
    """`gancross crosstest …`, quoted for a POSIX shell.

    Paths are those of the call and relative to the folder it was made in.
    """
    protocol, fidelity = document["protocol"], document["protocol"].get("fidelity")
    words = ["gancross", "crosstest", "--data", protocol["data"]["name"]]
    if protocol["data"]["image_size"] is not None:
        words += ["--image-size", str(protocol["data"]["image_size"])]
    words += ["--num-samples", str(protocol["num_fake"]), "--seed", str(protocol["seed"])]
    words += ["--norm", protocol["norm"]]
    flags = {
        "--no-norm-check": not protocol["norm_check"],
        "--no-quantize": not protocol["quantize"],
        "--no-controls": document["controls"] is None,
    }
    words += [flag for flag, given in flags.items() if given]
    if isinstance(fidelity, dict):
        words += ["--metrics", ",".join(map(str, fidelity.get("metrics", [])))]
        if "kid" in fidelity.get("metrics", []):
            words += ["--kid-subset-size", str(fidelity.get("kid_subset_size", 1000))]
    device = document["provenance"].get("device")
    if isinstance(device, str):
        words += ["--device", device]
    for one in document["contestants"]:
        if one["method"] is not None and one["method"] != _own_method(one["recipe"]):
            words += ["--method", f"{one['name']}={one['method']}"]
    # After "--" nothing is an option, however a model is called.
    words += ["--", *(f"{one['name']}={one['path']}" for one in document["contestants"])]
    return shlex.join(words)


def obstacles(document: Plain) -> list[str]:
    """Why the command alone may not give this result again; empty where it does, on equal files.

    A model without a recipe may be of other code, which the record does not name.
    """
    found = []
    unsaved = [one["name"] for one in document["contestants"] if one["path"] is None]
    if unsaved:
        listed = ", ".join(f"'{name}'" for name in unsaved)
        found.append(f"{listed}: made in memory, not read from a file")
    foreign = [
        one["name"] for one in document["contestants"]
        if one["path"] is not None and one["recipe"] is None and not one["path"].startswith(FOLDER)
    ]  # fmt: skip
    if foreign:
        listed = ", ".join(f"'{name}'" for name in foreign)
        found.append(f"{listed}: without a recipe; if --arch or --describe said what it is, add them")
    if document["protocol"]["data"]["name"] == IN_MEMORY:
        found.append("the data were an array in memory")
    with_equals = [one["name"] for one in document["contestants"] if "=" in one["name"]]
    if with_equals:
        listed = ", ".join(f"'{name}'" for name in with_equals)
        found.append(f"{listed}: a name with '=' cannot be given on the command line")
    fidelity = document["protocol"].get("fidelity")
    if isinstance(fidelity, dict) and fidelity.get("fid_statistics_sha256") is not None:
        found.append("FID's real statistics were read from a file: add --fid-statistics")
    return found


def _own_method(recipe: Plain | None) -> str | None:
    """What a checkpoint says it is a run of, where its recipe is one of ours."""
    try:
        return None if recipe is None else Recipe.from_dict(recipe).method
    except GancrossError:
        return None
