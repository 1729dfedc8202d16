"""Chunks and referees' steps wait for nothing of a GPU: the CPU goes on to the next ones meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from grey_models import Brightness
from simulated_gpu import GPU, SimulatedGPU, simulated_gpu
from small_recipes import small
from tiny_referees import CPU, grains, points, tiny

from gancross import Contestant, Result, crosstest, pictures
from gancross.data import catalogue, digits
from gancross.evaluator.estimates import Measurement, Missing
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.cross import NoisyDiscriminator
from gancross.evaluator.referees.halves import sample_set
from gancross.evaluator.referees.ladder import ladder
from gancross.evaluator.referees.protocol import form_of
from gancross.evaluator.referees.scoring import BLOCK, rung_scores
from gancross.evaluator.referees.standing import StandingNetwork
from gancross.evaluator.referees.training import Identity, Material, judge_network, training_snapshots
from gancross.machine.devices import moved
from gancross.models.architectures import PairSettings, initialised, pair
from gancross.random_streams import Stream
from gancross.report.paper_figures.saved_runs import saved_run
from gancross.trainer.loop import train
from gancross.workflow.trace import TraceRequest, trace

N, CHUNK = 200, 40  # the last chunk is as long as the others
IDENTITY = Identity(seed=0, half=0)
READS_OF_RESIZING = "data/resizing.py: resized: copy to the CPU"


class Between:
    """As `progress`: why the CPU waited between two reports of one stage."""

    def __init__(self, gpu: SimulatedGPU) -> None:
        self.waits, self.reports = Counter[str](), 0
        self._gpu, self._before = gpu, ("", Counter[str]())

    def __call__(self, *report: str | int) -> None:
        stage, waits = str(report[0]), self._gpu.waits.copy()
        if stage == self._before[0]:
            self.waits += waits - self._before[1]
            self.reports += 1
        self._before = stage, waits


def models(family: str, **options: Any) -> list[Contestant]:
    """Two untrained pairs for digits."""
    settings = PairSettings(
        sample_shape=(1, 8, 8), latent_dim=4, width=2, normalization="batch", activation="relu",
        num_classes=options.get("num_classes"),
    )  # fmt: skip
    made = []
    for number in range(2):
        networks = (
            initialised(each, Stream(number, "waiting", each.name).torch_generator())
            for each in pair(family, settings)
        )
        generator, judge = networks
        made.append(Contestant(
            name=f"pair-{number}", generator=generator, discriminator=judge, latent_dim=4, batch_size=16,
            **options,
        ))  # fmt: skip
    return made


def crosstested(device: torch.device, contestants: Sequence[Contestant], **options: Any) -> Result:
    test = digits.images()[1][:N]
    labels = digits.labels()[1][:N] if contestants[0].num_classes else None
    return crosstest(
        contestants, data=test, data_labels=labels, num_samples=N, chunk=CHUNK, referees="none",
        device=str(device), **options,
    )  # fmt: skip


def figures_of(result: Result) -> dict[str, float]:
    """Fidelity's, by contestant and key."""
    if isinstance(result.fidelity, Missing):
        return {}
    return {
        f"{who} {key}": figure.value
        for who, measured in result.fidelity.items()
        for key, figure in measured.figures.items() if isinstance(figure, Measurement)
    }  # fmt: skip


CALLS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "both-norms": ("dcgan8", {}, {}),
    "moments": ("dcgan8", {}, {"norm_check": False, "controls": False, "metrics": ("fid", "is")}),
    "features": ("dcgan8", {}, {"norm_check": False, "controls": False, "metrics": ("fid", "kid")}),
    "labels": ("projection8", {"num_classes": 10}, {"controls": False}),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_chunk_of_a_cross_test_waits_for_nothing(name: str) -> None:
    family, of_models, options = CALLS[name]
    with simulated_gpu() as gpu:
        between = Between(gpu)
        result = crosstested(
            GPU, models(family, **of_models), kid_subset_size=50, progress=between, **options
        )
    assert not between.waits and between.reports >= 3 * (N // CHUNK - 1)
    expected = crosstested(CPU, models(family, **of_models), kid_subset_size=50, **options)
    assert result.cells == expected.cells
    assert figures_of(result) == pytest.approx(figures_of(expected), rel=1e-10)  # sums in another order


def test_images_are_resized_on_the_cpu_which_reads_a_chunk_once_for_each_size() -> None:
    with simulated_gpu() as gpu:
        between = Between(gpu)
        crosstested(GPU, models("dcgan8"), resize=12, norm_check=False, controls=False, progress=between)
    assert set(between.waits) == {READS_OF_RESIZING}
    chunks = between.reports
    assert chunks <= between.waits.total() <= chunks * 2  # of a generator's, and once for both judges


def test_drawn_samples_are_fetched_while_the_next_are_made() -> None:
    contestant = models("dcgan8")[0]
    with simulated_gpu() as gpu:
        seen = list[int]()
        samples = canonical_samples(
            contestant, num_samples=N, chunk=CHUNK, device=GPU,
            progress=lambda done, n: seen.append(gpu.waits.total()),
        )  # fmt: skip
    assert len(seen) == N // CHUNK == gpu.fetched and seen[0] == seen[-1]
    assert torch.equal(samples, canonical_samples(contestant, num_samples=N, chunk=CHUNK, device=CPU))


def test_a_chunk_of_a_trace_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "scatter", lambda *points, **settings: b"")
    train(small("mixture", steps=2), tmp_path, device="cpu", checkpoint_every=2)
    request = TraceRequest(
        num_samples=N, data_root=catalogue.DEFAULT_ROOT, device=GPU, chunk=CHUNK, cross=True
    )
    with simulated_gpu() as gpu:
        between = Between(gpu)
        traced = trace(saved_run(tmp_path), request, progress=between)
    assert not between.waits and between.reports
    (own,), (expected,) = traced.snapshots, trace(saved_run(tmp_path), replace(request, device=CPU)).snapshots
    assert own.score_fake == pytest.approx(expected.score_fake)  # the CPU has a faster tanh of its own
    assert own.samples == pytest.approx(expected.samples)


REALS = {"vectors": points(2 * BLOCK + 7), "images": grains(2 * BLOCK + 7)}


@pytest.mark.parametrize("kind", REALS)
@pytest.mark.parametrize("place", [GPU, CPU], ids=["reals-on-the-gpu", "reals-in-a-file"])
def test_a_step_of_a_referee_waits_for_nothing(kind: str, place: torch.device) -> None:
    reals = REALS[kind]
    climbed, protocol = ladder(reals), tiny(form_of(reals.shape[1:]), steps=12, batch_size=64)
    rows = np.arange(len(reals))
    with simulated_gpu() as gpu:
        both = Material(array=moved(reals, place), training=rows, validation=rows[:0])
        network = judge_network(tuple(reals.shape[1:]), climbed, protocol, IDENTITY, GPU)
        steps = training_snapshots(
            network, reals=both, samples=both, ladder=climbed, protocol=protocol, identity=IDENTITY,
            kept=(1, 12),
        )  # fmt: skip
        next(steps)
        before = gpu.waits.copy()
        next(steps)  # eleven steps, in which epochs end
    assert gpu.waits == before


@pytest.mark.parametrize("kind", REALS)
def test_scores_of_a_rung_are_read_once(kind: str) -> None:
    reals = REALS[kind]
    shape, climbed = tuple(reals.shape[1:]), ladder(reals)
    protocol, rows = tiny(form_of(shape)), np.arange(len(reals))
    arena = Arena(reals=sample_set(reals), ladder=climbed, protocol=protocol, size=20, seed=0, device=GPU)
    with simulated_gpu() as gpu:
        judge = judge_network(shape, climbed, protocol, IDENTITY, GPU).eval()
        contestant = Contestant(name="x", samples=reals, discriminator=Brightness(0.0).to(GPU))
        judges = {
            "own": judge,
            "standing": StandingNetwork(judge, own=climbed, present=ladder(reals[:50])).to(GPU),
            "contestant": NoisyDiscriminator(contestant, arena),
        }  # fmt: skip
        on_gpu = moved(reals, GPU)
        for who, network in judges.items():
            gpu.waits.clear()
            rung_scores([network], on_gpu, rows, climbed, rung=3, stream=Stream(0, "x"), device=GPU)
            assert gpu.waits.total() == 1, (who, gpu.waits)
