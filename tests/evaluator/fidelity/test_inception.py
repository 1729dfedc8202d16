"""Inception's features: torch-fidelity's own figures, and weights files that are refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from hostile import WritesAMarker
from inception_weights import images, write_weights
from measuring import CPU, measure, numbers
from reference import fidelity as reference
from torch_fidelity import calculate_metrics

from gancross.errors import CheckpointError
from gancross.evaluator.fidelity.extractor import BATCH, load_extractor


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    write_weights(path)
    return path


class Images(torch.utils.data.Dataset[torch.Tensor]):
    """An array as torch-fidelity takes it."""

    def __init__(self, array: torch.Tensor) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.array[index]


@pytest.mark.slow
def test_images_have_torch_fidelitys_figures(weights: Path, tmp_path: Path) -> None:
    fake, real = images(2, 12) // 2, images(1, 12)
    features: list[torch.Tensor] = []
    measured = measure(real, {"a": fake}, weights=weights, kid_subset_size=6, on_features=features.append)
    theirs = calculate_metrics(
        input1=Images(fake), input2=Images(real), batch_size=BATCH, cuda=False, isc=True, fid=False,
        kid=True, prc=True, kid_subset_size=6, feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights), cache_root=str(tmp_path / "theirs"), cache=False,
        save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    ours = {key.removesuffix("[inception-v3-compat]"): value for key, value in numbers(measured, "a").items()}
    assert measured.figures["a"].n == 12
    assert set(ours) == {*theirs, "frechet_inception_distance"}
    assert theirs["inception_score_mean"] > 1.05
    assert 0.1 < theirs["precision"] < 1 and 0.1 < theirs["recall"] < 1
    for key in ("inception_score_mean", "inception_score_std", "precision", "recall", "f_score"):
        assert ours[key] == pytest.approx(theirs[key], rel=1e-5), key
    for key in ("kernel_inception_distance_mean", "kernel_inception_distance_std"):
        assert ours[key] == pytest.approx(theirs[key], rel=0, abs=1e-8), key
    # torch-fidelity's function takes a quarter of a minute, so it is not called a second time for `theirs`.
    # The covariances of 12 images are singular: its sum of the roots of rounding errors keeps the figure away
    # from the exact one.
    exact = reference.frechet_distance_of_features(features[1].numpy(), features[0].numpy())
    assert ours["frechet_inception_distance"] == pytest.approx(exact, rel=1e-4)
    assert any("not those that torch-fidelity publishes" in flag for flag in measured.flags)
    assert any("'a': 12 samples are not more than the 2,048" in flag for flag in measured.flags)


def test_grey_images_are_seen_as_colour_and_old_weights_files_are_read(weights: Path, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WritesAMarker(Path("executed")), "cannot load it as plain weights"),
        ({"Conv2d_1a_3x3.conv.weight": torch.zeros(1)}, "not weights of torch-fidelity's Inception"),
        ({"fc.weight": torch.tensor([float("nan")])}, "fc.weight has values that are NaN"),
        ([torch.zeros(1)], "expected a state dict"),
    ],
)
def test_other_weights_are_refused_and_nothing_runs(
    content: object, reason: str, zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "weights.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=rf"^weights\.pth: .*{reason}"):
        load_extractor("inception-v3-compat", shape=(3, 32, 32), weights=Path("weights.pth"), device=CPU)
    assert not Path("executed").exists()
