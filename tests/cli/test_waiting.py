"""Threads of the command wait asleep for each other, unless its user says otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest
from processes import environment

# libgomp shows its settings when it is loaded.
CHILD = """
import sys
sys.argv = ["gancross", "--version"]
from gancross.__main__ import main
try:
    main()
finally:
    import torch
"""


@pytest.mark.parametrize("policy", ["passive", "active"])
def test_torch_is_loaded_with_the_policy(policy: str) -> None:
    given = {} if policy == "passive" else {"OMP_WAIT_POLICY": policy}
    settings = environment(OMP_DISPLAY_ENV="true", **given)
    if not given:
        settings.pop("OMP_WAIT_POLICY", None)
    ended = subprocess.run(
        [sys.executable, "-c", CHILD], env=settings, capture_output=True, text=True, check=True
    )
    shown = [line for line in ended.stderr.splitlines() if "OMP_WAIT_POLICY" in line]
    if not shown:
        pytest.skip("torch computes without OpenMP, or with one that shows no settings")
    assert all(policy.upper() in line for line in shown)
