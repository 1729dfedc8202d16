"""Referees of given vectors by every process of a run, saved too: refereed.py SAMPLES.pt OUT."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from crosstests import figures
from tiny_referees import use_tiny

from gancross import Contestant, Result, referee
from gancross.evaluator.result.types import RefereeCost
from gancross.machine.distributed import current, joined


def judged(samples: Mapping[str, torch.Tensor], data: torch.Tensor, **options: Any) -> Result:
    """Referees of samples by name."""
    contestants = [Contestant(name=name, samples=array) for name, array in samples.items()]
    return referee(contestants, data=data, device="cpu", **({"num_samples": 1000} | options))


def cost_of(result: Result) -> RefereeCost:
    """What its referees cost."""
    assert result.provenance.referees is not None
    return result.provenance.referees


@joined()
def main(path: str, out: str) -> None:
    arrays = torch.load(path)
    steps: list[tuple[str, int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch, steps=8)
        result = judged(
            {name: arrays[name] for name in ("a", "b")}, arrays["data"], train_data=arrays["training"],
            progress=lambda *step: steps.append(step),
            save_referees=Path(f"{out}-saved.{current().rank}"),
        )  # fmt: skip
    record = {"figures": figures(result), "trained": cost_of(result).trained, "steps": steps}
    Path(f"{out}.{current().rank}").write_text(json.dumps(record))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
