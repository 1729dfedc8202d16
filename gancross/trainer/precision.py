"""bfloat16 autocast of the networks' passes, with float32 weights, losses and penalties.

Matrix products and convolutions multiply in bfloat16 (8 bits of precision) and the layers between them as
torch's autocast decides; in training the generator's samples are rounded to 8 bits, too. bfloat16 has
float32's range, so no loss is scaled. Pictures, checkpoints and cross-tests compute in float32.

Source: Micikevicius et al. 2018, Kalamkar et al. 2019.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.trainer.recipes.recipe import Recipe

FLOAT32, BF16 = "float32", "bf16"


def autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    """Inside, passes on this device are as `precision` says."""
    return nullcontext() if recipe.precision == FLOAT32 else torch.autocast(device.type, torch.bfloat16)


def forward(network: nn.Module, inputs: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """network(inputs) in the recipe's precision; the outputs keep the inputs' dtype."""
    with autocast(recipe, inputs.device):
        outputs: torch.Tensor = network(inputs)
    return outputs.to(inputs.dtype)


def check_precision(recipe: Recipe, device: torch.device) -> None:
    """Checks that the device computes in the recipe's precision.

    CUDA devices need bfloat16 units of their own (compute capability 8.0 or later). Only the CPU's autocast
    is covered by tests; that of CUDA takes the same path through torch.

    Raises:
        UsageError: it does not.
    """
    if recipe.precision == FLOAT32:
        return
    supported = device.type == "cpu" or (
        device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    if not (supported and torch.amp.is_autocast_available(device.type)):
        raise UsageError(f"precision=bf16: device '{device}' has no bfloat16 here; use precision=float32")
