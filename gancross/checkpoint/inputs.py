"""What a generator takes: latents of one kind, or several named inputs, each with a random stream of its own.

Shape suffixes: N samples, D numbers of all inputs of one sample.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from gancross.errors import UsageError, is_text, unknown_name
from gancross.machine.files import composed
from gancross.random_streams import PRIORS, Prior, Stream, latents

if TYPE_CHECKING:  # readers of records need no torch
    import torch

InputPrior = Prior | Literal["one-hot"]
ONE_HOT = "one-hot"
INPUT_PRIORS = (*PRIORS, ONE_HOT)
FORM = "NAME:SHAPE[:PRIOR[:NUMBERS]], with commas between inputs, as in noise:128,codes:10:one-hot"
EXAMPLES = "normal:T (|z| ≤ T) or uniform:LOW:HIGH"
SEPARATORS = ",:="


@dataclass(frozen=True)
class Input:
    """One of several inputs of a generator.

    Attributes:
        name: keys its random stream, with the seed, the contestant's name and the purpose of the samples.
        shape: of the input of one sample; an integer D means (D,).
        prior: "normal" N(0, 1); "uniform" on [low, high]; "uniform01" on [0, 1]; "one-hot": along the last
            axis one number is 1, with equal chances, the others 0, independently at all other positions; or
            a function as of `gancross.random_streams.latents`.
        low, high: bounds of "uniform".
        truncation: t > 0: normal numbers are from N(0, 1) given |z| ≤ t, as if those beyond were drawn again
            (the truncation trick of Brock et al. 2019, section 3.1): z = Φ⁻¹(Φ(−t) + u·(Φ(t) − Φ(−t))), u
            uniform on (0, 1). None: not truncated.

    Raises:
        UsageError: fields that do not fit together.
    """

    name: str
    shape: int | tuple[int, ...]
    prior: InputPrior = "normal"
    low: float = -1.0
    high: float = 1.0
    truncation: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not is_text(self.name):
            raise UsageError(f"an input needs a name, a text that is not empty, got {self.name!r}")
        object.__setattr__(self, "name", composed(self.name))
        who = f"input '{self.name}'"
        if any(sign in SEPARATORS or sign.isspace() for sign in self.name):
            raise UsageError(f"{who}: a name without spaces and without any of {' '.join(SEPARATORS)}")
        object.__setattr__(self, "shape", _shape(self.shape, who))
        if not callable(self.prior) and self.prior not in INPUT_PRIORS:
            raise UsageError(f"{who}: {unknown_name('prior', str(self.prior), INPUT_PRIORS)}")
        low, high = _numbers((self.low, self.high), f"{who}: low and high")
        if low >= high:
            raise UsageError(f"{who}: low must be less than high, got {low:g} and {high:g}")
        if self.prior != "uniform" and (low, high) != (-1.0, 1.0):
            raise UsageError(f"{who}: low and high are of prior='uniform' alone, got prior={self.prior!r}")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if self.truncation is not None:
            (bound,) = _numbers((self.truncation,), f"{who}: truncation")
            if bound <= 0 or self.prior != "normal":
                raise UsageError(
                    f"{who}: truncation is a positive number t, |z| ≤ t, of prior='normal' alone, got"
                    f" {bound:g} of prior={self.prior!r}"
                )
            object.__setattr__(self, "truncation", bound)

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape of one."""
        return self.shape if isinstance(self.shape, tuple) else (self.shape,)

    def __str__(self) -> str:
        """`NAME:SHAPE:PRIOR`, and its numbers if it has any; of a function `callable`."""
        words = [self.name, "x".join(map(str, self.dims)), "callable" if callable(self.prior) else self.prior]
        if self.prior == "uniform":
            words += [f"{self.low!r}", f"{self.high!r}"]
        return ":".join(words if self.truncation is None else [*words, f"{self.truncation!r}"])

    def drawn(self, stream: Stream, start: int, n: int) -> torch.Tensor:
        """Rows start…start+n−1 of this input, float32 of shape (n, *shape) on the CPU."""
        import torch

        numbers = math.prod(self.dims)
        if self.prior == ONE_HOT:
            classes = self.dims[-1]
            uniforms = stream.uniforms(start, n, numbers // classes)
            index = np.minimum((uniforms * classes).astype(np.int64), classes - 1)  # a product may round up
            rows = np.eye(classes, dtype=np.float32)[index]
        elif self.truncation is not None:
            from scipy.special import ndtr, ndtri

            t = self.truncation
            share = ndtr(-t) + stream.uniforms(start, n, numbers) * (ndtr(t) - ndtr(-t))
            rows = np.clip(ndtri(share), -t, t).astype(np.float32)
        elif self.prior == "uniform":
            uniforms = stream.uniforms(start, n, numbers)
            rows = (self.low + (self.high - self.low) * uniforms).astype(np.float32)
        else:
            prior = cast(Prior, self.prior)
            return latents(stream, start, n, dim=numbers, prior=prior, shape=self.dims)
        return torch.from_numpy(rows.reshape(n, *self.dims))


def described_inputs(
    value: object, *, dim: int | None, shape: tuple[int, ...] | None, prior: Prior, has_generator: bool,
    prefix: str,
) -> tuple[Input, ...] | None:  # fmt: skip
    """The `latents` of a contestant; None where `latent_dim`, `latent_shape` and `latent` describe them.

    Raises:
        UsageError: both, or neither for a generator; a description that does not fit together.
    """
    if value is None:
        if has_generator and (dim is None or dim < 1):
            raise UsageError(f"{prefix}: a generator needs latent_dim ≥ 1, or latents")
        if shape is not None and math.prod(shape) != dim:
            raise UsageError(f"{prefix}: latent_shape {shape} must hold latent_dim = {dim} numbers")
        if not callable(prior) and prior not in PRIORS:
            known = unknown_name("latent prior", str(prior), PRIORS)
            raise UsageError(f"{known}; in Python also a function that maps uniforms to latents")
        return None
    if not has_generator:
        raise UsageError(f"{prefix}: latents are inputs of a generator, it has samples: leave them out")
    if (dim, shape, prior) != (None, None, "normal"):
        raise UsageError(
            f"{prefix}: latents say shape and prior of every input: leave out latent_dim, latent_shape and"
            " latent"
        )
    return checked_inputs(value, prefix)


def checked_inputs(value: object, prefix: str) -> tuple[Input, ...]:
    """The inputs of a Python call, or of a text of the command line; messages begin with `prefix`.

    Raises:
        UsageError: no inputs, or two of one name.
    """
    try:
        inputs = parsed_inputs(value) if isinstance(value, str) else value
        if isinstance(inputs, Input):
            inputs = (inputs,)
        if not isinstance(inputs, Iterable):
            raise UsageError(f"expected a list of gancross.Input, got {type(inputs).__name__}")
        found: list[Input] = []
        for each in inputs:
            if not isinstance(each, Input):
                raise UsageError(f"expected gancross.Input, got {type(each).__name__}")
            if each.name in [other.name for other in found]:
                raise UsageError(f"two inputs are named '{each.name}'")
            found.append(each)
        if not found:
            raise UsageError("expected at least one gancross.Input, got none")
    except UsageError as error:
        raise UsageError(f"{prefix}: latents: {error}") from None
    return tuple(found)


def parsed_inputs(text: str) -> list[Input]:
    """`noise:128,codes:10:one-hot,scale:2:uniform:-1:1` as inputs.

    Raises:
        UsageError: another form.
    """
    inputs = []
    for part in text.split(","):
        name, *words = part.split(":")
        shape, prior, *numbers = [*words, "normal"] if len(words) == 1 else words or ["", ""]
        lengths = shape.split("x")
        if not name or not all(length.isascii() and length.isdigit() for length in lengths):
            raise UsageError(f"'{part}': write {FORM}")
        try:
            bounds = tuple(map(float, numbers))
        except ValueError:
            raise UsageError(f"'{part}': expected numbers behind the prior: {EXAMPLES}") from None
        fields: dict[str, Any] = {"prior": prior}
        if bounds and prior == "normal" and len(bounds) == 1:
            fields |= {"truncation": bounds[0]}
        elif bounds and prior == "uniform" and len(bounds) == 2:
            fields |= {"low": bounds[0], "high": bounds[1]}
        elif bounds:
            raise UsageError(f"'{part}': numbers behind a prior are {EXAMPLES}")
        inputs.append(Input(name, tuple(map(int, lengths)), **fields))
    return inputs


def recorded_inputs(inputs: Sequence[Input]) -> str:
    """Inputs as the command line writes them; a prior that is a function is `callable` there."""
    return ",".join(map(str, inputs))


def split_inputs(latents_ND: torch.Tensor, inputs: Sequence[Input]) -> tuple[torch.Tensor, ...]:
    """Each input (N, *shape) of rows in which the numbers of all inputs stand side by side."""
    import torch

    parts = torch.split(latents_ND, [math.prod(each.dims) for each in inputs], dim=1)
    return tuple(part.reshape(-1, *each.dims) for part, each in zip(parts, inputs, strict=True))


def _shape(value: Any, who: str) -> tuple[int, ...]:
    """An integer or several, each at least 1."""
    try:
        lengths = value if isinstance(value, Iterable) else (value,)
        shape = tuple(operator.index(length) for length in lengths)
    except TypeError:
        raise UsageError(f"{who}: shape must be one or several integers, got {value!r}") from None
    if not shape or min(shape) < 1:
        raise UsageError(f"{who}: each length of its shape must be at least 1, got {value!r}")
    return shape


def _numbers(values: Iterable[object], what: str) -> tuple[float, ...]:
    """Finite numbers."""
    try:
        numbers = tuple(float(value) for value in values)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise UsageError(f"{what} must be finite numbers")
    return numbers
