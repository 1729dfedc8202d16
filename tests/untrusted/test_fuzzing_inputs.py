"""Records, run folders and image folders of any content are read, or refused by a documented error."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from png_headers import png_header
from small_recipes import small

from gancross import Contestant, crosstest, load_result
from gancross.data import folder
from gancross.data.image_files import image_files
from gancross.errors import DataError, GancrossError, UsageError, printable
from gancross.evaluator.result.types import FORMAT
from gancross.report.paper_figures.saved_runs import saved_run
from gancross.trainer.recipes.recipe import Recipe
from gancross.untrusted.strict_json import parsed
from gancross.workflow.plan import steps_done

FIXTURES = [HealthCheck.function_scoped_fixture]
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
ODD_TEXTS = {
    "nothing": b"", "lists": b"[" * 100_000, "objects": b'{"a":' * 100_000, "digits": b"9" * 100_000,
    "googol": b"1" + b"0" * 400, "NaN": b"NaN", "twice": b'{"name": 1, "name": 2}', "surrogate": b'"\\ud800"',
    "other encoding": b"\xff\xfe[\x00]\x00", "escape": b'{"step": "\\u001b[2J"}', "null": b"null",
    "beyond floats": b'{"step": 1e999}', "list": b"[]", "text": b'{"step": []}',
}  # fmt: skip
contents = (
    st.binary(max_size=200)
    | plain.map(lambda value: json.dumps(value).encode())
    | plain.map(lambda value: json.dumps({"step": value, "name": value, "format": value}).encode())
)


@pytest.fixture(params=ODD_TEXTS)
def odd_text(request: pytest.FixtureRequest) -> bytes:
    return ODD_TEXTS[request.param]


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """A real result as plain values."""
    samples = np.random.default_rng(0).integers(0, 255, (30, 1, 4, 4), dtype=np.uint8)
    judge = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1)).requires_grad_(False)
    contestant = Contestant(name="a", samples=torch.from_numpy(samples), discriminator=judge.eval())
    result = crosstest([contestant], data=torch.from_numpy(samples), num_samples=20)
    return result.to_dict()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to everything inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with something else at one place."""
    copied = json.loads(json.dumps(value))
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copied


def check_record(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        loaded = load_result(path)
    except DataError as error:
        message = str(error)
    else:
        assert parsed(loaded.to_json()) == loaded.to_dict()
        return
    assert message.startswith(f"{path}: ") and len(printable(message)) < 600


@given(content=contents)
@settings(max_examples=200, suppress_health_check=FIXTURES)
def test_any_file_is_a_record_or_refused(tmp_path: Path, content: bytes) -> None:
    check_record(tmp_path / "result.json", content)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=FIXTURES)
def test_a_record_with_anything_anywhere(tmp_path: Path, record: dict[str, Any], data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(list(places(record))))
    changed = replaced(record, place, data.draw(plain))
    check_record(tmp_path / "result.json", json.dumps(changed).encode())


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=FIXTURES)
def test_a_record_cut_or_changed_byte_by_byte(
    tmp_path: Path, record: dict[str, Any], data: st.DataObject
) -> None:
    content = json.dumps(record).encode()
    check_record(tmp_path / "result.json", mutated(content, data))


def mutated(content: bytes, data: st.DataObject) -> bytes:
    """Cut off, or with some bytes replaced."""
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        return content[:place]
    patch = data.draw(st.binary(min_size=1, max_size=8))
    return content[:place] + patch + content[place + len(patch) :]


def test_odd_texts_are_refused(tmp_path: Path, odd_text: bytes) -> None:
    check_record(tmp_path / "result.json", odd_text)
    check_run(tmp_path, odd_text)
    (tmp_path / "log.jsonl").write_bytes(odd_text)
    assert steps_done(tmp_path) == 0


def test_a_record_that_claims_the_format_and_nests_deeply(tmp_path: Path) -> None:
    check_record(tmp_path / "r.json", f'{{"format": "{FORMAT}", "a": {"[" * 900}{"]" * 900}}}'.encode())


def run_folder(root: Path, recipe: bytes) -> Path:
    (root / "checkpoints").mkdir(exist_ok=True)
    (root / "checkpoints" / "step-0000000001.pt").touch()
    (root / "recipe.json").write_bytes(recipe)
    return root


def check_run(root: Path, content: bytes) -> None:
    try:
        run = saved_run(run_folder(root, content))
    except UsageError as error:
        message = str(error)
    else:
        assert Recipe.from_dict(run.recipe.to_dict()) == run.recipe
        return
    assert len(printable(message)) < 700


@given(content=contents)
@settings(max_examples=200, suppress_health_check=FIXTURES)
def test_any_file_is_a_recipe_or_refused(tmp_path: Path, content: bytes) -> None:
    check_run(tmp_path, content)


@given(name=st.sampled_from(["mixture", "digits"]), data=st.data())
@settings(max_examples=300, suppress_health_check=FIXTURES)
def test_a_recipe_with_anything_in_its_fields(tmp_path: Path, name: str, data: st.DataObject) -> None:
    values: dict[str, Any] = dict(small(name).to_dict())
    for key in data.draw(st.lists(st.sampled_from(list(values)), min_size=1, max_size=3)):
        values[key] = data.draw(
            plain | st.sampled_from([10**400, -(10**400), 1e308, 2**62, -0.0, "x" * 9999])
        )
    check_run(tmp_path, json.dumps(values).encode())


@given(content=contents)
@settings(max_examples=200, suppress_health_check=FIXTURES)
def test_any_file_is_a_log(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.jsonl").write_bytes(content)
    assert isinstance(steps_done(tmp_path), int)


def encoded(kind: str, mode: str) -> bytes:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (12, 12, 3), dtype=np.uint8)).convert(
        mode
    )
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


IMAGES = {
    (kind, mode): encoded(kind, mode)
    for kind, modes in {
        "PNG": ("RGB", "L", "P", "RGBA", "1"), "JPEG": ("RGB", "L", "CMYK"), "GIF": ("P", "L"),
        "BMP": ("RGB", "P"), "TIFF": ("RGB", "L", "F"), "PPM": ("RGB", "L"), "WEBP": ("RGB",),
    }.items()
    for mode in modes
}  # fmt: skip


def check_images(root: Path, size: int | None) -> None:
    """Both ways of reading: into memory, and by headers alone."""
    try:
        data = folder.load(root, image_size=size)
        folder.common_shape(image_files(root, who="data").paths, image_size=size)
    except (UsageError, DataError) as error:
        message = str(error)
    else:
        assert len(data.shape) == 3
        return
    assert str(root) in message


@given(kind=st.sampled_from(list(IMAGES)), size=st.sampled_from([None, 8]), data=st.data())
@settings(max_examples=300, suppress_health_check=FIXTURES)
def test_mutated_images_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: tuple[str, str], size: int | None, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("images")
    (root / "a.png").write_bytes(mutated(IMAGES[kind], data))
    (root / "b.png").write_bytes(IMAGES[kind])
    check_images(root, size)


@given(content=st.binary(max_size=300), head=st.sampled_from(sorted(IMAGES)), length=st.integers(0, 40))
@settings(max_examples=200, suppress_health_check=FIXTURES)
def test_random_bytes_are_no_images(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, head: tuple[str, str], length: int
) -> None:
    root = tmp_path_factory.mktemp("images")
    (root / "a.jpg").write_bytes(IMAGES[head][:length] + content)
    (root / "b.jpg").write_bytes(content)
    check_images(root, 8)


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).filter(
    lambda name: name[0] != "."
) | st.sampled_from(["\udcff\udcfe", "\x1b[2J", "new\nline", "-", "a..", "train", "a b", "é", "=", "[red]"])


@given(odd=st.lists(names, min_size=1, max_size=4, unique=True))
@settings(max_examples=100, suppress_health_check=FIXTURES)
def test_names_may_be_odd(tmp_path_factory: pytest.TempPathFactory, odd: list[str]) -> None:
    root = tmp_path_factory.mktemp("images")
    for number, name in enumerate(odd):
        for target in (root / f"{name}.png", root / f"{number}" / f"{name}.PNG"):
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(IMAGES["PNG", "RGB"])
    data = folder.load(root, image_size=None)
    assert data.shape == (3, 12, 12)
    (root / f"{odd[0]}.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        folder.load(root, image_size=None)
    assert printable(str(caught.value)).encode()  # can be printed, whatever the name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_among_images_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(IMAGES["PNG", "RGB"])
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b\.png: not a regular file"):
        folder.load(tmp_path, image_size=8)


def test_a_bomb_among_images_is_refused_by_its_header(tmp_path: Path) -> None:
    """A PNG of some hundred bytes that claims 50,000 × 50,000 pixels."""
    (tmp_path / "a.png").write_bytes(png_header(50_000, 50_000))
    (tmp_path / "b.png").write_bytes(IMAGES["PNG", "RGB"])
    with pytest.raises(GancrossError, match=r"a\.png"):
        folder.load(tmp_path, image_size=8)


@pytest.mark.parametrize("key", ["seed", "gamma", "steps", "learning_rate", "image_size"])
def test_integers_beyond_floats_are_out_of_range(key: str) -> None:
    for value in (10**400, -(10**400)):
        with pytest.raises(UsageError, match=key) as caught:
            small("digits", **{key: value})
        assert len(str(caught.value)) < 200
