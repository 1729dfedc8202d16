"""Samples in files of numpy as contestants: what `gancross sample` writes, and what other tools write."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from foreign import call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gancross.errors import DataError, UsageError
from gancross.evaluator.contestants.sample_arrays import array_contestant


def loaded(path: Path) -> torch.Tensor:
    samples = array_contestant(path, name="x").samples
    assert samples is not None
    return samples


@given(
    images=arrays(
        np.uint8, st.tuples(*[st.integers(1, 4)] * 2, st.sampled_from([2, 4]), st.sampled_from([1, 3]))
    ),
    suffix=st.sampled_from([".npy", ".npz", "compressed.npz"]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_images_with_channels_last_are_those_with_channels_first(
    tmp_path_factory: pytest.TempPathFactory, images: np.ndarray, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    images = np.repeat(images, 2, axis=1) if images.shape[1] in (1, 3) else images
    write = {".npy": np.save, ".npz": np.savez}.get(suffix, np.savez_compressed)
    first = images.transpose(0, 3, 1, 2)
    for name, array in (("last", images), ("first", first)):
        write(folder / f"{name}{suffix}", array)
        assert torch.equal(loaded(folder / f"{name}{suffix}"), torch.from_numpy(first.copy()))


def test_the_key_and_the_byte_order(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=">f4").reshape(3, 2)
    np.savez(tmp_path / "a.npz", labels=np.zeros(3, int), samples=vectors)
    np.savez(tmp_path / "b.npz", other=vectors)
    for name in ("a", "b"):
        assert torch.equal(loaded(tmp_path / f"{name}.npz"), torch.arange(6.0).reshape(3, 2))
    np.savez(tmp_path / "c.npz", x=vectors, y=vectors)
    with pytest.raises(UsageError, match=r"name its array of samples 'samples'; it holds \['x', 'y'\]"):
        loaded(tmp_path / "c.npz")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_other_content_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    buffer = io.BytesIO()
    (np.save if suffix == ".npy" else np.savez)(buffer, np.zeros((5, 1, 4, 4), np.uint8))
    for content in (b"", b"text", buffer.getvalue()[:90], b"PK\x03\x04", b"\x93NUMPY\x01\x00"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not an array of numpy"):
            loaded(path)
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="allow_pickle"):
        loaded(tmp_path / "objects.npy")
    np.save(tmp_path / "floats.npy", np.zeros((5, 1, 4, 4), np.float32))
    with pytest.raises(UsageError, match="expected uint8 images"):
        loaded(tmp_path / "floats.npy")


def test_a_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    """Five members that claim 4 GiB each."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}.npy", b"x")
    content = bytearray(path.read_bytes())
    for place in (found.start() for found in re.finditer(b"PK\x01\x02", bytes(content))):
        content[place + 24 : place + 28] = b"\xfe\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(DataError, match="more than 16 GiB"):
        loaded(path)


def test_what_is_sampled_can_be_judged(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    model = str(checkpoints["digits-plain"])
    assert call(capfd, "sample", f"a={model}", "-n", "30", "--out", "s.npz")[0] == 0
    arguments = (
        "crosstest",
        f"a={model}",
        "theirs=s.npz",
        "--data",
        "digits",
        "-n",
        "30",
        "--referees",
        "none",
    )
    assert call(capfd, *arguments, "--device", "cpu", "-q")[0] == 0
    assert call(capfd, "crosstest", "s.npz,s.npz")[0] == 2
    code, message = call(capfd, *arguments, "--arch", "theirs=x:y", "--trust-code")
    assert code == 2 and "needs no code" in message
