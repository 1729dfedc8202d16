"""Questions in a small form: their bare loops compute the same, and their rows are made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest
import torch
from speed import crosstest, labels, metrics
from speed.crosstest import LATENT, networks, random_images
from speed.metrics import CONTESTANT, CPU

from gancross import Result
from gancross.evaluator.estimates import Measurement
from gancross.evaluator.fidelity.extractor import DIGITS_SHAPE, INCEPTION, Extractor, load_extractor
from gancross.evaluator.fidelity.figures import MeasuredFidelity
from gancross.evaluator.fidelity.plan import check


def test_the_bare_metrics_are_the_product_s_figures() -> None:
    reals, samples = (metrics.random_bytes(DIGITS_SHAPE, 600, seed) for seed in (0, 1))
    plan = check(("fid", "is"), shape=DIGITS_SHAPE, counts={None: 600, CONTESTANT: 600})
    extractor = load_extractor(plan.extractor, shape=DIGITS_SHAPE, weights=None, device=CPU)
    measured = metrics.product(plan, extractor, reals, samples)()
    assert isinstance(measured, MeasuredFidelity)
    figures = measured.figures[CONTESTANT].figures
    score, distance = metrics.bare(plan, extractor, reals, samples)()
    ours = [figures[f"{key}[digits-cnn]"] for key in ("frechet_distance", "classifier_score")]
    assert all(isinstance(figure, Measurement) for figure in ours)
    values = [figure.value for figure in ours if isinstance(figure, Measurement)]
    assert values[0] == pytest.approx(distance, rel=1e-6)
    assert values[1] == pytest.approx(score, rel=0.05)  # other splits


def test_metrics_have_a_row_for_each_extractor(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {shape: replace(case, n=80, rounds=1) for shape, case in metrics.CASES.items()}
    monkeypatch.setattr(metrics, "CASES", small)
    monkeypatch.setattr(metrics, "random_inception", unread_weights)
    monkeypatch.setattr(metrics, "load_extractor", without_inception)
    digits, images = metrics.rows()
    assert digits.work.startswith("Fréchet distance and classifier score on `digits-cnn`, n = 80 / ")
    assert images.work.startswith("classifier score on `inception-v3-compat`, n = 80 / ")
    assert digits.goal == images.goal == 1.1
    assert min(digits.measured.median, images.measured.median) > 0


def unread_weights(folder: Path) -> Path:
    path = folder / "weights.pth"
    path.write_bytes(b"")
    return path


def without_inception(
    name: str, *, shape: tuple[int, ...], weights: Path | None, device: torch.device
) -> Extractor:
    """Pixels and their means in place of Inception's features, which take seconds."""
    if name != INCEPTION:
        return load_extractor(name, shape=shape, weights=weights, device=device)
    assert weights is not None and weights.exists()
    return Extractor(
        name=name, dimension=3 * 32 * 32, classes=32, device=device, versions="none",
        apply=lambda images: (images.flatten(1).float(), images.float().mean((1, 2))),
    )  # fmt: skip


def test_without_labels_the_same_networks_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "WIDTH", 2)
    (model,) = labels.conditional(1)
    alone = labels.without_labels(model)
    latents, zeros = torch.rand(3, LATENT), torch.zeros(3, dtype=torch.int64)
    for network, plain in zip(networks(model), networks(alone), strict=True):
        network.eval()
        inputs = latents if network is model.generator else random_images(3) / 127.5 - 1
        torch.testing.assert_close(plain(inputs), network(inputs, zeros))
    assert (model.num_classes, alone.num_classes) == (10, None)


def test_labels_give_figures_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "WIDTH", 2)
    models = labels.conditional(2)
    reals, classes = random_images(40), labels.random_labels(40)
    conditional = labels.product(models, reals, classes, 40)()
    alone = labels.product([labels.without_labels(model) for model in models], reals, None, 40)()
    assert isinstance(conditional, Result) and isinstance(alone, Result)
    assert conditional.classes is not None and len(conditional.classes.names) == labels.CLASSES
    assert alone.classes is None


def test_labels_have_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WIDTH": 2, "N": 60, "ROUNDS": 1, "product": busy, "bare": busy}.items():
        monkeypatch.setattr(labels, name, value)
    same, bare, by_class = labels.rows()
    assert same.work == (
        "cross-test of two conditional width-2 `projection32`, n = 60 / the same without labels"
    )
    assert bare.measured.median == pytest.approx(1, abs=0.5) and by_class.measured.median > 0
    assert (same.goal, bare.goal, by_class.goal) == (1.1, 1.1, 0.05)


@pytest.mark.parametrize("cores", [1, 2])
def test_two_threads_are_measured_beside_one_where_there_are_two_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    threads: list[int] = []

    def looking(*_: object) -> Callable[[], None]:
        return lambda: threads.append(torch.get_num_threads())

    for name, value in {
        "product": looking, "bare": looking, "N": 60, "ROUNDS": 1, "available_cores": lambda: cores
    }.items():  # fmt: skip
        monkeypatch.setattr(crosstest, name, value)
    rows = crosstest.rows()
    assert [row.threads for row in rows] == [1, 2, 2][: 2 * cores - 1]
    assert threads[1:] == [1, 1, 2, 2][: 2 * cores]  # the first call is not counted
    if cores == 2:
        seconds = rows[2].parts["seconds"]
        expected = seconds["cross-test, 2"]["median"] / seconds["cross-test, 1"]["median"]
        assert rows[2].measured.median == pytest.approx(expected)  # on the clock
        assert rows[2].goal == pytest.approx(1 / 1.8)


def busy(*_: object) -> Callable[[], None]:
    """A hundredth of a second of processor time."""

    def run() -> None:
        started = process_time()
        while process_time() - started < 0.01:
            pass

    return run
