"""Cores are those that affinity and the quotas of control groups leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from gancross.data.workers import resolve_workers
from gancross.evaluator.referees.arena import default_workers
from gancross.machine.cores import available_cores

ALL = available_cores()

GROUPS = {
    "version 2, in a container": ("0::/\n", {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1),
    "version 2, no limit": ("0::/\n", {"sys/fs/cgroup/cpu.max": "max 100000\n"}, ALL),
    "version 2, a limit above": (
        "0::/job/step\n",
        {"sys/fs/cgroup/job/step/cpu.max": "max 100000", "sys/fs/cgroup/job/cpu.max": "100000 100000"},
        1,
    ),
    "version 1": (
        "4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n",
        {
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        },
        1,
    ),
    "version 1, in a container": (
        "3:cpu,cpuacct:/docker/0123\n",
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
        1,
    ),
    "version 1, no limit": (
        "3:cpu:/\n",
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
        ALL,
    ),
    "a quota above all cores": ("0::/\n", {"sys/fs/cgroup/cpu.max": "99900000 100000\n"}, ALL),
    "unreadable": ("0::/\n", {"sys/fs/cgroup/cpu.max": "rubbish\n"}, ALL),
}


@pytest.mark.parametrize("case", GROUPS)
def test_quotas_of_control_groups_count(tmp_path: Path, case: str) -> None:
    groups, files, expected = GROUPS[case]
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cores(tmp_path) == expected


def test_a_machine_without_control_groups(tmp_path: Path) -> None:
    assert available_cores(tmp_path) >= ALL


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_affinity_counts_everywhere() -> None:
    """Image readers and referees."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_cores() == resolve_workers(None) == default_workers(torch.device("cpu")) == 1
    finally:
        os.sched_setaffinity(0, before)
