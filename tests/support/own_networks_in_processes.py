"""Run by each of several processes: own networks of other weights in each, trained at once and in parts.

Arguments: path of own_pair.py, folder of the runs. Prints the sum of every weight of each last checkpoint's
generator in this process's memory.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import torch

import gancross

code, out = sys.argv[1], Path(sys.argv[2])
recipe = gancross.recipe("digits", batch_size=16)
for name, steps, seed in (("whole", 4, 0), ("parts", 2, 0), ("parts", 4, 7)):
    torch.manual_seed(seed + int(os.environ["RANK"]))
    networks = runpy.run_path(code)["pair"](recipe)
    changed = recipe.with_changes({"steps": steps})
    gancross.train(changed, out / name, networks=networks, device="cpu", checkpoint_every=2, log_every=1)
    print(name, steps, sum(float(weight.double().sum()) for weight in networks[0].parameters()), flush=True)
