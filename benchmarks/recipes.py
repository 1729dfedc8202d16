"""Tries recipes for some steps at full width and notes how long a step takes.

    python benchmarks/recipes.py mixture digits cifar10-dcgan --data cifar10=folder:PATH

Each recipe is trained in a process of its own. The result file is completed after each, and recipes
already in it are left out, so the script can be stopped and called again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from environment import machine, versions

import gancross
from gancross.machine.files import write_atomically
from gancross.trainer.recipes.named_recipes import recipe

RESULTS = Path(__file__).parent / "results" / "recipes-200-steps.json"


def trial(name: str, steps: int, data: dict[str, str], threads: int) -> dict[str, object]:
    """One recipe's run: seconds per step over its second half, and its last figures."""
    chosen = recipe(name)
    command = [
        sys.executable,
        "-m",
        "gancross",
        "train",
        name,
        "--steps",
        str(steps),
        "--device",
        "cpu",
        "-q",
    ]
    if chosen.data in data:
        command += ["--data", data[chosen.data]]
    half = steps // 2
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command += ["--log-every", str(half), "--checkpoint-every", str(steps), "--out", str(out)]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
        last = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
    return {
        "steps": steps,
        "data": data.get(chosen.data, chosen.data).partition(":")[0],
        "threads": threads,
        "seconds_per_step": round(chosen.batch_size / last["samples_per_second"], 4),
        "load": os.getloadavg()[0],
        "figures": last,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", action="append", default=[], metavar="NAME=OTHER")
    arguments = parser.parse_args()
    data = dict(entry.split("=", 1) for entry in arguments.data)
    document: dict[str, Any] = {
        "machine": machine(), "versions": versions("torch"), "gancross": gancross.__version__, "recipes": {},
    }  # fmt: skip
    if RESULTS.exists():
        document = json.loads(RESULTS.read_text())
    for name in arguments.recipes:
        if name in document["recipes"]:
            continue
        document["recipes"][name] = trial(name, arguments.steps, data, arguments.threads)
        write_atomically(RESULTS, (json.dumps(document, indent=2) + "\n").encode())
        print(name, document["recipes"][name]["seconds_per_step"], flush=True)


if __name__ == "__main__":
    main()
