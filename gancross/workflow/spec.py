"""The file that describes a benchmark: variants × seeds, trained and cross-tested as one job."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from gancross.data.resizing import parsed_resize
from gancross.errors import UsageError, unknown_name
from gancross.evaluator.fidelity.plan import check_names
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referees.options import RefereeBudget
from gancross.machine.files import composed, read_bytes
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.network_settings import OWN
from gancross.trainer.recipes.recipe import Recipe
from gancross.untrusted.strict_json import decoded

LARGEST_FILE = 1 << 20
VARIANT_KEYS = ("recipe", "seeds", "networks")  # beside the fields of a recipe
RUNS_KEYS = {"networks": str}
TOP_KEYS = {
    "name": str, "recipe": str, "seeds": (int, list), "set": dict, "runs": dict, "variants": dict,
    "crosstest": dict,
}  # fmt: skip
CROSSTEST_KEYS: dict[str, Any] = {
    "data": str, "num_samples": int, "seed": int, "norm": str, "quantize": bool, "controls": bool,
    "norm_check": bool, "metrics": list, "kid_subset_size": int, "referees": str,
    "referee_labels": bool,
    "chunk": int, "resize": (int, str), "classes": list,
}  # fmt: skip
NAME_CHARACTERS = "letters, digits, '.', '_' and '-'"


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training run of a benchmark. `name` is its folder's and its contestant's.

    Attributes:
        networks: `module:pair`, the code of networks of the user's own; None: the recipe's.
    """

    name: str
    variant: str
    recipe: Recipe
    networks: str | None = None


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A whole benchmark.

    Attributes:
        name: name of its folder.
        runs: ordered by variant, then by seed.
        protocol: how all are judged together.
        data: by name; None: the data that all were trained on.
        referees: their budget; "none": no referees are trained.
        referee_labels: whether they see the class of each sample.
    """

    name: str
    runs: tuple[PlannedRun, ...]
    protocol: Protocol = field(default_factory=Protocol)
    data: str | None = None
    referees: RefereeBudget = "none"
    referee_labels: bool = False


def common_data(spec: Spec) -> str:
    """The data that all runs were trained on.

    Raises:
        UsageError: they differ.
    """
    names = sorted({run.recipe.data for run in spec.runs})
    if len(names) > 1:
        raise UsageError(f"the variants train on different data ({', '.join(names)}): set crosstest.data")
    return names[0]


def common_size(spec: Spec) -> int | None:
    """The side to which all training images were resized; None if they were not, or differ."""
    sizes = {run.recipe.image_size for run in spec.runs}
    return sizes.pop() if len(sizes) == 1 else None


def load_spec(path: Path) -> Spec:
    """Reads a benchmark's TOML file.

        name = "gamma"                 # default: the file's stem
        recipe = "digits"              # of variants without a recipe of their own
        seeds = [0, 1, 2]              # or a number: seeds = 3 is the same
        set = { steps = 1000 }         # fields of the recipe for all variants

        [runs]
        networks = "my.py:pair"        # networks of your own, for all variants without `networks`

        [variants.unregularized]       # at least one; fields of the recipe, and `recipe`, `seeds`, `networks`
        regularizer = "none"

        [crosstest]                    # arguments of gancross.crosstest
        num_samples = 2000

    Raises:
        UsageError: no such file, not TOML, or an unknown key or invalid value; the message names it.
    """
    try:
        document = tomllib.loads(decoded(read_bytes(path, limit=LARGEST_FILE)))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    try:
        return parse_spec({"name": path.stem} | document)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def parse_spec(document: Mapping[str, Any]) -> Spec:
    """A benchmark from plain values.

    Raises:
        UsageError: as `load_spec`.
    """
    _check_keys("benchmark key", document, TOP_KEYS)
    name = composed(document.get("name", "benchmark"))
    _check_name("name", name)
    _check_keys("runs key", document.get("runs", {}), RUNS_KEYS)
    variants = document.get("variants", {})
    if not variants:
        raise UsageError("a benchmark needs at least one [variants.NAME]")
    runs: list[PlannedRun] = []
    for variant, changes in ((composed(key), changes) for key, changes in variants.items()):
        _check_name(f"variant '{variant}'", variant)
        if not isinstance(changes, dict):
            raise UsageError(f"variants.{variant} must be a table, got {changes!r}")
        runs += _runs(variant, changes, document)
    methods: dict[tuple[Recipe, str | None], str] = {}
    for run in runs:
        if [other.name for other in runs].count(run.name) > 1:
            raise UsageError(f"two runs have the name '{run.name}'; rename a variant")
        same = methods.setdefault((run.recipe, run.networks), run.name)
        if same != run.name:
            raise UsageError(f"'{same}' and '{run.name}' are the same run: their recipes do not differ")
    options = dict(document.get("crosstest", {}))
    _check_keys("crosstest key", options, CROSSTEST_KEYS)
    if "metrics" in options:
        options["metrics"] = tuple(map(str, options["metrics"]))
    options["resize"] = parsed_resize(options.get("resize"))
    data, referees = options.pop("data", None), options.pop("referees", "none")
    if referees not in get_args(RefereeBudget):
        raise unknown_name("crosstest: referees", referees, get_args(RefereeBudget))
    referee_labels = options.pop("referee_labels", False)
    if referee_labels:
        _check_labels(runs, referees)
    try:
        protocol = Protocol(**options)
        check_names(protocol.metrics, kid_subset_size=protocol.kid_subset_size)
    except UsageError as error:
        raise UsageError(f"crosstest: {error}") from None
    return Spec(
        name=name, runs=tuple(runs), protocol=protocol, data=data, referees=referees,
        referee_labels=referee_labels,
    )  # fmt: skip


def _check_labels(runs: Sequence[PlannedRun], referees: RefereeBudget) -> None:
    """Whether there will be referees that see labels, and samples that have them."""
    if referees == "none":
        raise UsageError(
            "crosstest: referee_labels: no referees are trained; set referees = 'quick' or 'full'"
        )
    for run in runs:
        if run.recipe.conditional == "none":
            raise UsageError(
                f"crosstest: referee_labels: samples of run '{run.name}' will have no labels, which referees"
                " shall see: set conditional"
            )


def _runs(variant: str, changes: Mapping[str, Any], document: Mapping[str, Any]) -> list[PlannedRun]:
    """The runs of one variant; its own values take precedence over those for all variants."""
    base = changes.get("recipe", document.get("recipe"))
    if not isinstance(base, str):
        raise UsageError(f"variants.{variant}: needs a recipe, its own or one for all variants")
    fields = {key: value for key, value in changes.items() if key not in VARIANT_KEYS}
    if "seed" in fields or "seed" in document.get("set", {}):
        raise UsageError(f"variants.{variant}: write seeds = [0, 1, …] instead of seed")
    networks = changes.get("networks", document.get("runs", {}).get("networks"))
    if not isinstance(networks, str | None):
        raise UsageError(f"variants.{variant}: networks must be 'module:pair', got {networks!r}")
    try:
        # One call, so that a variant's values take precedence before they are checked.
        together = dict(document.get("set", {})) | fields
        if networks is not None and together.setdefault("network", OWN) != OWN:
            raise UsageError(f"networks names the networks: leave out network = '{together['network']}'")
        recipe_of_variant = recipe(base).with_changes(together)
        if networks is None and recipe_of_variant.network == OWN:
            raise UsageError("network = 'own' needs networks = 'module:pair', the code that builds them")
    except UsageError as error:
        raise UsageError(f"variants.{variant}: {error}") from None
    seeds = _seeds(changes.get("seeds", document.get("seeds", [0])), variant)
    return [
        PlannedRun(
            name=variant if len(seeds) == 1 else f"{variant}-seed{seed}",
            variant=variant,
            recipe=recipe_of_variant.with_changes({"seed": seed}),
            networks=networks,
        )
        for seed in seeds
    ]


def _seeds(value: object, variant: str) -> list[int]:
    seeds = list(range(value)) if type(value) is int else value
    if not isinstance(seeds, list) or not seeds or any(type(seed) is not int or seed < 0 for seed in seeds):
        raise UsageError(
            f"variants.{variant}: seeds must be a list of integers ≥ 0, or their number, ≥ 1, got {value!r}"
        )
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"variants.{variant}: a seed is listed twice")
    return seeds


def _check_keys(what: str, values: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if key not in known:
            raise unknown_name(what, key, known)
        kinds = known[key] if isinstance(known[key], tuple) else (known[key],)
        if type(value) not in kinds:
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise UsageError(f"{what} '{key}' must be a {expected}, got {value!r}")


def _check_name(what: str, name: str) -> None:
    """Checks a name, which becomes a folder's."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(
            f"{what}: a name may have {NAME_CHARACTERS}, and begins with neither '.' nor '-', got {name!r}"
        )
