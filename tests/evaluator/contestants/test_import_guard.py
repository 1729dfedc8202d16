"""Scripts are refused where they are imported, with the reason; code that only defines is not."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from gancross.errors import UsageError
from gancross.evaluator.contestants.factories import load_factory
from gancross.evaluator.contestants.import_guard import TrainsWhenImportedError, guarded_import

NETWORK = "import torch\nnet = torch.nn.Linear(2, 1)\noptimizer = torch.optim.Adam(net.parameters())\n"
FACTORY = "\ndef factory(): return 'built'\n"
ARGUMENTS = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr', {})\n"
PARSES, TRAINS = (
    "me: parses the command line, or ends Python, when it is imported",
    "me: trains when it is imported",
)
REFUSED = {
    "a required argument": (ARGUMENTS.format("required=True") + "parser.parse_args()", PARSES),
    "an argument by position": ("import sys\nroot = sys.argv[1]", PARSES),
    "an end with a reason": ("import sys\nsys.exit('usage: me ROOT')", f"{PARSES} (usage: me ROOT)"),
    "a backward pass": (
        f"{NETWORK}net(torch.zeros(1, 2)).sum().backward()",
        f"{TRAINS} (takes gradients of a loss at me.py:4)",
    ),
    "gradients by name": (
        f"{NETWORK}torch.autograd.backward(net(torch.zeros(1, 2)).sum())", f"{TRAINS} (takes gradients"
    ),
    "a step": (
        f"{NETWORK}net.weight.grad = torch.ones(1, 2)\noptimizer.step()",
        f"{TRAINS} (takes an optimizer's step at me.py:5)",
    ),
    "batches": (
        "from torch.utils.data import DataLoader\nfor batch in DataLoader([0.0]): pass",
        f"{TRAINS} (reads batches of data at me.py:2)",
    ),
    "a module that trains": ("import training", f"{TRAINS} (takes gradients of a loss at training.py:4)"),
    "any exception caught": (
        f"{NETWORK}try: net(torch.zeros(1, 2)).sum().backward()\nexcept Exception: pass", TRAINS
    ),
    "everything caught": (f"{NETWORK}try: net(torch.zeros(1, 2)).sum().backward()\nexcept: pass", TRAINS),
}  # fmt: skip


def written(folder: Path, text: str) -> str:
    (folder / "me.py").write_text(text + FACTORY)
    (folder / "training.py").write_text(f"{NETWORK}net(torch.zeros(1, 2)).sum().backward()")
    return f"{folder / 'me.py'}:factory"


@pytest.mark.parametrize("script", REFUSED)
def test_a_script_is_refused_with_its_reason_however_often(script: str, tmp_path: Path) -> None:
    text, reason = REFUSED[script]
    code, arguments = written(tmp_path, text), sys.argv
    for _ in range(2):
        with pytest.raises(UsageError) as refused:
            load_factory(code, place="me")
        assert str(refused.value).startswith(reason)
        assert "if __name__ == '__main__':" in str(refused.value) and "\n" not in str(refused.value)
    assert sys.argv is arguments


def test_a_module_named_by_its_name_is_refused_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, f"{NETWORK}try: net(torch.zeros(1, 2)).sum().backward()\nexcept: pass")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with pytest.raises(UsageError, match=r"trains when it is imported \(.* at me.py:4\)"):
            load_factory("me:factory", place="me")


FINE = {
    "arguments with defaults": ARGUMENTS.format("default=1") + "options = parser.parse_args()",
    "a main function": f"{NETWORK}if __name__ == '__main__': net(torch.zeros(1, 2)).sum().backward()",
    "networks and a loader": f"{NETWORK}loader = torch.utils.data.DataLoader([0.0])",
    "an error of its own caught": "try: import not_there\nexcept ImportError: pass",
}


@pytest.mark.parametrize("code", FINE)
def test_code_that_only_defines_is_imported(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gancross", "crosstest", "--unknown"])
    assert load_factory(written(tmp_path, FINE[code]), place="me")() == "built"


def test_a_factory_sees_its_own_file_as_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gancross", "crosstest"])
    (tmp_path / "me.py").write_text("import sys\ndef factory(): return list(sys.argv)\n")
    assert load_factory(f"{tmp_path / 'me.py'}:factory", place="me")() == [str(tmp_path / "me.py")]
    assert sys.argv == ["gancross", "crosstest"]


def test_another_index_error_stays_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"importing it raised IndexError at me.py:1"):
        load_factory(written(tmp_path, "[][0]"), place="me")


def trained(network: torch.nn.Module) -> None:
    optimizer = torch.optim.SGD(network.parameters())
    for batch in DataLoader(torch.zeros(1, 2)):  # type: ignore[arg-type]
        network(batch).sum().backward()
        optimizer.step()


def test_another_thread_trains_meanwhile_and_this_one_afterwards() -> None:
    before = (torch.autograd.backward, DataLoader.__iter__)
    network, failures = torch.nn.Linear(2, 1), list[BaseException]()

    def train() -> None:
        try:
            trained(network)
        except BaseException as error:
            failures.append(error)

    with guarded_import("me.py"):
        thread = threading.Thread(target=train)
        thread.start()
        thread.join()
    assert not failures and network.bias.grad is not None
    with pytest.raises(TrainsWhenImportedError), guarded_import("me.py"):
        trained(network)
    assert (torch.autograd.backward, DataLoader.__iter__) == before
    trained(network)
