"""Fidelity in one pass: whatever the chunks, padding and company; honest names; no files left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from measuring import CPU, measure, numbers, vectors
from reference import fidelity as reference
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from gancross.data import digits
from gancross.errors import DivergenceError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.classifier_score import ClassifierScore
from gancross.evaluator.fidelity.digits_cnn import load_digits_cnn
from gancross.evaluator.fidelity.extractor import load_extractor
from gancross.evaluator.fidelity.measurement import Fidelity
from gancross.evaluator.fidelity.metrics import METRICS
from gancross.evaluator.fidelity.plan import check


@given(cuts=st.lists(st.integers(1, 99), unique=True, max_size=8), seed=st.integers(0, 2**16))
@settings(deadline=None, max_examples=25)
def test_the_classifier_score_is_torch_fidelitys_however_it_is_cut(cuts: list[int], seed: int) -> None:
    logits = 3 * torch.randn(100, 7, generator=torch.Generator().manual_seed(seed))
    score = ClassifierScore(100, classes=7, seed=2020)
    for part in torch.tensor_split(logits, sorted(cuts)):
        score.add(part)
    theirs = isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)
    expected = (theirs["inception_score_mean"], theirs["inception_score_std"])
    assert score.mean_and_deviation() == pytest.approx(expected, rel=1e-12)


def test_kid_and_precision_recall_follow_their_definitions() -> None:
    fake, real = vectors(1, n=30, d=4), vectors(2, n=40, d=4)
    kid = numbers(measure(real[:30], {"a": fake}, metrics=["kid"], kid_subset_size=30), "a")
    mmd = reference.unbiased_mmd(fake.numpy(), real[:30].numpy())
    assert kid["kernel_distance[identity]"] == pytest.approx(mmd, rel=1e-4)
    assert kid["kernel_distance_std[identity]"] == pytest.approx(0, abs=1e-5)  # every subset is the whole
    pr = numbers(measure(real, {"a": fake}, metrics=["pr"]), "a")
    expected = reference.precision_recall(fake.numpy(), real.numpy())
    assert (pr["precision[identity]"], pr["recall[identity]"]) == pytest.approx(expected, abs=1e-6)


def test_kid_is_torch_fidelitys_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = vectors(0, n=60), vectors(0, n=60).flip(0)
    measured = measure(real, {"a": fake}, metrics=["kid"])
    theirs = kid_features_to_metric(fake, real, kid_subset_size=32, verbose=False)
    assert (
        numbers(measured, "a")["kernel_distance[identity]"] == theirs["kernel_inception_distance_mean"] < 0.1
    )
    assert capsys.readouterr() == ("", "")


def test_a_collapsed_generator_is_precise_and_recalls_nothing() -> None:
    real = vectors(0, n=200)
    collapsed = real[:1] + 1e-3 * vectors(3, n=200)
    figures = numbers(measure(real, {"a": collapsed}, metrics=["pr"]), "a")
    assert figures["precision[identity]"] > 0.9
    assert figures["recall[identity]"] < 0.1


@pytest.mark.parametrize("chunk", [1, 7, 50, 119])
def test_the_chunk_changes_nothing(chunk: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, fakes = vectors(0), {"a": vectors(1), "b": vectors(2, n=77)}
    whole = measure(data, fakes, metrics=["fid", "kid", "pr"])
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "another"))  # or the data would not be cut
    cut = measure(data, fakes, metrics=["fid", "kid", "pr"], chunk=chunk)
    for name in fakes:
        assert numbers(cut, name) == pytest.approx(numbers(whole, name), rel=1e-10)


def test_padding_does_not_count() -> None:
    train, test = digits.images()
    data, fake = test[:130], train[:130]
    whole = measure(data, {"a": fake}, metrics=["fid", "is"])
    counts = {None: 130, "a": 130}
    plan = check(["fid", "is"], shape=(1, 8, 8), counts=counts)
    extractor = load_extractor(plan.extractor, shape=(1, 8, 8), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts=counts, data_sha256="padded") as fidelity:
        for label, samples in {None: data, "a": fake}.items():
            fidelity.add(label, fidelity.measured(samples[torch.arange(500) % 130], 130))
        padded = fidelity.finish()
    assert padded is not None
    assert numbers(padded, "a") == pytest.approx(numbers(whole, "a"), rel=1e-5)


def test_a_judge_that_writes_into_its_samples_changes_no_feature() -> None:
    plan = check(["fid"], shape=(5,), counts={None: 120, "a": 120})
    extractor = load_extractor("identity", shape=(5,), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts={None: 120, "a": 120}, data_sha256="x") as fidelity:
        chunk = vectors(1)
        features = fidelity.measured(chunk, 120)
        chunk.zero_()
        assert torch.equal(features, vectors(1))


def test_logits_are_measured_where_a_metric_needs_them() -> None:
    counts = {None: 20, "a": 20}
    extractor = load_extractor("digits-cnn", shape=(1, 8, 8), weights=None, device=CPU)
    widths = {}
    for metric in ("fid", "is"):
        plan = check([metric], shape=(1, 8, 8), counts=counts)
        with Fidelity(plan, extractor, counts=counts, data_sha256="x") as fidelity:
            widths[metric] = fidelity.measured(digits.images()[1][:20], 20).shape[1]
    assert widths == {"fid": 64, "is": 74}


def test_order_and_company_of_contestants_change_nothing() -> None:
    fakes = {"a": vectors(1), "b": vectors(2)}
    both = measure(vectors(0), fakes)
    reversed_ = measure(vectors(0), dict(reversed(fakes.items())))
    alone = measure(vectors(0), {"b": fakes["b"]})
    assert both == reversed_
    assert alone.figures["b"] == both.figures["b"]


def test_substitutes_never_bear_the_names_of_inception() -> None:
    of_vectors = measure(vectors(0), {"a": vectors(1)})
    train, test = digits.images()
    of_digits = measure(test, {"a": train[:100]})
    for name, measured in (("identity", of_vectors), ("digits-cnn", of_digits)):
        keys = measured.figures["a"].figures.keys()
        assert all(key.endswith(f"[{name}]") and "inception" not in key for key in keys)
        assert len(keys) == 8
    missing = of_vectors.figures["a"].figures["classifier_score[identity]"]
    assert isinstance(missing, Missing) and "class probabilities" in missing.reason
    assert numbers(of_digits, "a")["classifier_score[digits-cnn]"] > 4


def test_training_digits_are_nearer_to_held_out_ones_than_blurred_or_shuffled_ones() -> None:
    train, test = digits.images()
    blurred = torch.nn.functional.avg_pool2d(train[:596].float(), 3, 1, 1).round().to(torch.uint8)
    shuffled = train[:596].flatten(1)[:, torch.randperm(64, generator=torch.Generator().manual_seed(0))]
    fakes = {"train": train[:596], "blurred": blurred, "shuffled": shuffled.reshape(-1, 1, 8, 8)}
    measured = measure(test, fakes, metrics=["fid", "kid"], kid_subset_size=200)
    for key in ("frechet_distance[digits-cnn]", "kernel_distance[digits-cnn]"):
        near, middle, far = (numbers(measured, name)[key] for name in fakes)
        assert near < middle < far


def test_the_shipped_classifier_reads_held_out_digits() -> None:
    network, _ = load_digits_cnn()
    with torch.inference_mode():
        features, logits = network(digits.images()[1])
    assert (logits.argmax(dim=1) == digits.labels()[1]).double().mean() > 0.95
    assert np.linalg.matrix_rank(np.cov(features.numpy().T)) == 64


@pytest.mark.parametrize("broken", [False, True])
def test_no_temporary_file_is_left(broken: bool, tmp_path: Path) -> None:
    counts = {None: 120, "a": 120}
    plan = check(tuple(METRICS), shape=(5,), counts=counts, kid_subset_size=32)
    extractor = load_extractor("identity", shape=(5,), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts=counts, data_sha256="x") as fidelity:
        fidelity.add(None, fidelity.measured(vectors(0), 120))
        fake = vectors(1)
        if broken:
            fake[3, 2] = float("nan")
            fidelity.add("a", fidelity.measured(fake, 120))
            with pytest.raises(DivergenceError, match="contestant 'a': features"):
                fidelity.finish_source("a")
        else:
            fidelity.add("a", fidelity.measured(fake, 120))
            fidelity.finish()
        assert list((tmp_path / "temporary").iterdir())
    assert not list((tmp_path / "temporary").iterdir())


def test_forgotten_samples_are_a_bug_and_not_a_figure() -> None:
    counts = {None: 120, "a": 120}
    plan = check(["fid"], shape=(5,), counts=counts)
    extractor = load_extractor("identity", shape=(5,), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts=counts, data_sha256="x") as fidelity:
        fidelity.add(None, fidelity.measured(vectors(0), 120))
        with pytest.raises(ValueError, match="120 samples were announced, 0 were added"):
            fidelity.finish()
