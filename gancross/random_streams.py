"""Counter-based random streams: every random number is a function of a key and a position.

A `Stream` has a seed and a path of words as its key, e.g. `Stream(0, "latents", "model-a")`. Item i of a
stream depends on (seed, words, i) alone, so draws can be split, resumed and reordered. The generator is
numpy's Philox-4x64 (Salmon et al. 2011), always on the CPU.

Shape suffixes: N samples, D latent dimensions.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gancross.arguments import integer
from gancross.errors import UsageError, unknown_name
from gancross.machine.files import composed

if TYPE_CHECKING:
    import torch

PriorName = Literal["normal", "uniform", "uniform01"]
Prior = PriorName | Callable[["torch.Tensor"], "torch.Tensor"]
PRIORS: tuple[str, ...] = get_args(PriorName)

_WORDS_PER_BLOCK = 4  # Philox-4x64 yields four 64-bit words for each value of its counter


LARGEST_SEED = 9 * 10**18  # within 63 bits, which checkpoints and records hold; clocks in ns are smaller


def check_seed(seed: int) -> int:
    """A seed; a `UsageError` for one that no record could hold."""
    seed = integer(seed, "seed")
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"seed must be at least 0 and at most 9e18, got {seed}")
    return seed


class Stream:
    """An endless sequence of independent uniforms, addressed by position.

    Args:
        seed: any integer ≥ 0.
        words: the purpose of the numbers; different words give independent streams, whether or not their
            characters are composed.
    """

    def __init__(self, seed: int, *words: str) -> None:
        text = composed("\0".join([str(seed), *words]))
        self._key = np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], dtype=np.uint64)

    def uniforms(self, start: int, n: int, width: int) -> NDArray[np.float64]:
        """Items start..start+n−1, `width` numbers each.

        Returns:
            float64 of shape (n, width) in the open interval (0, 1): (k + ½)·2⁻⁵³, k a 53-bit integer.
        """
        first_word = start * width
        first_block, skip = divmod(first_word, _WORDS_PER_BLOCK)
        philox = np.random.Philox(key=self._key, counter=first_block)
        words = philox.random_raw(skip + n * width)[skip:]
        uniforms = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        return uniforms.reshape(n, width)

    def normals(self, start: int, n: int, width: int) -> NDArray[np.float64]:
        """As `uniforms`, through the quantile function of N(0, 1).

        Each normal comes from one uniform, as addressing by position requires; rejection methods such as
        the ziggurat take a varying number.
        """
        from scipy.special import ndtri

        quantiles: NDArray[np.float64] = ndtri(self.uniforms(start, n, width))
        return quantiles

    def integer(self, position: int) -> int:
        """Item `position` as an integer in [0, 2⁶³), to seed another generator."""
        block, skip = divmod(position, _WORDS_PER_BLOCK)
        philox = np.random.Philox(key=self._key, counter=block)
        return int(philox.random_raw(skip + 1)[skip] >> np.uint64(1))

    def permutation(self, n: int) -> NDArray[np.int64]:
        """A uniformly random order of 0..n−1."""
        return self.numpy_generator().permutation(n)

    def numpy_generator(self) -> np.random.Generator:
        """A numpy generator at the start of this stream, for resampling."""
        return np.random.Generator(np.random.Philox(key=self._key))

    def torch_generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A torch generator with this stream's key as seed, for initial weights and noise.

        Its numbers repeat on the same kind of device, not across kinds.
        """
        import torch

        return torch.Generator(device).manual_seed(int(self._key[0] >> np.uint64(1)))


def latents(
    stream: Stream, start: int, n: int, *, dim: int, prior: Prior = "normal",
    shape: tuple[int, ...] | None = None,
) -> torch.Tensor:  # fmt: skip
    """Latents start..start+n−1 of a stream.

    Args:
        dim: latent dimension D.
        prior: "normal" N(0, 1); "uniform" on [−1, 1]; "uniform01" on [0, 1]; or a callable that maps
            independent uniforms on (0, 1), float64 of shape (N, D), to latents row by row.
        shape: of one latent, D numbers in all; (D,) by default.

    Returns:
        float32 on the CPU, shape (n, *shape).

    Raises:
        UsageError: no prior has this name, or a callable did not return an array of n rows of that shape.
    """
    import torch

    if callable(prior):
        drawn = prior(torch.from_numpy(stream.uniforms(start, n, dim)))
        rule = "it must map uniforms of shape (N, D) to latents row by row"
        if not isinstance(drawn, torch.Tensor | np.ndarray):
            raise UsageError(f"the latent prior returned a {type(drawn).__name__}, expected a tensor: {rule}")
        array = drawn.detach().to("cpu", torch.float32).numpy() if isinstance(drawn, torch.Tensor) else drawn
        latents_ND = torch.from_numpy(array.astype(np.float32))
        numbers = None if shape is None else math.prod(shape)
        if latents_ND.ndim == 0 or len(latents_ND) != n or numbers not in (None, latents_ND[0].numel()):
            raise UsageError(
                f"the latent prior returned shape {tuple(latents_ND.shape)} for {n} samples: {rule}"
            )
    elif prior == "normal":
        latents_ND = torch.from_numpy(stream.normals(start, n, dim).astype(np.float32))
    elif prior in PRIORS:
        uniforms = stream.uniforms(start, n, dim)
        scaled = uniforms if prior == "uniform01" else 2.0 * uniforms - 1.0
        latents_ND = torch.from_numpy(scaled.astype(np.float32))
    else:
        raise unknown_name("latent prior", prior, PRIORS)
    return latents_ND if shape is None else latents_ND.reshape(n, *shape)


def drawn_labels(probabilities: NDArray[np.float64], stream: Stream, start: int, n: int) -> torch.Tensor:
    """Labels start…start+n−1 of a stream, int64 (n,), independent and of these probabilities (K,)."""
    import torch

    ends = np.cumsum(probabilities)
    uniforms = stream.uniforms(start, n, 1)[:, 0] * ends[-1]
    # A uniform that rounds to 1 belongs to the last class that is drawn at all.
    last = int(np.flatnonzero(probabilities)[-1])
    labels = np.searchsorted(ends, uniforms, side="right").clip(max=last)
    return torch.from_numpy(labels.astype(np.int64))
