"""Weights of other code: found by name and shape, never executed; every refusal is one line."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import command_line
import foreign
import hostile
import pytest
import safetensors.torch
import torch
from foreign import call
from torch import nn

from gancross.checkpoint.contestant import Contestant
from gancross.cli.main import main
from gancross.errors import CheckpointError, UsageError
from gancross.evaluator.contestants.factories import load_factory
from gancross.evaluator.contestants.weight_matching import matching_weights
from gancross.evaluator.contestants.weights import foreign_contestant

FACTORY = f"{foreign.EXAMPLES / 'dcgan.py'}:contestant"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return foreign.dcgan()


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`--arch module:factory` finds modules in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained(example: ModuleType) -> Contestant:
    torch.manual_seed(1)
    contestant: Contestant = example.contestant()
    assert contestant.generator is not None
    nn.init.constant_(contestant.generator.main[1].running_mean, 0.25)  # type: ignore[union-attr, index]
    return contestant


def states(pair: Contestant) -> tuple[dict[str, Any], dict[str, Any]]:
    assert pair.generator is not None and pair.discriminator is not None
    return pair.generator.state_dict(), pair.discriminator.state_dict()


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def load(path: Path, factory: Any) -> Contestant:
    return foreign_contestant([path], factory, name="me", place="--arch me=test:factory")


LAYOUTS: dict[str, Any] = {
    "two state dicts": lambda g, d: {"netG": g, "netD": d},
    "with epochs and an optimizer": lambda g, d: {
        "epoch": 3, "G": g, "D": d,
        "opt": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1.0}]},
    },
    "deeper": lambda g, d: {"models": {"ema": {"g": g}, "d": d}},
    "DataParallel": lambda g, d: {
        "netG": {f"module.{key}": value for key, value in g.items()},
        "netD": {f"module.{key}": value for key, value in d.items()},
    },
    "one state dict of both": lambda g, d: {
        **{f"generator.{key}": value for key, value in g.items()}, **{f"critic.{k}": v for k, v in d.items()},
    },
    "the same twice": lambda g, d: {"netG": g, "best": {k: v.clone() for k, v in g.items()}, "netD": d},
    "half precision": lambda g, d: {
        "g": {k: v.half() if v.is_floating_point() else v for k, v in g.items()}, "d": d,
    },
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_are_found_wherever_they_lie(
    example: ModuleType, trained: Contestant, tmp_path: Path, layout: str
) -> None:
    path = saved(tmp_path / "gan.pth", LAYOUTS[layout](*states(trained)))
    loaded = load(path, example.contestant)
    for old, new in zip(states(trained), states(loaded), strict=True):
        for key, value in old.items():
            expected = value.half().float() if layout == "half precision" and "num" not in key else value
            close = torch.equal(new[key], value) or torch.equal(new[key], expected)
            assert close, key
    assert loaded.name == "me" and loaded.score_kind == "probability" and loaded.latent_shape == (16, 1, 1)
    assert loaded.origin is not None and loaded.origin.recipe == {} and loaded.origin.step is None
    assert loaded.generator is not None and not loaded.generator.training


def test_safetensors_and_two_files(example: ModuleType, trained: Contestant, tmp_path: Path) -> None:
    paths = [tmp_path / "g.safetensors", tmp_path / "d.safetensors"]
    for path, state in zip(paths, states(trained), strict=True):
        safetensors.torch.save_file(state, path)
    loaded = foreign_contestant(paths, example.contestant, name="me", place="")
    latents = torch.randn(4, 16, 1, 1)
    assert trained.generator is not None and loaded.generator is not None
    assert torch.equal(trained.generator.eval()(latents), loaded.generator(latents))
    paths[0].write_bytes(b"\x00" * 40)
    with pytest.raises(CheckpointError, match="refused"):
        foreign_contestant(paths, example.contestant, name="me", place="")


def test_a_factory_may_choose_for_itself(example: ModuleType, trained: Contestant, tmp_path: Path) -> None:
    generator, discriminator = states(trained)
    average = {key: value + 1 for key, value in generator.items()}
    path = saved(tmp_path / "gan.pth", {"netG": generator, "netG_ema": average, "netD": discriminator})
    with pytest.raises(UsageError, match="'netG' and 'netG_ema' all fit the generator"):
        load(path, example.contestant)
    loaded = load(path, example.averaged)
    assert torch.equal(states(loaded)[0]["main.0.weight"], average["main.0.weight"])


def test_what_does_not_fit_is_said(example: ModuleType, trained: Contestant, tmp_path: Path) -> None:
    generator, discriminator = states(trained)
    missing = {key: value for key, value in generator.items() if key != "main.1.bias"}
    wide = generator | {"main.0.weight": torch.zeros(32, 8, 4, 4)}
    more = generator | {"main.9.weight": torch.zeros(3)}
    for spoiled, part in (
        (missing, "nearest are those at 'netG': 'main.1.bias' is missing"),
        (wide, r"'main.0.weight': expected shape \(16, 8, 4, 4\), got \(32, 8, 4, 4\)"),
        (more, "the network has no 'main.9.weight'"),
    ):
        path = saved(tmp_path / "gan.pth", {"netG": spoiled, "netD": discriminator})
        with pytest.raises(UsageError, match=part):
            load(path, example.contestant)
    with pytest.raises(UsageError, match="holds no tensors, expected the weights"):
        load(saved(tmp_path / "gan.pth", {"epoch": 3}), example.contestant)
    assert matching_weights(nn.Tanh(), {}, what="generator", where="x") == ({}, ())


def test_bad_weights_are_refused(example: ModuleType, trained: Contestant, tmp_path: Path) -> None:
    generator, discriminator = states(trained)
    generator["main.0.weight"][0, 0, 0, 0] = float("nan")
    path = saved(tmp_path / "gan.pth", {"netG": generator, "netD": discriminator})
    for factory in (
        example.contestant,
        lambda content: example.averaged(content | {"netG_ema": content["netG"]}),
    ):
        with pytest.raises(CheckpointError, match="NaN"):
            load(path, factory)
    with pytest.raises(UsageError, match="holds no tensors"):
        load(saved(tmp_path / "gan.pth", [1, 2]), example.contestant)
    with pytest.raises(CheckpointError, match="refused"):
        load(saved(tmp_path / "gan.pth", nn.Linear(2, 2)), example.contestant)


CODE = """
import gancross
from torch import nn
print("printed while imported")
LINEAR = nn.Linear(2, 2)
def raises(): raise KeyError("no such layer")
def leaves(): raise SystemExit(0)
def wrong(): return LINEAR
def samples():
    import torch
    return gancross.Contestant(name="x", samples=torch.zeros(2, 2))
def bad(): return gancross.Contestant(name="x", generator=LINEAR)
def mute(width=3):
    print("printed")
    class Odd(nn.Linear):
        def forward(self, z): raise TypeError("forward() takes no latents")
    return gancross.Contestant(name="x", generator=Odd(2, 2), discriminator=nn.Linear(2, 1), latent_dim=2)
def tuples():
    class Two(nn.Linear):
        def forward(self, z): return z, z
    return gancross.Contestant(name="x", generator=Two(2, 2), discriminator=nn.Linear(2, 1), latent_dim=2)
def fine():
    return gancross.Contestant(
        name="x", generator=nn.Linear(2, 64), discriminator=nn.Linear(64, 1), latent_dim=2)
"""
TRUSTED = "--trust-code"
REFUSALS = [
    ("me=pair.pth --arch me=factories:fine", 2, "with all your rights: add --trust-code"),
    (f"me=pair.pth {TRUSTED}", 2, "--trust-code needs --arch NAME="),
    (f"me=pair.pth --arch you=factories:fine {TRUSTED}", 2, "unknown contestant 'you'"),
    (f"me=pair.pth --arch me {TRUSTED}", 2, "write NAME=module:factory"),
    (f"me=pair.pth --arch me=factories {TRUSTED}", 2, "write module:factory"),
    (f"me=pair.pth --arch me=nothing.x:y {TRUSTED}", 2, "--arch me=nothing.x:y: No module named 'nothing'"),
    (f"me=pair.pth --arch me=./gone.py:fine {TRUSTED}", 2, "no such file: ./gone.py"),
    (f"me=pair.pth --arch me=factories:gone {TRUSTED}", 2, "'factories' has no function 'gone'"),
    (f"me=pair.pth --arch me=factories:LINEAR {TRUSTED}", 2, "the factory"),
    (f"me=pair.pth --arch me=broken:fine {TRUSTED}", 2, "importing it raised SyntaxError"),
    (f"me=pair.pth --arch me=./spoiled.py:fine {TRUSTED}", 2, "raised ZeroDivisionError at spoiled.py:1: "),
    (f"me=pair.pth --arch me=factories:raises {TRUSTED}", 2, "KeyError at factories.py:6: 'no such layer'"),
    (f"me=pair.pth --arch me=factories:leaves {TRUSTED}", 2, "the factory raised SystemExit"),
    (f"me=pair.pth --arch me=factories:wrong {TRUSTED}", 2, "must return a gancross.Contestant, got Linear"),
    (f"me=pair.pth --arch me=factories:samples {TRUSTED}", 2, "expected a generator"),
    (f"me=pair.pth --arch me=factories:bad {TRUSTED}", 2, "a generator needs latent_dim"),
    (f"me=pair.pth --arch me=factories:fine {TRUSTED}", 2, "are written GENERATOR,DISCRIMINATOR"),
    (f"me=pair.pth --arch me=factories:mute {TRUSTED} --data mixture", 2, "takes no latents"),
    (f"me=pair.pth --arch me=factories:tuples {TRUSTED} --data mixture", 2, "return a tensor, got tuple"),
    (f"me=pair.pth --arch me=factories:mute --arch me=x:y {TRUSTED}", 2, "--arch names 'me' twice"),
    (f"me=ours.pt --arch me=factories:fine {TRUSTED}", 2, "leave out --arch"),
    (f"me=folder:. --arch me=factories:fine {TRUSTED}", 2, "needs no code"),
    (f"me=gone.pth --arch me=factories:fine {TRUSTED}", 2, "no such file"),
    (f"me=evil.pth --arch me=factories:fine {TRUSTED}", 3, "evil.pth: refused"),
    (f"me=pair.pth,pair.pth,pair.pth --arch me=factories:fine {TRUSTED}", 2, "the generator's and the"),
    ("me=pair.pth,pair.pth", 2, "need --arch me=module:factory --trust-code"),
    ("me=pair.pth", 3, "name the code of other networks with --arch NAME=module:factory"),
    ("me=shared.pt", 2, "shared.pt: its networks are not gancross architectures"),
]  # fmt: skip


@pytest.mark.parametrize(("call_line", "code", "part"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refusals_are_one_line(
    checkpoints: dict[str, Path], example: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    call_line: str, code: int, part: str,
) -> None:  # fmt: skip
    from gancross import save_checkpoint

    Path("factories.py").write_text(CODE, encoding="utf-8")
    Path("broken.py").write_text("def fine(: pass", encoding="utf-8")
    Path("spoiled.py").write_text("1 / 0", encoding="utf-8")
    Path("ours.pt").write_bytes(checkpoints["digits-plain"].read_bytes())
    saved(Path("pair.pth"), {"g": nn.Linear(2, 2).state_dict(), "d": nn.Linear(2, 1).state_dict()})
    Path("evil.pth").write_bytes(b"PK\x03\x04 no archive")
    save_checkpoint("shared.pt", example.contestant())
    exit_code, message = call(capfd, "crosstest", *call_line.split(" "), "-n", "20")
    assert exit_code == code and part in message, message


def test_without_trust_nothing_is_imported(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("marker.py").write_text("open('imported', 'w').close()", encoding="utf-8")
    saved(Path("pair.pth"), {})
    assert call(capfd, "crosstest", "me=pair.pth", "--arch", "me=marker:x")[0] == 2
    assert not Path("imported").exists() and str(tmp_path) not in sys.path
    assert call(capfd, "crosstest", "me=pair.pth", "--arch", "me=marker:x", "--trust-code")[0] == 2
    assert Path("imported").exists()


def test_a_traceback_with_debug_only(capfd: pytest.CaptureFixture[str]) -> None:
    Path("factories.py").write_text(CODE, encoding="utf-8")
    saved(Path("pair.pth"), {})
    with pytest.raises(UsageError) as caught:
        main(["crosstest", "me=pair.pth", "--arch", "me=factories:raises", "--trust-code", "--debug"])
    assert isinstance(caught.value.__cause__, KeyError)


def test_what_code_prints_stays_out_of_the_json(
    example: ModuleType, trained: Contestant, capfd: pytest.CaptureFixture[str]
) -> None:
    generator, discriminator = states(trained)
    saved(Path("gan.pth"), {"netG": generator, "netD": discriminator})
    Path("loud.py").write_text(
        f"print('importing')\nimport sys; sys.path.append({str(foreign.EXAMPLES)!r})\nimport dcgan\n"
        "def make():\n    print('making')\n    return dcgan.contestant()\n",
        encoding="utf-8",
    )
    capfd.readouterr()
    command_line.call(
        "crosstest", "me=gan.pth", "--arch", "me=loud:make", "--trust-code", "--data", "digits",
        "-n", "20", "--json", "-", "--device", "cpu", "-q",
    )  # fmt: skip
    output = capfd.readouterr()
    assert "importing" in output.err and "making" in output.err
    (contestant,) = json.loads(output.out)["contestants"]
    assert contestant["path"] == "gan.pth" and contestant["recipe"] is None and contestant["step"] is None


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text("made = []\ndef one(): made.append(1)\ndef two(): return made\n", encoding="utf-8")
    load_factory(f"{path}:one", place="")()
    assert load_factory(f"{path}:two", place="")() == [1]


def test_the_archive_of_weights_is_checked_as_ever(example: ModuleType, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"netG": hostile.WritesAMarker(tmp_path / "executed")}, buffer)
    (tmp_path / "gan.pth").write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError):
        load(tmp_path / "gan.pth", example.contestant)
    assert not (tmp_path / "executed").exists()


class Wrapped(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.d = network

    def forward(self, inputs: torch.Tensor) -> object:
        return self.d(inputs)


def compiled(network: nn.Module) -> nn.Module:
    """Named as by torch.compile, which needs a compiler."""
    wrapper = nn.Module()
    wrapper.add_module("_orig_mod", network)
    return wrapper


WRAPPED: dict[str, Callable[[nn.Module], Any]] = {
    "an attribute": Wrapped,
    "two attributes": lambda network: Wrapped(Wrapped(network)),
    "DataParallel": nn.DataParallel,
    "compiled": compiled,
    "compiled in an attribute": lambda network: Wrapped(compiled(network)),
    "a function": lambda network: lambda inputs: network(inputs).clone(),
}


@pytest.mark.parametrize("file", ["plain", "wrapped", "parallel"])
@pytest.mark.parametrize("kind", WRAPPED)
def test_a_wrapped_network_gets_the_weights_of_the_one_inside(
    kind: str, file: str, tmp_path: Path, example: ModuleType, trained: Contestant
) -> None:
    """The file's names may be wrapped too, in its own way; weights come out where they belong."""
    g, d = states(trained)
    around = {"plain": "", "wrapped": "net.core.", "parallel": "module."}[file]
    content = {"netG": {around + name: value for name, value in g.items()}, "netD": d}
    inside: list[nn.Module] = []

    def factory() -> Contestant:
        fresh: Contestant = example.contestant()
        inside[:] = fresh.networks
        return replace(
            fresh, generator=WRAPPED[kind](fresh.networks[0]), discriminator=WRAPPED[kind](fresh.networks[1])
        )

    load(saved(tmp_path / "w.pth", content), factory)
    for network, expected in zip(inside, (g, d), strict=True):
        state = network.state_dict()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[key], value) for key, value in expected.items())


def test_other_names_do_not_fit_a_wrapped_network() -> None:
    """The difference named is that of the network inside."""
    content = {"netD": nn.Sequential(nn.Linear(2, 1)).state_dict()}
    network = Wrapped(nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1)))
    with pytest.raises(UsageError, match=r"nearest are those at 'netD': '1\.weight' is missing, 2 in all"):
        matching_weights(network, content, what="discriminator", where="w.pth")
