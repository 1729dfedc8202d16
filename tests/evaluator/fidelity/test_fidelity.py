"""Fidelity: torch-fidelity's own figures, whatever the chunks; caches; honest names; what is refused."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inception_weights import images, write_weights
from reference import fidelity as reference
from torch_fidelity import calculate_metrics
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from gancross.data import digits
from gancross.errors import CheckpointError, DataError, DivergenceError, ResourceError, UsageError
from gancross.evaluator.fidelity.classifier_score import ClassifierScore
from gancross.evaluator.fidelity.digits_cnn import load_digits_cnn
from gancross.evaluator.fidelity.extractors import BATCH, load_extractor
from gancross.evaluator.fidelity.feature_distances import kernel_distance, precision_recall
from gancross.evaluator.fidelity.frechet import Statistics
from gancross.evaluator.fidelity.measurement import Fidelity
from gancross.evaluator.fidelity.plan import METRICS, check
from gancross.evaluator.fidelity.real_features import read_statistics, save_statistics
from gancross.evaluator.fidelity.scoring_pass import FidelityPass

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def private_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    write_weights(path)
    return path


def vectors(seed, n=120, d=5):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 0.2 * seed


def sha256(data):
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()


def measure(
    data, fakes, *, metrics=METRICS, chunk=500, weights=None, statistics=None, kid_subset_size=32, seen=None
):
    """Figures of every array in `fakes`, and the sink they came from; `seen` is shown all features."""
    shape = tuple(data.shape[1:])
    counts = {None: len(data)} | {label: len(samples) for label, samples in fakes.items()}
    plan = check(
        metrics, shape=shape, counts=counts, weights=weights, statistics=statistics,
        kid_subset_size=kid_subset_size,
    )  # fmt: skip
    extractor = load_extractor(plan.extractor, shape=shape, weights=plan.weights, device=CPU)
    if seen is not None:
        apply = extractor.apply

        def shown(samples):
            outputs = apply(samples)
            seen(outputs[0])
            return outputs

        extractor = replace(extractor, apply=shown)
    with Fidelity(
        plan, extractor, counts=counts, data_sha256=sha256(data), statistics=statistics
    ) as fidelity:
        for label, samples in {None: data, **fakes}.items():
            for part in samples.split(chunk):
                fidelity.add(label, part, len(part))
        return fidelity.finish(), fidelity


@pytest.mark.slow
def test_images_have_torch_fidelitys_figures(weights, tmp_path):
    fake, real = images(1, 64), images(2, 64)
    features = []
    got, fidelity = measure(real, {"a": fake}, weights=weights, seen=features.append)
    theirs = calculate_metrics(
        input1=_Images(fake), input2=_Images(real), batch_size=BATCH, cuda=False, isc=True, fid=True,
        kid=True, prc=True, kid_subset_size=32, feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights), cache_root=str(tmp_path / "theirs"), cache=False,
        save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    ours = {key.removesuffix("[inception-v3-compat]"): value for key, value in got["a"].items()}
    assert ours.pop("n") == 64
    assert set(ours) == set(theirs)
    assert theirs["inception_score_mean"] > 1.05
    assert 0.1 < theirs["precision"] < 1
    same = ("inception_score_mean", "inception_score_std", "precision", "recall", "f_score")
    for key in (*same, "frechet_inception_distance"):
        assert ours[key] == pytest.approx(theirs[key], rel=1e-5), key
    for key in ("kernel_inception_distance_mean", "kernel_inception_distance_std"):
        assert ours[key] == pytest.approx(theirs[key], rel=0, abs=1e-8), key
    # The covariances of 64 images are singular in 2,048 dimensions: torch-fidelity's sum of the roots of
    # rounding errors keeps the figure away from the exact one.
    exact = reference.frechet_distance_of_features(features[1].numpy(), features[0].numpy())
    assert ours["frechet_inception_distance"] == pytest.approx(exact, rel=1e-4)
    assert any("not those that torch-fidelity publishes" in flag for flag in fidelity.flags)
    assert any("'a': 64 samples are fewer than the 2,048" in flag for flag in fidelity.flags)


class _Images(torch.utils.data.Dataset):
    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, index):
        return self.array[index]


def test_grey_images_are_seen_as_colour_and_old_weights_files_are_read(weights, tmp_path):
    old = tmp_path / "old.pth"
    torch.save(torch.load(weights, weights_only=True), old, _use_new_zipfile_serialization=False)
    as_zip, as_pickle = (
        load_extractor("inception-v3-compat", shape=(1, 32, 32), weights=path, device=CPU)
        for path in (weights, old)
    )
    grey = images(3, 2)[:, :1]
    with torch.inference_mode():
        of_grey, of_colour = as_zip.apply(grey)[0], as_pickle.apply(grey.repeat(1, 3, 1, 1))[0]
    torch.testing.assert_close(of_grey, of_colour, rtol=0, atol=0)
    assert as_pickle.weights_sha256 == hashlib.sha256(old.read_bytes()).hexdigest()


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (Evil(), "cannot load it as plain weights"),
        ({"Conv2d_1a_3x3.conv.weight": torch.zeros(1)}, "not weights of torch-fidelity's Inception"),
        ({"fc.weight": torch.tensor([float("nan")])}, "fc.weight has values that are NaN"),
        ([torch.zeros(1)], "expected a state dict"),
    ],
)
def test_other_weights_are_refused_and_nothing_runs(content, reason, zipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "weights.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=rf"^weights\.pth: .*{reason}"):
        load_extractor("inception-v3-compat", shape=(3, 32, 32), weights=Path("weights.pth"), device=CPU)
    assert not Path("executed").exists()


@given(cuts=st.lists(st.integers(1, 99), unique=True, max_size=8), seed=st.integers(0, 2**16))
@settings(deadline=None, max_examples=25)
def test_the_classifier_score_is_torch_fidelitys_however_it_is_cut(cuts, seed):
    logits = 3 * torch.randn(100, 7, generator=torch.Generator().manual_seed(seed))
    score = ClassifierScore(100, classes=7, seed=2020)
    for part in torch.tensor_split(logits, sorted(cuts)):
        score.add(part)
    theirs = isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)
    expected = (theirs["inception_score_mean"], theirs["inception_score_std"])
    assert score.mean_and_deviation() == pytest.approx(expected, rel=1e-12)


def test_kid_and_precision_recall_follow_their_definitions():
    fake, real = vectors(1, n=30, d=4).numpy(), vectors(2, n=40, d=4).numpy()
    mean, deviation = kernel_distance(fake=fake, real=real[:30], subset_size=30, seed=0)
    assert mean == pytest.approx(reference.unbiased_mmd(fake, real[:30]), rel=1e-4)
    assert deviation == pytest.approx(0, abs=1e-5)  # every subset is the whole
    precision, recall, _ = precision_recall(fake=fake, real=real, device=CPU)
    assert (precision, recall) == pytest.approx(reference.precision_recall(fake, real), abs=1e-6)


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    real = vectors(0, n=200)
    collapsed = real[:1] + 1e-3 * vectors(3, n=200)
    figures, _ = measure(real, {"a": collapsed}, metrics=["pr"])
    assert figures["a"]["precision[identity]"] > 0.9
    assert figures["a"]["recall[identity]"] < 0.1


@pytest.mark.parametrize("chunk", [1, 7, 50, 119])
def test_the_chunk_changes_nothing(chunk, monkeypatch, tmp_path):
    data, fakes = vectors(0), {"a": vectors(1), "b": vectors(2, n=77)}
    whole, _ = measure(data, fakes, metrics=["fid", "kid", "pr"])
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "another"))  # or the data would not be cut
    cut, _ = measure(data, fakes, metrics=["fid", "kid", "pr"], chunk=chunk)
    for name, figures in whole.items():
        assert cut[name] == pytest.approx(figures, rel=1e-10)


def test_padding_does_not_count():
    train, test = digits.images()
    data, fake = test[:130], train[:130]
    whole, _ = measure(data, {"a": fake}, metrics=["fid", "is"])
    counts = {None: 130, "a": 130}
    plan = check(["fid", "is"], shape=(1, 8, 8), counts=counts)
    extractor = load_extractor(plan.extractor, shape=(1, 8, 8), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts=counts, data_sha256="padded") as fidelity:
        for label, samples in {None: data, "a": fake}.items():
            fidelity.add(label, samples[torch.arange(500) % 130], 130)
        assert fidelity.finish()["a"] == pytest.approx(whole["a"], rel=1e-5)


def test_order_and_company_of_contestants_change_nothing():
    fakes = {"a": vectors(1), "b": vectors(2)}
    both, _ = measure(vectors(0), fakes)
    turned, _ = measure(vectors(0), dict(reversed(fakes.items())))
    alone, _ = measure(vectors(0), {"b": fakes["b"]})
    assert both == turned
    assert alone["b"] == both["b"]


def test_substitutes_never_bear_the_names_of_inception():
    of_vectors, _ = measure(vectors(0), {"a": vectors(1)})
    train, test = digits.images()
    of_digits, _ = measure(test, {"a": train[:100]})
    for name, found in (("identity", of_vectors["a"]), ("digits-cnn", of_digits["a"])):
        keys = {key.removesuffix("_reason") for key in found} - {"n"}
        assert all(key.endswith(f"[{name}]") and "inception" not in key for key in keys)
        assert len(keys) == 8
    assert of_vectors["a"]["classifier_score[identity]"] is None
    assert "class probabilities" in of_vectors["a"]["classifier_score[identity]_reason"]
    assert of_digits["a"]["classifier_score[digits-cnn]"] > 4


def test_training_digits_are_nearer_to_held_out_ones_than_blurred_or_shuffled_ones():
    train, test = digits.images()
    blurred = torch.nn.functional.avg_pool2d(train[:596].float(), 3, 1, 1).round().to(torch.uint8)
    shuffled = train[:596].flatten(1)[:, torch.randperm(64, generator=torch.Generator().manual_seed(0))]
    fakes = {"train": train[:596], "blurred": blurred, "shuffled": shuffled.reshape(-1, 1, 8, 8)}
    figures, _ = measure(test, fakes, metrics=["fid", "kid"], kid_subset_size=200)
    for key in ("frechet_distance[digits-cnn]", "kernel_distance[digits-cnn]"):
        assert figures["train"][key] < figures["blurred"][key] < figures["shuffled"][key]


def test_the_shipped_classifier_reads_held_out_digits():
    network, _ = load_digits_cnn()
    with torch.inference_mode():
        features, logits = network(digits.images()[1])
    assert (logits.argmax(dim=1) == digits.labels()[1]).double().mean() > 0.95
    assert np.linalg.matrix_rank(np.cov(features.numpy().T)) == 64


def test_the_cache_gives_the_same_figures_and_spares_the_data():
    data, fakes = vectors(0), {"a": vectors(1)}
    first, _ = measure(data, fakes)
    counts = {None: len(data), "a": len(fakes["a"])}
    plan = check(METRICS, shape=(5,), counts=counts, kid_subset_size=32)
    extractor = load_extractor("identity", shape=(5,), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts=counts, data_sha256=sha256(data)) as fidelity:
        assert not fidelity.needs_data
        fidelity.add("a", fakes["a"], len(fakes["a"]))
        assert fidelity.finish() == first


@pytest.mark.parametrize("part", ["name", "weights_sha256", "resize", "dtype", "versions", "device", "data"])
def test_the_cache_is_not_used_when_anything_differs(part):
    data, counts = vectors(0), {None: 120, "a": 120}
    measure(data, {"a": vectors(1)})
    plan = check(METRICS, shape=(5,), counts=counts, kid_subset_size=32)
    extractor = load_extractor("identity", shape=(5,), weights=None, device=CPU)
    digest = sha256(vectors(9)) if part == "data" else sha256(data)
    if part == "device":
        extractor = replace(extractor, device=torch.device("meta"))
    elif part != "data":
        extractor = replace(extractor, **{part: "another"})
    with Fidelity(plan, extractor, counts=counts, data_sha256=digest) as fidelity:
        assert fidelity.needs_data


def test_a_damaged_cache_is_computed_again(tmp_path):
    first, _ = measure(vectors(0), {"a": vectors(1)})
    files = list((tmp_path / "cache" / "fidelity").iterdir())
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert measure(vectors(0), {"a": vectors(1)})[0] == first


def test_statistics_can_be_saved_and_given(tmp_path):
    data, fakes = vectors(0), {"a": vectors(1)}
    first, fidelity = measure(data, fakes, metrics=["fid"])
    save_statistics(tmp_path / "real.npz", fidelity.real_statistics)
    given_ = read_statistics(tmp_path / "real.npz")
    again, fidelity = measure(torch.full((1, 5), 7.0), fakes, metrics=["fid"], statistics=given_)
    assert again == first
    digest = hashlib.sha256((tmp_path / "real.npz").read_bytes()).hexdigest()
    assert fidelity.protocol["fid_statistics_sha256"] == digest


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"mu": np.zeros(2)}, "not an .npz file with mu and sigma"),
        ({"mu": np.zeros(2), "sigma": np.eye(3)}, "expected mu"),
        ({"mu": np.array([0, np.nan]), "sigma": np.eye(2)}, "mu must hold finite"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 0.5], [0.1, 1.0]])}, "not symmetric"),
        ({"mu": np.zeros(2), "sigma": -np.eye(2)}, "negative variance"),
        ({"mu": np.array([None, 1]), "sigma": np.eye(2)}, "not an .npz file with mu and sigma"),
    ],
)
def test_other_statistics_are_refused(arrays, reason, tmp_path):
    np.savez(tmp_path / "real.npz", **arrays)
    with pytest.raises(DataError, match=reason):
        read_statistics(tmp_path / "real.npz")


def test_statistics_of_other_features_are_refused(tmp_path):
    other = Statistics(n=None, mean=np.zeros(7), covariance=np.eye(7))
    with pytest.raises(UsageError, match="7 dimensions"):
        measure(vectors(0), {"a": vectors(1)}, metrics=["fid"], statistics=other)
    impossible = Statistics(n=None, mean=np.zeros(5), covariance=np.eye(5) - 0.9)
    with pytest.raises(DataError, match="negative eigenvalue"):
        measure(vectors(0), {"a": vectors(1)}, metrics=["fid"], statistics=impossible)
    with pytest.raises(UsageError, match="'fid' was not asked for"):
        check(["is"], shape=(5,), counts={"a": 10}, statistics=other)


def test_statistics_that_are_to_be_saved_need_fid(tmp_path):
    with pytest.raises(UsageError, match="ask for the metric 'fid'"):
        FidelityPass.prepared(
            ["pr"], sources=[], test=torch.zeros(4, 5), device=torch.device("cpu"), weights=None,
            statistics=None, save_to=tmp_path / "real.npz", kid_subset_size=1000,
        )  # fmt: skip


def test_missing_weights_are_told_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    counts = {None: 2000, "a": 2000}
    with pytest.raises(ResourceError) as default:
        check(["fid"], shape=(3, 32, 32), counts=counts)
    own = tmp_path / "hub" / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    for part in (f"{own}: no such file", "https://github.com/", "--feature-extractor-weights-path"):
        assert part in str(default.value)
    with pytest.raises(ResourceError, match=r"mine\.pth: no such file"):
        check(["fid"], shape=(3, 32, 32), counts=counts, weights=Path("mine.pth"))
    own.parent.mkdir(parents=True)
    own.write_bytes(b"")
    assert check(["fid"], shape=(3, 32, 32), counts=counts).weights == own


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"metrics": ["fdi"]}, "unknown metric 'fdi': did you mean 'fid'"),
        ({"metrics": []}, "no metrics"),
        ({"metrics": ["kid"]}, "the data: 120 samples, metric 'kid' needs at least 1000.*--kid-subset-size"),
        ({"metrics": ["is"], "counts": {None: 1, "a": 9}}, "contestant 'a': 9 samples, metric 'is'"),
        ({"metrics": ["pr"], "counts": {None: 3, "a": 9}}, "the data: 3 samples, metric 'pr'"),
        ({"metrics": ["fid"], "shape": (4, 8, 8)}, r"1 or 3 channels.*\(4, 8, 8\)"),
        ({"metrics": ["fid"], "weights": Path("w.pth")}, "use the extractor 'identity', not Inception"),
    ],
)
def test_what_cannot_work_is_told_before_any_work(arguments, reason):
    usual = {"shape": (5,), "counts": {None: 120, "a": 2000}}
    with pytest.raises(UsageError, match=reason):
        check(**{**usual, **arguments})


@pytest.mark.parametrize("broken", [False, True])
def test_no_temporary_file_is_left(broken, tmp_path):
    counts = {None: 120, "a": 120}
    plan = check(METRICS, shape=(5,), counts=counts, kid_subset_size=32)
    extractor = load_extractor("identity", shape=(5,), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts=counts, data_sha256="x") as fidelity:
        fidelity.add(None, vectors(0), 120)
        fake = vectors(1)
        if broken:
            fake[3, 2] = float("nan")
            with pytest.raises(DivergenceError, match="contestant 'a': features"):
                fidelity.add("a", fake, 120)
        else:
            fidelity.add("a", fake, 120)
            fidelity.finish()
        assert list((tmp_path / "temporary").iterdir())
    assert not list((tmp_path / "temporary").iterdir())


def test_forgotten_samples_are_a_bug_and_not_a_figure():
    counts = {None: 120, "a": 120}
    plan = check(["fid"], shape=(5,), counts=counts)
    extractor = load_extractor("identity", shape=(5,), weights=None, device=CPU)
    with Fidelity(plan, extractor, counts=counts, data_sha256="x") as fidelity:
        fidelity.add(None, vectors(0), 120)
        with pytest.raises(ValueError, match="120 samples were announced, 0 were added"):
            fidelity.finish()


def test_kid_is_torch_fidelitys_and_prints_nothing(capsys):
    real, fake = vectors(0, n=60), vectors(0, n=60).flip(0)
    figures, _ = measure(real, {"a": fake}, metrics=["kid"])
    theirs = kid_features_to_metric(fake, real, kid_subset_size=32, verbose=False)
    assert figures["a"]["kernel_distance[identity]"] == theirs["kernel_inception_distance_mean"] < 0.1
    assert capsys.readouterr() == ("", "")
