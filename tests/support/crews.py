"""How many threads the crews of networks have."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch

from gancross.checkpoint.replicas import network_crew
from gancross.evaluator.judging import scoring
from gancross.machine.crew import Crew, most_threads


def threads_seen(monkeypatch: pytest.MonkeyPatch, *, cores: int) -> list[int]:
    """The threads of every crew that draws or scores samples from now on, on so many cores."""
    monkeypatch.setattr("gancross.machine.threads.available_cores", lambda: cores)
    seen = list[int]()

    def counted(device: torch.device, **options: Any) -> AbstractContextManager[Crew]:
        seen.append(most_threads())
        return network_crew(device, **options)

    monkeypatch.setattr(scoring, "network_crew", counted)
    return seen
