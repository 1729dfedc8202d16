"""Cross-tests of given checkpoints by every process of a run: crosstests.py OUT NAME=PATH…"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gancross import Result, crosstest, load_contestant
from gancross.evaluator.codec.fields import JsonObject
from gancross.machine.distributed import current, joined

# 1,250 fakes and 596 reals: the last chunks are partial, groups of 16 straddle chunks and wrap around.
SETTINGS: dict[str, dict[str, Any]] = {
    "eval": {"norm": "eval", "metrics": ["fid", "is", "kid", "pr"], "kid_subset_size": 100},
    "batch": {"norm": "batch", "norm_check": False, "quantize": False, "batch_size": 1000},
}


def crosstested(paths: Mapping[str, str], setting: str, **options: Any) -> Result:
    """The cross-test of checkpoints by name on digits."""
    contestants = [load_contestant(path, name=name) for name, path in paths.items()]
    fixed: dict[str, Any] = {"data": "digits", "num_samples": 1250, "device": "cpu"}
    return crosstest(contestants, **fixed, **SETTINGS[setting], **options)


def figures(result: Result) -> JsonObject:
    """The record without its provenance."""
    return {key: value for key, value in result.to_dict().items() if key != "provenance"}


@joined()
def main(out: str, *arguments: str) -> None:
    paths = dict(argument.split("=", 1) for argument in arguments)
    for setting in SETTINGS:
        Path(f"{out}.{setting}.{current().rank}").write_text(json.dumps(figures(crosstested(paths, setting))))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
