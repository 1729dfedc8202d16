"""Networks of the user's own in place of a family's: what they must do, and the noise that they draw.

The recipe's `network` is then `own`. The modules are trained in place. Before the first step one batch goes
through both, so that what does not fit is an error of one line and nothing has been written.

Shape suffixes: N samples, D latent dimensions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from gancross.checkpoint.checkpoint import NETWORKS
from gancross.checkpoint.contestant import NETWORK_FAILURES
from gancross.checkpoint.own_networks import NetworkPair, network_pair
from gancross.errors import GancrossError, UsageError, first_line
from gancross.machine.distributed import Processes
from gancross.models.buffers import seeded, unchanged
from gancross.random_streams import Stream, latents
from gancross.trainer.gradient.inputs import ends_in_sigmoid
from gancross.trainer.recipes.network_settings import OWN
from gancross.trainer.recipes.recipe import Recipe

PLACE = "networks"
TRIED = 4  # samples of the batch that is tried
GIVE = "--networks module:pair --trust-code, in Python train(…, networks=(generator, discriminator))"


def recipe_of_networks(recipe: Recipe, networks: object | None) -> Recipe:
    """The recipe, with `network=own` where networks are given.

    Raises:
        UsageError: `network=own` without networks.
    """
    if networks is not None:
        return recipe.with_changes({"network": OWN})
    if recipe.network == OWN:
        raise UsageError(f"network=own: the networks are your own code: give {GIVE}")
    return recipe


def checked(
    networks: object, recipe: Recipe, sample_shape: tuple[int, ...], device: torch.device,
    processes: Processes,
) -> NetworkPair:  # fmt: skip
    """The user's networks on the device in training mode, after a batch has gone through them.

    Weights and buffers stay as they are, but those that a lazy layer makes of its first batch, which follow
    from the recipe's seed. Among several processes all get those of rank 0.

    Raises:
        UsageError: they are not two modules with weights to train, map latents (N, D) not to float32 samples
            (N, *sample_shape) in [−1, 1], or samples not to one raw score each; or the regularizer needs
            derivatives that they do not have.
    """
    generator, discriminator = pair = network_pair(networks, PLACE)
    for role, network in zip(NETWORKS, pair, strict=True):
        network.to(device).train()
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise UsageError(f"{PLACE}: the {role} has no weights to train")
        for key, value in network.state_dict().items():
            if not isinstance(value, torch.Tensor):
                raise UsageError(
                    f"{PLACE}: the {role}'s state '{key}' is a {type(value).__name__}, which no checkpoint"
                    " holds: make it a buffer, a tensor"
                )
    seed = Stream(recipe.seed, "own networks", "trial").integer(0)
    stream = Stream(recipe.seed, "own networks", "samples")
    latents_ND = latents(stream, 0, TRIED, dim=recipe.latent_dim, prior=recipe.latent).to(device)
    _make_lazy_weights(generator, latents_ND, seed)
    _check_generator(generator, latents_ND, sample_shape, seed)
    uniforms = latents(stream, TRIED, TRIED, dim=_size(sample_shape), prior="uniform").to(device)
    samples = uniforms.reshape(TRIED, *sample_shape)
    _make_lazy_weights(discriminator, samples, seed)
    _check_discriminator(discriminator, samples, recipe, seed)
    if recipe.has_average:
        _tried(
            "the generator cannot be copied, which an average of its weights needs",
            lambda: copy.deepcopy(generator),
        )
    tensors = chain.from_iterable(chain(each.parameters(), each.buffers()) for each in pair)
    processes.copy_from_rank0([tensor.detach() for tensor in tensors])
    return pair


def randomness(
    recipe: Recipe, purpose: str, position: int, *, device: torch.device, processes: Processes
) -> AbstractContextManager[None]:
    """Inside, torch's global generators start at a state that follows from seed, purpose and position.

    Dropout, and noise that a network draws, is then the same in a run that was resumed. Each process has its
    own. gancross's families draw none, so nothing happens for them.

    Raises:
        UsageError: the user's networks failed inside.
    """
    if recipe.network != OWN:
        return nullcontext()
    stream = Stream(recipe.seed, "own networks", purpose, f"rank-{processes.rank}")
    return _training(stream.integer(position), device)


@contextmanager
def _training(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch's global generators start at a seed, and a failure of the networks is one line."""
    try:
        with seeded(seed, device):
            yield
    except NETWORK_FAILURES as error:
        if isinstance(error, GancrossError) or "memory" in str(error):
            raise
        raise UsageError(
            f"{PLACE}: failed in training: {type(error).__name__}: {first_line(error)}"
        ) from error


def _check_generator(
    generator: nn.Module, latents_ND: torch.Tensor, sample_shape: tuple[int, ...], seed: int
) -> None:
    dim = latents_ND.shape[1]
    with _unchanged(generator, seed, latents_ND.device), torch.no_grad():
        try:
            samples = _tried(
                f"the generator cannot take latents of shape ({dim},)", lambda: generator(latents_ND)
            )
        except UsageError as error:
            raise UsageError(
                f"{error}; set latent_dim, or let it begin with torch.nn.Unflatten(1, ({dim}, 1, 1)) if it"
                " takes images"
            ) from None
    got = _checked_tensor(samples, "the generator", "samples")
    if got.shape != (TRIED, *sample_shape):
        raise UsageError(
            f"{PLACE}: the generator makes of {TRIED} latents a tensor of shape {tuple(got.shape)}, the data"
            f" need {(TRIED, *sample_shape)}"
        )
    low, high = (float(end) for end in got.aminmax())
    if len(sample_shape) == 3 and low >= 0 < high:
        raise UsageError(
            f"{PLACE}: the generator's images have values from {low:.3g} to {high:.3g}, none below 0; black"
            " is −1 and white 1: let it end in torch.nn.Tanh()"
        )


def _check_discriminator(discriminator: nn.Module, samples: torch.Tensor, recipe: Recipe, seed: int) -> None:
    shape = tuple(samples.shape[1:])
    trainable = [parameter for parameter in discriminator.parameters() if parameter.requires_grad]
    differentiated = recipe.has_weighting or recipe.regularizer != "none"
    samples.requires_grad_(True)
    with _unchanged(discriminator, seed, samples.device), torch.enable_grad():
        output = _tried(
            f"the discriminator cannot take samples of shape {shape}", lambda: discriminator(samples)
        )
        scores = _checked_tensor(output, "the discriminator", "scores")
        if tuple(scores.shape) not in ((TRIED,), (TRIED, 1), (TRIED, 1, 1, 1)):
            raise UsageError(
                f"{PLACE}: the discriminator makes of {TRIED} samples a tensor of shape"
                f" {tuple(scores.shape)}, expected one score for each, ({TRIED},) or ({TRIED}, 1); of a map"
                " of scores take the mean: scores.flatten(1).mean(1)"
            )
        if ends_in_sigmoid(scores):
            raise UsageError(
                f"{PLACE}: the discriminator ends in a sigmoid; objectives take raw scores: leave it out"
            )

        def differentiate() -> None:
            total = scores.sum()
            if differentiated:
                (gradient,) = torch.autograd.grad(total, samples, create_graph=True)
                total = total + gradient.square().sum()
            torch.autograd.backward(total)  # as a step does: not every operation fails where less is asked
            if all(parameter.grad is None for parameter in trainable):
                raise RuntimeError("its scores have no gradient of its weights")

        hint = f"; regularizer={recipe.regularizer} needs two derivatives" if differentiated else ""
        before = [parameter.grad for parameter in trainable]
        for parameter in trainable:
            parameter.grad = None
        try:
            _tried(f"the discriminator's gradient fails{hint}", differentiate)
        finally:
            for parameter, gradient in zip(trainable, before, strict=True):
                parameter.grad = gradient


def _checked_tensor(output: object, who: str, what: str) -> torch.Tensor:
    """The output of a network, finite numbers of float32."""
    if not isinstance(output, torch.Tensor):
        raise UsageError(
            f"{PLACE}: {who} must return a tensor of {what}, got {type(output).__name__}: return it alone"
        )
    if output.dtype != torch.float32:
        raise UsageError(f"{PLACE}: {who} returns {output.dtype}, expected torch.float32")
    if not bool(output.isfinite().all()):
        raise UsageError(f"{PLACE}: {who}'s {what} are not finite before the first step")
    return output


@contextmanager
def _unchanged(network: nn.Module, seed: int, device: torch.device) -> Iterator[None]:
    """Inside, the network may draw noise and change its buffers; afterwards all is as before."""
    with unchanged(network), seeded(seed, device):
        yield


def _make_lazy_weights(network: nn.Module, inputs: torch.Tensor, seed: int) -> None:
    """Lazy layers get their shapes, and initial weights that follow from the seed."""
    if any(map(is_lazy, chain(network.parameters(), network.buffers()))):
        network.eval()  # or batch norm's averages would change
        with seeded(seed, inputs.device), torch.no_grad():
            _tried(
                f"a network cannot take inputs of shape {tuple(inputs.shape[1:])}", lambda: network(inputs)
            )
        network.train()


def _tried(refusal: str, code: Callable[[], object]) -> object:
    """What the code returns; a failure of the user's network in it is an error of one line."""
    try:
        return code()
    except NETWORK_FAILURES as error:
        if "memory" in str(error):  # the machine's fault, not the network's
            raise
        raise UsageError(f"{PLACE}: {refusal}: {first_line(error)}") from error


def _size(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())
