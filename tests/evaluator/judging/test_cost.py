"""What a cross-test does only once: forward passes are counted, chunks dropped, no device waited for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gancross import Contestant, Result, crosstest
from gancross.evaluator.fidelity.digits_cnn import DigitsCNN
from gancross.evaluator.judging.figures import Histogram
from gancross.evaluator.judging.judge_calls import raw_scores
from gancross.evaluator.judging.scoring import evaluating
from gancross.evaluator.protocol import CHUNK
from gancross.models.architectures import PairSettings, initialised, pair
from gancross.models.families import FAMILIES
from gancross.random_streams import Stream

CPU = torch.device("cpu")
SAMPLE = (1, 8, 8)
LATENT = 6
MOST_CHUNKS = 8  # with what the networks hold between their layers
PROBES = [256, 65, 1, 1]  # batches of each network with buffers that is tried out before long work
# Of a discriminator, in training mode and in two other ranges too; 65 are no whole batches.
JUDGED = [*PROBES, 65, 128, 128]


def networks(number: int) -> tuple[nn.Module, nn.Module]:
    """An untrained pair of gancross' own, with batch norm."""
    settings = PairSettings(
        sample_shape=SAMPLE, latent_dim=LATENT, width=2, normalization="batch", activation="relu"
    )
    generator, judge = (
        initialised(architecture, Stream(number, architecture.name).torch_generator())
        for architecture in pair("dcgan8", settings)
    )
    return generator, judge


def contestants(count: int) -> list[Contestant]:
    pairs = [networks(number) for number in range(count)]
    return [
        Contestant(name=f"c{number}", generator=generator, discriminator=judge, latent_dim=LATENT)
        for number, (generator, judge) in enumerate(pairs)
    ]


def images(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *SAMPLE), dtype=torch.uint8, generator=generator)


def result_of(models: Sequence[Contestant], n: int, **options: Any) -> Result:
    fixed: dict[str, Any] = {"data": images(700), "num_samples": n, "device": "cpu", "controls": False}
    return crosstest(models, **(fixed | options))


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[int]]:
    """Samples of every pass of the feature extractor; features of reals are cached in a folder of its own."""
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    batch_sizes: list[int] = []

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, DigitsCNN):
            batch_sizes.append(len(inputs[0]))

    handle = register_module_forward_pre_hook(count)
    yield batch_sizes
    handle.remove()


def test_each_generator_samples_once_and_each_judge_sees_every_sample_once(extracted: list[int]) -> None:
    """Three contestants, 1,200 samples, 700 reals: three chunks and two."""
    models, n = contestants(3), 1200
    batch_sizes: dict[str, list[int]] = {}
    for model in models:
        for role, network in (("G", model.generator), ("D", model.discriminator)):
            sizes = batch_sizes.setdefault(f"{role} {model.name}", [])
            assert network is not None
            network.register_forward_pre_hook(lambda _, inputs, sizes=sizes: sizes.append(len(inputs[0])))
    result_of(models, n, norm_check=False, metrics=["fid"])
    expected = {f"G {model.name}": PROBES + [CHUNK] * 3 for model in models}
    expected |= {f"D {model.name}": JUDGED + [CHUNK] * (3 * 3 + 2) for model in models}
    assert batch_sizes == expected
    assert sum(extracted) == 3 * n + 700


def test_features_of_the_reals_are_extracted_once_for_all_calls(extracted: list[int]) -> None:
    models = contestants(1)
    first = result_of(models, 500, metrics=["fid"])
    assert sum(extracted) == 500 + 700
    extracted.clear()
    assert result_of(models, 500, metrics=["fid"]).fidelity == first.fidelity
    assert sum(extracted) == 500


def test_with_batch_statistics_every_sample_is_scored_once_more() -> None:
    """Groups of 64, seven at once, the last of a source filled up: 16 groups of 1,000 fakes, 11 of 700 reals.

    The first seven are tried one by one, too.
    """
    (model,) = contestants(1)
    sizes: Counter[int] = Counter()
    assert model.discriminator is not None
    model.discriminator.register_forward_pre_hook(lambda _, inputs: sizes.update([len(inputs[0])]))
    result_of([model], 1000)
    assert sizes == Counter(JUDGED) + Counter({CHUNK: 2 + 2, 7 * 64: 1 + 2 + 1, 2 * 64: 1, 4 * 64: 1, 64: 7})


# In inference mode the first two are not taken apart into the third.
WAITS = {
    torch.ops.aten.is_nonzero.default,
    torch.ops.aten.item.default,
    torch.ops.aten._local_scalar_dense.default,
}


class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that make the host wait for a number of the device, and storages alive at once.

    Args:
        least: bytes of a storage that is counted.
    """

    def __init__(self, least: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waits = 0
        self.most = 0
        self._least = least
        self._alive: dict[int, StorageWeakRef] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.waits += func in WAITS
        outputs = func(*args, **(kwargs or {}))
        self._alive = {key: ref for key, ref in self._alive.items() if not ref.expired()}  # type: ignore[no-untyped-call]
        for leaf in tree_leaves(outputs):
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage().nbytes() >= self._least:
                ref = StorageWeakRef(leaf.untyped_storage())  # type: ignore[no-untyped-call]
                self._alive[ref.cdata] = ref
        self.most = max(self.most, len(self._alive))
        return outputs


def counted(models: Sequence[Contestant], n: int, **options: Any) -> Counting:
    mode = Counting(least=CHUNK * torch.Size(SAMPLE).numel())
    with mode:
        result_of(models, n, **options)
    return mode


@pytest.mark.parametrize("metrics", [[], ["fid", "is"]])
def test_no_chunk_makes_the_host_wait(extracted: list[int], metrics: list[str]) -> None:
    """Beside the probes one look at each generator's samples in the end, however many chunks there were."""
    models = contestants(2)
    few, many = (counted(models, n, metrics=metrics, norm_check=False).waits for n in (500, 2500))
    assert few == many


@pytest.mark.parametrize("inference", [False, True])
def test_the_count_of_waits_can_fail(inference: bool) -> None:
    with Counting(least=1) as mode, torch.inference_mode(inference):
        bool(torch.ones(()) > 0)
        torch.ones(()).item()
        float(torch.ones(1)[0])
    assert mode.waits == 3


@pytest.mark.parametrize("norm_check", [False, True])
def test_chunks_alive_at_once_do_not_grow_with_contestants_or_samples(norm_check: bool) -> None:
    peaks = {
        (count, n): counted(contestants(count), n, norm_check=norm_check).most
        for count, n in [(2, 1000), (6, 1000), (2, 2000)]
    }
    assert peaks[2, 1000] == peaks[6, 1000] and max(peaks.values()) <= MOST_CHUNKS, peaks


def test_the_count_of_chunks_can_fail() -> None:
    with Counting(least=4) as mode:
        tensors = [torch.ones(1) for _ in range(5)]
        del tensors[0]
        torch.ones(1)
    assert mode.most == 5


class Inspects(nn.Module):
    """A judge of other code: looks at how its input lies and flattens it by `.view`."""

    def __init__(self) -> None:
        super().__init__()
        self.contiguous: list[bool] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.contiguous.append(images.is_contiguous())
        return images.view(len(images), -1).mean(1)


@pytest.mark.parametrize("quantize", [False, True])
def test_judges_of_other_code_see_samples_row_by_row(quantize: bool) -> None:
    generator, _ = networks(0)
    foreign = Inspects()
    result_of(
        [Contestant(name="mixed", generator=generator, discriminator=foreign, latent_dim=LATENT)],
        500,
        quantize=quantize,
    )
    assert len(foreign.contiguous) > 1 + 2 and all(foreign.contiguous)


def test_networks_keep_the_layout_of_their_weights() -> None:
    _, judge = networks(0)
    judge.to(memory_format=torch.channels_last)
    before = {name: (tensor.data_ptr(), tensor.stride()) for name, tensor in judge.state_dict().items()}
    with evaluating([judge, judge], CPU):  # one network may stand twice
        inside = {name: (tensor.data_ptr(), tensor.stride()) for name, tensor in judge.state_dict().items()}
    after = {name: (tensor.data_ptr(), tensor.stride()) for name, tensor in judge.state_dict().items()}
    assert inside == after == before


@pytest.mark.parametrize(
    "family", [name for name, pair in FAMILIES.items() if name != "mlp" and pair.conditional == "none"]
)
def test_own_networks_only_read_their_input(family: str) -> None:
    """So that they may share one."""
    side = int(re.findall(r"\d+", family)[-1])
    settings = PairSettings(
        sample_shape=(3, side, side), latent_dim=4, width=16 if family.startswith("r3gan") else 4,
        normalization="none" if family.startswith("r3gan") else "batch", activation="relu",
    )  # fmt: skip
    judge = initialised(pair(family, settings)[1], Stream(0).torch_generator()).eval()
    samples = torch.rand(2, *settings.sample_shape)
    before = samples.clone()
    with torch.inference_mode():
        judge(samples)
    assert torch.equal(samples, before)


def test_equal_weights_score_the_same_whoever_built_the_module() -> None:
    _, judge = networks(0)
    chunk = images(CHUNK)
    scores = []
    for network in (judge, nn.Sequential(*judge.children())):
        contestant = Contestant(name="j", samples=chunk, discriminator=network)
        with evaluating([network], CPU):
            scores.append(raw_scores(contestant, chunk, seed=0))
    assert torch.equal(scores[0], scores[1])


def test_a_judge_that_works_in_place_changes_nothing_for_the_next() -> None:
    """Vectors are judged as they are."""
    vectors = torch.randn(700, 3, generator=torch.Generator().manual_seed(0))
    first = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 1))
    second = nn.Linear(3, 1)

    def histogram(*judges: nn.Module) -> Histogram:
        models = [
            Contestant(name=f"c{place}", samples=vectors + place, discriminator=judge)
            for place, judge in enumerate(judges)
        ]
        return result_of(models, 700, data=vectors).histograms["c1"]

    assert histogram(first, second) == histogram(nn.Linear(3, 1), second)
