"""What a network returns, reduced to what is judged: one score per sample, or the samples.

`Contestant(score=…)` and `Contestant(generate=…)` are a name of the table `STEPS`, several names with commas
between them, or a function. `key:maps,last,mean` takes the entry `maps`, of it the last, and its mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from gancross.checkpoint.reductions import Reduction, recorded_reduction
from gancross.errors import UsageError, first_line, printable, unknown_name

Option = Literal["score", "generate"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a reduction.

    Attributes:
        apply: of an output and the text after the colon; raises an error that says what does not fit.
        argument: what that text is, `N` a whole number; empty: there is none.
        options: the options that know this step.
    """

    apply: Callable[[Any, str], object]
    argument: str = ""
    options: tuple[Option, ...] = ("score", "generate")


def _item(output: Any, index: int) -> object:
    if not isinstance(output, tuple | list):
        raise TypeError(f"expected a tuple or a list, got {_kind(output)}")
    if not -len(output) <= index < len(output):
        raise IndexError(f"there is no item {index} in {_kind(output)}")
    return output[index]


def _entry(output: Any, key: str) -> object:
    """Of a dictionary, or the attribute of a named tuple or another object."""
    if isinstance(output, Mapping):
        if key not in output:
            raise LookupError(f"there is no '{key}' in {_kind(output)}")
        return output[key]
    if isinstance(output, torch.Tensor) or not hasattr(output, key):
        raise TypeError(f"expected a dict with the key '{key}', got {_kind(output)}")
    return getattr(output, key)


def _mean(output: Any, _: str) -> torch.Tensor:
    """Over the positions of a map (N, 1, h, w), (N, h, w) or (N, L), at least in single precision."""
    if not isinstance(output, torch.Tensor) or output.ndim < 2 or (output.ndim > 3 and output.shape[1] != 1):
        raise TypeError(f"expected a map of scores (N, 1, h, w), (N, h, w) or (N, L), got {_kind(output)}")
    return output.flatten(1).to(torch.promote_types(output.dtype, torch.float32)).mean(1)


def _class_logits(output: Any) -> torch.Tensor:
    """Logits of classes, (N, K), at least in single precision."""
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        raise TypeError(f"expected logits of classes (N, K), got {_kind(output)}")
    return output.to(torch.promote_types(output.dtype, torch.float32))


def _log_sum_exp(output: Any, _: str) -> torch.Tensor:
    """ln Z, Z = Σ exp l_k: the logit of D = Z/(Z+1), where the logit of the generated class is fixed to 0.

    Source: Salimans et al. 2016, §5.
    """
    return _class_logits(output).logsumexp(1)


def _against_class(output: Any, text: str) -> torch.Tensor:
    """ln Σ_{k≠f} exp l_k − l_f: the logit of 1 − softmax(l)_f, where class f is that of generated samples.

    Of two classes it is the difference of their logits. Logarithms of probabilities give the same.

    Source: Salimans et al. 2016, §5.
    """
    logits_NK, fake = _class_logits(output), int(text)
    count = logits_NK.shape[1]
    if count < 2 or not -count <= fake < count:
        raise IndexError(f"there is no class {fake} beside others in {_kind(output)}")
    others = torch.arange(count, device=logits_NK.device) != fake % count
    return logits_NK[:, others].logsumexp(1) - logits_NK[:, fake]


def _channels_first(output: Any, _: str) -> torch.Tensor:
    if not isinstance(output, torch.Tensor) or output.ndim != 4:
        raise TypeError(f"expected images (N, H, W, C), got {_kind(output)}")
    return output.permute(0, 3, 1, 2).contiguous()


STEPS: Mapping[str, Step] = {
    "first": Step(apply=lambda output, _: _item(output, 0)),
    "last": Step(apply=lambda output, _: _item(output, -1)),
    "index": Step(apply=lambda output, text: _item(output, int(text)), argument="N"),
    "key": Step(apply=_entry, argument="NAME"),
    "mean": Step(apply=_mean, options=("score",)),
    "logsumexp": Step(apply=_log_sum_exp, options=("score",)),
    "fake-class": Step(apply=_against_class, argument="N", options=("score",)),
    "nhwc": Step(apply=_channels_first, options=("generate",)),
}


def reductions(option: Option) -> list[str]:
    """The names that an option knows, as a user writes them."""
    return [
        f"{name}:{step.argument}" if step.argument else name
        for name, step in STEPS.items() if option in step.options
    ]  # fmt: skip


def check_reduction(how: object, *, option: Option, prefix: str) -> None:
    """A `UsageError` unless it is None, a function, or names that the option knows."""
    if how is None or (callable(how) and not isinstance(how, type)):
        return
    if not isinstance(how, str):
        raise UsageError(f"{prefix}: {option} must be a name or a function, got {how!r}")
    for text in how.split(","):
        name, colon, argument = text.partition(":")
        step = STEPS.get(name)
        if step is None or option not in step.options:
            raise UsageError(f"{prefix}: {unknown_name(option, name, reductions(option))}")
        if bool(argument) != bool(step.argument) or (colon and not argument):
            form = f"{name}:{step.argument}" if step.argument else name
            raise UsageError(f"{prefix}: {option} '{how}': write {form}")
        if step.argument == "N" and not argument.removeprefix("-").isdecimal():
            raise UsageError(f"{prefix}: {option} '{how}': expected a whole number after '{name}:'")


def _reduced(output: object, how: Reduction | None, *, option: Option, who: str) -> object:
    """An output after all steps.

    Raises:
        UsageError: a step does not fit it, or a function fails.
    """
    if how is None:
        return output
    if not isinstance(how, str):
        try:
            return how(output)
        except Exception as error:  # the user's code
            if isinstance(error, MemoryError) or "memory" in str(error):  # the machine's fault
                raise
            name = recorded_reduction(how)
            kind = type(error).__name__
            raise UsageError(f"{who}: {option}={name} raised {kind}: {first_line(error)}") from error
    for text in how.split(","):
        name, _, argument = text.partition(":")
        try:
            output = STEPS[name].apply(output, argument)
        except (TypeError, LookupError) as error:
            raise UsageError(f"{who}: {option}='{how}': {error.args[0]}") from None
    return output


def score_tensor(output: object, how: Reduction | None, *, n: int, who: str) -> torch.Tensor:
    """The scores (N,) of n samples, of what a discriminator returned for them.

    They are a copy: it may return a part of its input, or a tensor into which it writes again.

    Args:
        how: `score` of its contestant.
        who: begins messages.

    Raises:
        UsageError: the reduction does not fit the output, or leaves something else than one real score per
            sample; the message names the option that would help.
    """
    scores = _reduced(output, how, option="score", who=who)
    if not isinstance(scores, torch.Tensor) or scores.shape not in ((n,), (n, 1), (n, 1, 1, 1)):
        got = _kind(scores)
        raise UsageError(
            f"{who} must return one score per sample, ({n},) or ({n}, 1), got {got}{_advice(scores, 'score')}"
        )
    if scores.is_complex():
        raise UsageError(f"{who} must return real numbers, got {scores.dtype}")
    return scores.flatten().clone()


def sample_tensor(output: object, how: Reduction | None, *, who: str) -> torch.Tensor:
    """The samples in a tensor, of what a generator returned.

    Args:
        how: `generate` of its contestant.
        who: begins messages.

    Raises:
        UsageError: the reduction does not fit the output, or leaves no tensor.
    """
    samples = _reduced(output, how, option="generate", who=who)
    if not isinstance(samples, torch.Tensor):
        raise UsageError(f"{who} must return a tensor, got {_kind(samples)}{_advice(samples, 'generate')}")
    return samples


def _advice(output: object, option: Option) -> str:
    """What to say of an output that is not reduced, beginning with a colon; empty if nothing is known."""
    example = ""
    if isinstance(output, Mapping):
        tensors = [key for key, value in output.items() if isinstance(value, torch.Tensor)]
        example = f"key:{printable(str(next(iter(tensors or output), 'NAME')), limit=40)}"
        return f": say which entry is meant, as in {option}='{example}' ({_on_command_line(option, example)})"
    if isinstance(output, tuple | list):
        example = "first"
        others = f"'{example}', 'last' or 'index:N'"
        return f": say which is meant, {option}={others} ({_on_command_line(option, example)})"
    if option == "score" and isinstance(output, torch.Tensor) and output.ndim >= 2:
        example = "mean"
        what = "takes the mean over positions"
        classes = ""
        if output.ndim == 2:
            classes = " of logits of K classes score='logsumexp', with one more for generated samples"
            classes += " score='fake-class:-1' takes the logit of being real,"
        return (
            f": of a map of scores score='{example}' {what} ({_on_command_line(option, example)}),{classes}"
            " a function does anything else"
        )
    return f": {option} may be a function that makes a tensor of it"


def _on_command_line(option: Option, example: str) -> str:
    return f"on the command line --describe NAME={option}={example}"


def _kind(output: object) -> str:
    """An output in a few words: a tensor by its shape, containers by their number of entries."""
    if isinstance(output, torch.Tensor):
        return str(tuple(output.shape))
    name = type(output).__name__
    if isinstance(output, Mapping):
        keys = printable(", ".join(map(str, list(output)[:8])), limit=120)
        return f"{name} with the keys {keys}" if output else f"empty {name}"
    return f"{name} of {len(output)}" if isinstance(output, tuple | list) else name
