"""What a cross-test is asked for: one object from the command line to the record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from gancross.arguments import integer, truth
from gancross.data.resizing import Resize
from gancross.errors import UsageError
from gancross.evaluator.codec.fields import Recorded, Size
from gancross.random_streams import check_seed

Norm = Literal["eval", "batch"]
NORMS: tuple[Norm, ...] = ("eval", "batch")
CHUNK = 500  # samples that networks see at a time, at most
CHUNK_PIXELS = 128 * 64 * 64  # of all images that they see at a time
LARGEST_CHUNK = 65_536


def checked_chunk(chunk: int | None) -> int | None:
    """The number of samples that networks are to see at a time, as it was given; None: not given.

    Raises:
        UsageError: no integer, or out of range.
    """
    if chunk is None:
        return None
    number = integer(chunk, "the chunk")
    if not 1 <= number <= LARGEST_CHUNK:
        raise UsageError(f"the chunk must be 1 to {LARGEST_CHUNK} samples, is {number}")
    return number


def chunk_length(shape: tuple[int, ...], given: int | None = None) -> int:
    """How many samples networks see at a time: `given`, or a function of the shape of one sample.

    500 vectors, or images (C, H, W) of up to 32×32 pixels; of larger ones ⌊128·4096/(H·W)⌋, at least 1, so
    that a chunk of them takes no more memory: 128 at 64×64, 32 at 128×128, 8 at 256×256.
    """
    if given is not None:
        return given
    pixels = shape[1] * shape[2] if len(shape) == 3 else 1
    return max(1, min(CHUNK, CHUNK_PIXELS // pixels))


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything that decides the figures of given contestants on given data.

    Attributes:
        num_samples: drawn from each generator.
        seed: of the latents, of endless data, of noise and of all resampling.
        norm: how judges with batch norm normalise: `eval`, running averages; `batch`, statistics of
            groups of their training batch size, pure real or pure fake.
        norm_check: score judges with batch norm in both modes; without it `discriminator` names none of them.
        quantize: round generated images to 8 bits, as a file would hold them.
        controls: judge uniform noise and blurred reals too.
        metrics: of `fid`, `is`, `kid`, `pr`: fidelity beside the cross-test.
        kid_subset_size: samples in each of KID's 100 subsets; at most the size of the smallest set.
        chunk: samples that networks see at a time; None: see `chunk_length`. Smaller ones take less memory.
            Outputs depend on it in their last bits, and where a network draws noise of its own.
        num_real: test samples to judge on, a part of the test set that follows from the seed and the samples
            alone; of endless data how many are drawn. None: all, and of endless data `num_samples`.
        resize: brings all images that are judged to one side; None: sizes must agree.
        classes: names or numbers of the classes whose reals are judged, and of which conditional generators
            make samples; None: all.

    Raises:
        UsageError: a value of another type or out of its range, or there is no such norm.
    """

    num_samples: Annotated[Size, Recorded(key="num_fake", description="samples asked of each generator")] = (
        10_000
    )
    seed: int = 0
    norm: Norm = "eval"
    norm_check: bool = True
    quantize: bool = True
    controls: Annotated[bool, Recorded(skipped=True)] = True
    metrics: Annotated[tuple[str, ...], Recorded(skipped=True)] = ()
    kid_subset_size: Annotated[int, Recorded(skipped=True)] = 1000
    chunk: Annotated[int | None, Recorded(skipped=True)] = None
    num_real: Annotated[
        Size | None, Recorded(absent=True, description="test samples asked for; all where absent")
    ] = None
    classes: Annotated[
        tuple[str, ...] | None,
        Recorded(absent=True, description="names of the classes that were judged; all where absent"),
    ] = None
    resize: Annotated[
        Resize | None,
        Recorded(absent=True, description="side to which all images were resized; not at all where absent"),
    ] = None

    def __post_init__(self) -> None:
        for what, words in (("num_samples", "the number of samples"), ("kid_subset_size", "kid_subset_size")):
            object.__setattr__(self, what, integer(getattr(self, what), words))
        object.__setattr__(self, "chunk", checked_chunk(self.chunk))
        if self.num_real is not None:
            object.__setattr__(self, "num_real", integer(self.num_real, "the number of test samples"))
            if self.num_real < 1:
                raise UsageError(f"the number of test samples must be at least 1, is {self.num_real}")
        if self.classes is not None:
            object.__setattr__(self, "classes", class_texts(self.classes))
        for what in ("norm_check", "quantize", "controls"):
            object.__setattr__(self, what, truth(getattr(self, what), what))
        if self.num_samples < 1:
            raise UsageError(f"the number of samples must be at least 1, is {self.num_samples}")
        object.__setattr__(self, "seed", check_seed(self.seed))
        if self.norm not in NORMS:
            raise UsageError(f"norm must be 'eval' or 'batch', is {self.norm!r}")


def class_texts(classes: object) -> tuple[str, ...]:
    """Names or numbers of classes as texts; of an array its numbers.

    Raises:
        UsageError: no list, or an empty one.
    """
    if hasattr(classes, "tolist"):  # arrays of numpy and torch
        classes = classes.tolist()
    if isinstance(classes, str | bytes) or not isinstance(classes, Iterable):
        raise UsageError(f"classes must be a list of names or numbers, got {classes!r}")
    texts = tuple(str(each) for each in classes)
    if not texts or not all(texts):
        raise UsageError(f"classes must be names or numbers of at least one class, got {texts}")
    return texts
