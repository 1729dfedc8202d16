"""Referees that two workers train, once to the end and once interrupted: two_workers.py FOLDER."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from tiny_referees import arena_of, grains

from gancross.evaluator.referees.entries import encoded
from gancross.evaluator.referees.halves import sample_set
from gancross.evaluator.referees.work import refereed
from gancross.machine import stored_arrays

REALS, NEAR, FAR = grains(90), grains(90, seed=1), grains(90, seed=2, shift=20)
STEPS = 8


def main(folder: str) -> None:
    arena = replace(arena_of(REALS, [NEAR, FAR], steps=STEPS), workers=2)
    sets = {"near": sample_set(NEAR)}
    stored_arrays.LARGEST_IN_MEMORY = 0
    sets["far"] = sample_set(FAR)  # the workers find it by its file
    for name, entries in refereed(sets, arena)[0].items():
        for entry in entries:
            (Path(folder) / f"{name}-{entry.scores.half}.npz").write_bytes(encoded(entry))

    def stop(what: str, done: int, total: int) -> None:
        if 4 * done >= total:
            raise KeyboardInterrupt

    later = replace(arena, seed=7)
    try:
        refereed(sets, later, progress=stop)
    except KeyboardInterrupt:
        print("trained after the interruption:", refereed(sets, replace(later, workers=1))[1])


if __name__ == "__main__":
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    main(*sys.argv[1:])
