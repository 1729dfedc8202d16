"""An evaluation computes alike whatever its caller has set for the thread."""

from __future__ import annotations

import torch

from gancross.machine.process_state import own_turn


def test_no_turn_is_taken_in_the_precision_of_the_callers_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with own_turn():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
            with torch.autocast("cpu", dtype=torch.bfloat16):
                weight = torch.ones(2, 2, requires_grad=True)
                assert int((weight @ torch.ones(2, 2)).sum().detach()) == 8
            weight.data.zero_()
            with torch.autocast("cpu", dtype=torch.bfloat16):  # that ended keeps no rounded weights
                assert int((weight @ torch.ones(2, 2)).sum().detach()) == 0
        assert torch.is_autocast_enabled("cpu")
