"""Texts with a byte-order mark, as editors and shells of Windows write them, are read as those without."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from report_documents import documents

from gancross import load_result
from gancross.errors import DataError, UsageError
from gancross.untrusted.strict_json import decoded
from gancross.workflow.spec import load_spec

SPEC = 'recipe = "digits"\n[variants.a]\ngamma = 0.1\n[variants.b]\nregularizer = "none"\n'
WRITERS = {
    "no mark": lambda text: text.encode(),
    "UTF-8": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16, little": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16, big": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_results_and_benchmarks_are_read_whatever_their_mark(tmp_path: Path, writer: str) -> None:
    result = documents()["two"]
    assert decoded(WRITERS[writer]("γ\r\n")) == "γ\r\n"
    (tmp_path / "r.json").write_bytes(WRITERS[writer](result.to_json()))
    assert load_result(tmp_path / "r.json") == result
    (tmp_path / "b.toml").write_bytes(WRITERS[writer](SPEC))
    assert [run.name for run in load_spec(tmp_path / "b.toml").runs] == ["a", "b"]


def test_other_encodings_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes('{"é": 1}'.encode("latin-1"))
    (tmp_path / "b.toml").write_bytes("# é".encode("latin-1"))
    with pytest.raises(DataError, match="not JSON: 'utf-8' codec can't decode"):
        load_result(tmp_path / "r.json")
    with pytest.raises(UsageError, match="not TOML: 'utf-8' codec can't decode"):
        load_spec(tmp_path / "b.toml")
