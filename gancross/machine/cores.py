"""The processor cores that this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")


def available_cores(root: Path = ROOT) -> int:
    """Cores by affinity, as `taskset` and Slurm set it, and by the CPU quota of the control group.

    At least 1. A container on a machine of 64 cores may have a quota of two; one of 2.5 counts as 2.

    Args:
        root: of the file system that shows the control groups.
    """
    count = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    if hasattr(os, "sched_getaffinity"):
        count = min(count, len(os.sched_getaffinity(0)))
    return max(1, min([count, *(int(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """The limits in cores of this process's control groups and of all above them.

    In a container the path of a group may be that outside, while its files lie at the top.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            tops, files = ["sys/fs/cgroup", "sys/fs/cgroup/unified"], ["cpu.max"]
        elif "cpu" in controllers.split(","):
            tops = [f"sys/fs/cgroup/{name}" for name in ("cpu", controllers)]
            files = ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        for top in tops:
            group = Path(path.lstrip("/"))
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError):  # no such files, or "max"
                    places = [root / top / folder / file for file in files]
                    quota, period = map(float, " ".join(place.read_text() for place in places).split())
                    if quota > 0 and period > 0:  # −1: no limit
                        yield quota / period
