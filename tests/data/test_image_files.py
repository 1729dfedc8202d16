"""One walk for all folders of images: every file is an image or counted as left out, and loops end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rights import without_override

from gancross.data.image_files import EXTENSIONS, HIDDEN, OTHER, REPEATED, image_files
from gancross.errors import ResourceError, UsageError

FILES = ["a.png", "b.JPG", "c.gif", "d.txt", "e", ".f.png", "._a.png", "g.png.bak", "h.tiff", "Thumbs.db"]
FOLDERS = ["cats", "dogs", ".ipynb_checkpoints", "x.png", "train", "__MACOSX"]


@dataclass
class Tree:
    """A folder to build; links lead to folders by their numbers in the order of building."""

    files: list[str]
    folders: dict[str, Tree]
    links: dict[str, int]
    closed: bool


def trees(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.builds(
        Tree, files=st.lists(st.sampled_from(FILES), unique=True, max_size=4),
        folders=st.dictionaries(st.sampled_from(FOLDERS), inner, max_size=3),
        links=st.dictionaries(st.sampled_from(["to", "up", "y.png"]), st.integers(0, 5), max_size=2),
        closed=st.sampled_from([False, False, True]),
    )  # fmt: skip


TREES = st.recursive(trees(st.nothing()), trees, max_leaves=6)


def build(tree: Tree, root: Path, targets: list[Path]) -> list[Path]:
    """Folders that cannot be read. Links come last, so that they may lead anywhere, upwards too."""
    closed, links = list[Path](), list[tuple[Path, int]]()

    def make(part: Tree, folder: Path) -> None:
        folder.mkdir()
        targets.append(folder)
        for name in part.files:
            (folder / name).touch()
        for name, inner in part.folders.items():
            make(inner, folder / name)
        links.extend((folder / name, number) for name, number in part.links.items())
        if part.closed and folder != root:
            closed.append(folder)

    make(tree, root)
    for link, number in links:
        link.symlink_to(targets[number % len(targets)], target_is_directory=True)
    return closed


@contextmanager
def shut(folders: list[Path]) -> Iterator[None]:
    """Inside, folders cannot be read, not even by root."""
    for folder in folders:
        folder.chmod(0)
    try:
        with without_override():
            yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


def folders_to_read(root: Path) -> tuple[set[Path], set[Path]]:
    """By another walk, without an order: visible folders and, of the rest, hidden ones; real paths."""
    visible, waiting = set[Path](), [root]
    while waiting:
        folder = waiting.pop()
        if folder in visible:
            continue
        visible.add(folder)
        for entry in folder.iterdir():
            upwards = any(holder.is_relative_to(entry.resolve()) for holder in (root, folder))
            if entry.is_dir() and entry.name[0] != "." and not (entry.is_symlink() and upwards):
                waiting.append(entry.resolve())
    hidden, waiting = set[Path](), list(visible)
    while waiting:
        folder = waiting.pop()
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink() and entry not in visible | hidden:
                hidden.add(entry)
                waiting.append(entry)
    return visible, hidden


def files_in(folders: set[Path]) -> list[Path]:
    return [entry for folder in folders for entry in folder.iterdir() if not entry.is_dir()]


PART_AND_WHOLE = Tree(files=["a.png"], folders={}, links={"to": 2, "up": 1}, closed=False)
CLOSED = Tree(files=["a.png"], folders={}, links={}, closed=True)


@settings(max_examples=60, deadline=None)
@example(tree=PART_AND_WHOLE)
@example(tree=replace(PART_AND_WHOLE, links={}, folders={"cats": CLOSED}))
@example(tree=replace(PART_AND_WHOLE, links={}, folders={".git": CLOSED}))
@given(tree=TREES)
def test_images_and_what_was_left_out_are_all_files(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch).resolve()
        base.chmod(0o755)
        outside = base / "outside" / "birds"
        outside.mkdir(parents=True)
        for name in ("1.png", "2.png", "labels.csv", ".DS_Store"):
            (outside / name).touch()
        closed = build(tree, base / "root", [base, base / "outside", outside])
        visible, hidden = folders_to_read(base / "root")
        if visible.intersection(closed):
            with (
                shut(closed),
                pytest.raises(ResourceError, match=r": cannot be read: Permission denied$") as error,
            ):
                image_files(base / "root", who="data")
            named = Path(str(error.value).partition(":")[0])
            assert any(named.samefile(folder) for folder in visible.intersection(closed))
            return
        with shut(closed):
            found = image_files(base / "root", who="data")
        images = [
            path
            for path in files_in(visible)
            if path.name[0] != "." and path.name.lower().endswith(EXTENSIONS)
        ]
        assert sorted(path.resolve() for path in found.paths) == sorted(images)
        if not hidden.intersection(closed):
            counted = sum(found.left_out.values()) - found.left_out.get(REPEATED, 0)
            assert len(found.paths) + counted == len(files_in(visible | hidden))


def test_links_to_classes_are_followed_and_those_that_lead_back_are_counted(tmp_path: Path) -> None:
    for folder in ("store/cats", "images/dogs"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.png").touch()
    images = tmp_path / "images"
    (images / "cats").symlink_to(tmp_path / "store" / "cats", target_is_directory=True)
    (images / "dogs" / "up").symlink_to(images, target_is_directory=True)
    (images / "all").symlink_to("dogs", target_is_directory=True)
    (images / "file.png").symlink_to(tmp_path / "store" / "cats" / "1.png")
    (images / "self").symlink_to("self")
    found = image_files(images, who="data")
    assert [str(path.relative_to(images)) for path in found.paths] == ["cats/1.png", "dogs/1.png", "file.png"]
    assert found.left_out == {REPEATED: 3}


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    (tmp_path / "cats").symlink_to("/gone/cats")
    with pytest.raises(ResourceError, match="cats: a link to /gone/cats, which does not exist: mend it"):
        image_files(tmp_path, who="data")


def test_what_was_left_out_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    assert image_files(tmp_path, who="data").notes == ()
    for name in (".DS_Store", "a.txt", "b.txt", "c.csv", "d"):
        (tmp_path / name).touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "1.png").touch()
    found = image_files(tmp_path, who="data")
    assert found.left_out == {HIDDEN: 2, OTHER: 4}
    assert found.notes == (
        f"6 files were left out of {tmp_path}: 2 hidden, 4 without an image's suffix (.txt, .csv, none)",
    )
    (tmp_path / "1.png").unlink()
    with pytest.raises(UsageError, match=r"has no images \(.*\); left out: 2 hidden, 4 without"):
        image_files(tmp_path, who="data").checked()


@pytest.mark.parametrize("name", [".", "./images", "images/"])
def test_a_folder_may_be_written_in_any_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "1.png").touch()
    monkeypatch.chdir(tmp_path / "images" if name == "." else tmp_path)
    found = image_files(Path(name), who="data")
    assert [len(part) for part in found.beneath("train", "test")] == [1, 0]
