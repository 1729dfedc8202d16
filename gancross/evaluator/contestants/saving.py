"""Saves a contestant as a checkpoint file: a pair trained elsewhere, for the command line and for sharing."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.checkpoint import Checkpoint, State
from gancross.checkpoint.contestant import SHARED_FIELDS, Contestant
from gancross.checkpoint.reductions import recorded_reduction
from gancross.data.sets import to_canonical
from gancross.errors import CheckpointError, UsageError
from gancross.evaluator.judging.sampling import probe_samples
from gancross.evaluator.judging.scoring import evaluating
from gancross.models import Architecture, architecture_of, skeleton

CPU = torch.device("cpu")


def save_checkpoint(path: str | Path, contestant: Contestant) -> None:
    """Writes a contestant to a `.pt` or `.safetensors` file.

    gancross architectures are saved by name, other networks as weights only: whoever loads the file names
    their code with `--arch`, as docs/how-to/models.md shows. An old file is replaced; the contestant's
    name is not saved.

    Raises:
        UsageError: samples in place of a generator, a callable prior, outputs that `score` or `generate`
            reduces, weights that cannot be saved, or networks that fail.
        ResourceError: the file cannot be written; an old file is untouched.
    """
    prefix = f"contestant '{contestant.name}'"
    if contestant.generator is None or contestant.latent_dim is None:
        raise UsageError(
            f"{prefix}: has samples in place of a generator, expected a generator; save samples as images"
        )
    if callable(contestant.latent):
        raise UsageError(
            f"{prefix}: its latent prior is a function, expected the name of a prior; make the function the"
            " generator's first layer"
        )
    for option in ("score", "generate"):
        how = recorded_reduction(getattr(contestant, option))
        if how is not None:
            raise UsageError(
                f"{prefix}: a checkpoint does not hold {option}={how!r}: make that its network's last step"
            )
    recipe = {} if contestant.origin is None else contestant.origin.recipe
    if contestant.label_prior != recipe.get("label_prior", "uniform"):
        raise UsageError(
            f"{prefix}: a checkpoint does not hold label_prior={contestant.label_prior!r}: leave it out, and"
            " give it with --describe, or with dataclasses.replace, to whoever judges the file"
        )
    fields = {field: getattr(contestant, field) for field in SHARED_FIELDS}
    fields["data_range"] = tuple(map(float, contestant.data_range))
    fields["threshold"] = contestant.decision_threshold
    origin, judge = contestant.origin, contestant.discriminator
    with evaluating([contestant.generator], CPU):
        samples = to_canonical(probe_samples(contestant, CPU), contestant.data_range)
    saved = Checkpoint(
        recipe={} if origin is None else origin.recipe,
        step=0 if origin is None or origin.step is None else origin.step,
        generator=_own_architecture(contestant.generator),
        discriminator=None if judge is None else _own_architecture(judge),
        generator_state=_state(contestant.generator, prefix),
        discriminator_state={} if judge is None else _state(judge, prefix),
        sample_shape=tuple(samples.shape[1:]),
        training={},
        **fields,
    )
    try:  # a file that would be refused on reading is not written
        checkpoint.from_bytes(checkpoint.to_bytes(saved), Path(prefix))
    except CheckpointError as error:
        raise UsageError(str(error).replace("refused", "cannot be saved", 1)) from None
    checkpoint.save(Path(path), saved)


def _own_architecture(network: nn.Module) -> Architecture | None:
    """The gancross architecture of a network, if its weights have that architecture's keys and shapes."""
    architecture = architecture_of(network)
    if architecture is None:
        return None
    expected, state = skeleton(architecture).state_dict(), network.state_dict()
    same = expected.keys() == state.keys() and all(
        tensor.shape == state[key].shape and tensor.dtype == state[key].dtype
        for key, tensor in expected.items()
    )
    return architecture if same else None


def _state(network: nn.Module, prefix: str) -> State:
    state = network.state_dict()
    for key, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise UsageError(f"{prefix}: its weight '{key}' is a {type(value).__name__}, expected a tensor")
    # Cloned: tied weights share memory, a file holds each on its own.
    return {key: value.detach().to("cpu", copy=True).contiguous() for key, value in state.items()}
