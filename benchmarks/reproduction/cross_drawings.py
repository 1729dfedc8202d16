"""Heat maps of cross-testing FP, from records."""

from __future__ import annotations

import itertools
from math import nan
from pathlib import Path
from statistics import fmean
from typing import Any

from reproduction.canvas import canvas, save, shares
from reproduction.record import Record


def heat_map(record: Record, target: Path) -> None:
    """FP of every shown step's samples (rows) under every shown step's discriminator (columns)."""
    snapshots = record["snapshots"]
    n = len(snapshots["steps"])
    picture = canvas(2.6 + 0.76 * n, 1.4 + 0.5 * n)
    axes: Any = picture.add_subplot(1, 1, 1)
    shares(axes, snapshots["fp"])
    for row, (variant, following) in enumerate(itertools.pairwise(snapshots["variants"])):
        if variant != following:
            axes.axhline(row + 0.5, color="black", linewidth=1.5)
            axes.axvline(row + 0.5, color="black", linewidth=1.5)
    ticks = [
        f"{variant}\n{step / 1000:g}k"
        for variant, step in zip(snapshots["variants"], snapshots["steps"], strict=True)
    ]
    axes.set_xticks(range(n), ticks, fontsize=7)
    axes.set_yticks(range(n), [tick.replace("\n", " ") for tick in ticks], fontsize=7)
    axes.set(xlabel="discriminator of method at step", ylabel="generator of method at step")
    axes.set_title("share of samples called real", fontsize=10)
    save(picture, target)


def method_map(record: Record, target: Path) -> None:
    """Mean FP of every method's samples (rows) under every method's discriminators (columns)."""
    crossed = record["cross_fp"]
    methods = {run["name"]: run["label"] for run in record["runs"]}
    cells: dict[tuple[str, str], list[float]] = {}
    for generator, row in zip(crossed["names"], crossed["fp"], strict=True):
        for judge, value in zip(crossed["judges"], row, strict=True):
            if generator != judge:
                cells.setdefault((methods[generator], methods[judge]), []).append(value)
    rows = list(dict.fromkeys(methods.values()))
    columns = list(dict.fromkeys(methods[judge] for judge in crossed["judges"]))
    picture = canvas(4.2 + 0.55 * len(columns), 2.6 + 0.42 * len(rows))
    axes: Any = picture.add_subplot(1, 1, 1)
    means = [
        [fmean(cells[row, column]) if (row, column) in cells else nan for column in columns] for row in rows
    ]
    shares(axes, means)
    axes.set_xticks(range(len(columns)), columns, fontsize=8, rotation=40, ha="right")
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set(xlabel="discriminators of", ylabel="samples of")
    axes.set_title("share of samples called real, mean over runs", fontsize=10)
    save(picture, target)
