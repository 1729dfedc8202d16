"""Labels of generated samples: a stream of their own beside the latents'.

Shape suffix: K classes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.checkpoint.contestant import Contestant
from gancross.errors import UsageError
from gancross.random_streams import Stream, drawn_labels


def sample_labels(
    contestant: Contestant, start: int, n: int, *, seed: int, purpose: str
) -> torch.Tensor | None:
    """The labels of a contestant's samples start…start+n−1, int64 (n,): a function of these arguments.

    None of a generator that takes none.

    Raises:
        UsageError: they follow the frequencies of data that nobody named.
    """
    if contestant.num_classes is None or contestant.generator is None:
        return None
    stream = Stream(seed, "labels", contestant.name, purpose)
    probabilities = class_probabilities(contestant)
    if probabilities is not None:
        return drawn_labels(probabilities, stream, start, n)
    return _uniform_labels(contestant.num_classes, stream, start, n)


def _uniform_labels(num_classes: int, stream: Stream, start: int, n: int) -> torch.Tensor:
    uniforms = stream.uniforms(start, n, 1)[:, 0]
    # A uniform may round to 1.
    return torch.from_numpy((uniforms * num_classes).astype(np.int64).clip(max=num_classes - 1))


def class_probabilities(contestant: Contestant) -> NDArray[np.float64] | None:
    """Of a conditional generator, (K,); None: uniform over its classes.

    Raises:
        UsageError: as `sample_labels`.
    """
    if contestant.label_weights is not None:
        return np.array(contestant.label_weights)
    if contestant.label_prior == "data":
        raise UsageError(
            f"contestant '{contestant.name}': label_prior is 'data', but there are no data whose labels to"
            " follow: give uniform, or a number for each class"
        )
    return None if contestant.label_prior == "uniform" else np.array(contestant.label_prior)


def probe_labels(contestant: Contestant, n: int) -> torch.Tensor | None:
    """n labels that no cross-test uses, uniform over all classes; None of a generator that takes none."""
    if contestant.num_classes is None or contestant.generator is None:
        return None
    return _uniform_labels(contestant.num_classes, Stream(0, "probe", "labels"), 0, n)
