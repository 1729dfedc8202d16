"""Judges that only read share their images; none sees what another one wrote, however it wrote it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from gancross import Contestant, Result, crosstest
from gancross.evaluator.judging.shared_inputs import SharedInputs

SHAPE = (1, 8, 8)
LATENTS = 4


class Writing(nn.Module):
    """Scores of its images, into which it writes first."""

    def __init__(self, write: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.write, self.layer = write, nn.Linear(64, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.write(images)
        scores: torch.Tensor = self.layer(images.flatten(1))
        return scores


def by_numpy(images: torch.Tensor) -> None:
    images.numpy()[:] *= 0.5


def through_a_view(images: torch.Tensor) -> None:
    images.flatten(1)[:, ::2] = 0


def of_long_batches(images: torch.Tensor) -> None:
    """What no probe sees, but torch counts."""
    if len(images) > 300:
        images.neg_()


def of_long_batches_by_numpy(images: torch.Tensor) -> None:
    """What neither a probe nor torch sees."""
    if len(images) > 300:
        by_numpy(images)


WRITES: dict[str, Callable[[torch.Tensor], object]] = {
    "torch": lambda images: images.mul_(0.5),
    "data": lambda images: images.data.add_(1),
    "numpy": by_numpy,
    "a view": through_a_view,
    "values that stay": lambda images: images.clamp_(-1, 1),
    "long batches alone": of_long_batches,
    "long batches by numpy": of_long_batches_by_numpy,
}


def reader(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 1))


def writer(write: Callable[[torch.Tensor], object]) -> nn.Module:
    torch.manual_seed(9)
    return Writing(write)


def models(*judges: nn.Module, **options: Any) -> list[Contestant]:
    found = []
    for number, judge in enumerate(judges):
        torch.manual_seed(20 + number)
        generator = nn.Sequential(nn.Linear(LATENTS, 64), nn.Tanh(), nn.Unflatten(1, SHAPE))
        found.append(Contestant(
            name=f"c{number}", generator=generator, discriminator=judge, latent_dim=LATENTS, **options
        ))  # fmt: skip
    return found


def reals(n: int = 700) -> torch.Tensor:
    return torch.randint(0, 256, (n, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def result_of(contestants: list[Contestant], **options: Any) -> Result:
    return crosstest(
        contestants, data=reals(), num_samples=700, device="cpu", controls=False, norm_check=False, **options
    )


def plain(result: Result) -> dict[str, Any]:
    record = result.to_dict()
    del record["provenance"]
    return record


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the judges for which a whole chunk was converted."""
    from gancross.evaluator.judging import judge_calls, shared_inputs

    found: list[str] = []
    convert = judge_calls.network_inputs

    def counted(judge: Contestant, chunk: torch.Tensor) -> torch.Tensor:
        if len(chunk) == 500:
            found.append(judge.name)
        return convert(judge, chunk)

    for module in (judge_calls, shared_inputs):
        monkeypatch.setattr(module, "network_inputs", counted)
    return found


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2], ids=["one thread", "two threads"], indirect=True)
@pytest.mark.parametrize("kind", WRITES)
def test_a_judge_that_writes_changes_nothing_for_the_others(kind: str, threads: int) -> None:
    """Between two that read: the same judges with a copy in its place that spares its input."""
    quantize = kind != "values that stay"  # of the probe's 8-bit images, and not of all others
    write = WRITES[kind]
    sparing = writer(write)
    sparing.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(),))
    beside = [plain(result_of(models(reader(0), judge, reader(1)), quantize=quantize))
              for judge in (writer(write), sparing)]  # fmt: skip
    assert beside[0] == beside[1]


@pytest.mark.parametrize("kind", ["long batches alone", "long batches by numpy"])
def test_scores_that_are_a_part_of_the_images_stay(kind: str) -> None:
    pixel = nn.Flatten()
    pixel.register_forward_hook(lambda _, inputs, output: output[:, 0])
    beside = [
        plain(result_of(models(pixel, judge)))["confusion"]["c0"]
        for judge in (writer(WRITES[kind]), reader(1))
    ]
    assert beside[0]["fn"] == beside[1]["fn"]


def test_judges_of_one_range_share_and_others_do_not(conversions: list[str]) -> None:
    """Chunks: two of the reals and two of each of the three generators."""
    result_of(models(reader(0), reader(1), reader(2)))
    assert conversions == ["c0"] * 8
    conversions.clear()
    result_of(models(reader(0), writer(WRITES["numpy"]), reader(2)))
    assert conversions == ["c0", "c1"] * 8
    conversions.clear()
    result_of([*models(reader(0)), models(reader(1), reader(1), data_range=(0.0, 1.0))[1]])
    assert conversions == ["c0", "c1"] * 6


def test_the_inputs_of_one_range_are_held_at_a_time() -> None:
    chunk = reals(10)
    first, second = models(reader(0), reader(1))
    third = models(reader(2), data_range=(0.0, 1.0))[0]
    shared = SharedInputs(chunk, {"c0", "c1"})
    given = shared.of(first)
    assert given is not None and shared.of(second) is given
    given.add_(1)  # by a judge whose probe did not see it
    again = shared.of(second)
    assert again is not None and again is not given and float(again.amax()) <= 1
    other = shared.of(third)
    assert other is not None and float(other.amin()) >= 0
    assert SharedInputs(chunk, {"c1"}).of(first) is None
    assert SharedInputs(torch.zeros(3, 2), {"c0"}).of(first) is None
