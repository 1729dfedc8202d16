"""Files of other projects: what torch reads weights-only is read or ignored, and nothing runs."""

from __future__ import annotations

import io
import pickle
import warnings
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import hostile
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from gancross import Contestant
from gancross.errors import CheckpointError, UsageError, printable
from gancross.evaluator.contestants.weights import foreign_contestant
from gancross.untrusted.foreign_file import load_foreign


def pair() -> Contestant:
    generator = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    discriminator = nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(2, 1)
    )
    return Contestant(name="x", generator=generator, discriminator=discriminator, latent_dim=2)


def weights() -> dict[str, dict[str, torch.Tensor]]:
    torch.manual_seed(7)
    trained = pair()
    return {
        key: {name: value.clone() for name, value in network.state_dict().items()}
        for key, network in zip(("netG", "netD"), trained.networks, strict=True)
    }


WEIGHTS = weights()


def saved(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def loaded(content: bytes, folder: Path, factory: Any = pair) -> Contestant:
    path = folder / "x.pth"
    path.write_bytes(content)
    return foreign_contestant([path], factory, name="x", place="--arch x=test:pair")


def check_weights(contestant: Contestant) -> None:
    for state, network in zip(WEIGHTS.values(), contestant.networks, strict=True):
        for name, value in network.state_dict().items():
            assert torch.equal(value, state[name]), name


LAYOUTS = ("as it is", "view", "turned", "channels last", "parameter")


def layouts(tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same numbers, laid out otherwise in memory."""
    padded = torch.cat([tensor.flatten(), torch.zeros(5, dtype=tensor.dtype)])
    turned = tensor.permute(tuple(range(tensor.ndim))[::-1])
    both = {
        "as it is": tensor, "view": padded[: tensor.numel()].view(tensor.shape),
        "turned": turned.contiguous().permute(tuple(range(tensor.ndim))[::-1]),
    }  # fmt: skip
    if tensor.ndim == 4:
        both["channels last"] = tensor.to(memory_format=torch.channels_last)
    if tensor.is_floating_point():
        both["parameter"] = nn.Parameter(tensor)
    return both


numbers = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers()
tensors = st.one_of(
    st.sampled_from(
        [torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int16, torch.bool, torch.complex64,
         torch.float8_e5m2, torch.uint16]
    ).map(lambda dtype: torch.ones(3, 2).to(dtype)),
    st.sampled_from(
        [torch.tensor(3.0), torch.empty(0, 4), torch.zeros(1).expand(1000), torch.arange(12)[3:9:2],
         torch.full((2,), float("nan")), nn.Parameter(torch.ones(2, 2)), torch.eye(3).to_sparse(),
         torch.empty(2, device="meta")]
    ),
)  # fmt: skip
scalars = (
    numbers | st.text(max_size=20) | st.binary(max_size=9) | st.just("long text\n" * 2000)
    | st.sampled_from([torch.Size([1, 2]), torch.float32, torch.device("cpu"), {1, 2}, Counter({5: 1})])
)  # fmt: skip
keys = st.text(max_size=8) | st.integers() | st.booleans() | st.floats() | st.tuples(st.integers())
contents = st.recursive(
    scalars | tensors,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4).map(OrderedDict)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


def check_same(read: object, expected: object) -> None:
    """Containers, plain values and dense tensors are those of torch; other values are left out."""
    if isinstance(expected, torch.Tensor):
        if expected.layout == torch.strided and expected.device.type == "cpu":
            assert isinstance(read, torch.Tensor) and read.dtype == expected.dtype
            assert read.shape == expected.shape and read.stride() == expected.stride()
            first, second = (each.detach().to(torch.complex128).nan_to_num() for each in (read, expected))
            assert torch.equal(first, second)
    elif isinstance(expected, Mapping):
        assert isinstance(read, Mapping)
        for key, value in expected.items():
            if type(key) is str:
                check_same(read[key], value)
    elif isinstance(expected, list | tuple):
        assert isinstance(read, list | tuple) and len(read) == len(expected)
        for one, other in zip(read, expected, strict=True):
            check_same(one, other)
    elif isinstance(expected, str | bool | int | float):
        assert read == expected or expected != expected


@given(
    beside=st.dictionaries(st.text(max_size=8), contents, max_size=4), old_format=st.booleans(),
    wrapped=st.sampled_from(["", "module.", "_orig_mod."]), data=st.data(),
)  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_lies_beside_weights_they_are_read(
    tmp_path_factory: pytest.TempPathFactory, beside: dict[str, object], old_format: bool, wrapped: str,
    data: st.DataObject,
) -> None:  # fmt: skip
    layout, counted = data.draw(st.sampled_from(LAYOUTS)), data.draw(st.booleans())
    networks = {
        what: {
            f"{wrapped}{name}": layouts(value).get(layout, value)
            for name, value in state.items()
            if counted or not name.endswith("num_batches_tracked")
        }
        for what, state in WEIGHTS.items()
    }
    for name in data.draw(st.sampled_from([(), ("total_ops", "0.total_params")])):
        networks["netG"][name] = torch.zeros(1, dtype=torch.float64)
    content = saved(beside | networks, _use_new_zipfile_serialization=not old_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of storages, and of features of torch that are on trial
        # What torch itself refuses, such as empty bytes, is ignored all the same.
        with suppress(pickle.UnpicklingError, AttributeError):
            check_same(load_foreign(content).value, torch.load(io.BytesIO(content), weights_only=True))
    # A sparse tensor of a file that torch refuses stays in its list, and the next `torch.load` checks it.
    torch._utils._sparse_tensors_to_validate.clear()
    check_weights(loaded(content, tmp_path_factory.mktemp("foreign")))


@given(data=st.data(), old_format=st.booleans(), protocol=st.sampled_from([0, 1, 2, 4, 5]))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_damaged_file_is_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, old_format: bool, protocol: int
) -> None:
    content = saved(
        WEIGHTS | {"args": Namespace(lr=1)}, _use_new_zipfile_serialization=not old_format,
        pickle_protocol=protocol,
    )  # fmt: skip
    place = data.draw(st.integers(0, len(content) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=6))
    cut = data.draw(st.booleans())
    changed = content[:place] if cut else content[:place] + patch + content[place + len(patch) :]
    try:
        loaded(changed, tmp_path_factory.mktemp("damaged"))
    except (CheckpointError, UsageError) as error:
        message = str(error)
    else:
        return
    assert printable(message) == message and len(message) < 1000


def test_objects_of_other_classes_are_left_out_and_counted(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    content = WEIGHTS | {
        "args": Namespace(lr=1),
        "evil": hostile.WritesAMarker(marker),
        "shape": torch.Size([1]),
    }
    contestant = loaded(saved(content), tmp_path)
    check_weights(contestant)
    assert contestant.origin is not None and not marker.exists()
    (note,) = contestant.origin.notes
    assert "1 of argparse.Namespace" in note and "1 of a method of an object" in note and "not read" in note
    nested = defaultdict(dict, WEIGHTS | {"scheduler": Counter({30: 1})})
    plain = loaded(saved(nested), tmp_path)
    check_weights(plain)
    assert plain.origin is not None and plain.origin.notes == ()


def test_tensors_of_one_number_beside_the_weights_are_counted(tmp_path: Path) -> None:
    networks = {"netG": WEIGHTS["netG"] | {"total_ops": torch.zeros(1)}, "netD": WEIGHTS["netD"]}
    contestant = loaded(saved(networks), tmp_path)
    assert contestant.origin is not None
    assert ["1 tensors of one number that the generator" in note for note in contestant.origin.notes] == [
        True
    ]


def test_lists_of_weights_and_wrapped_networks(tmp_path: Path) -> None:
    check_weights(loaded(saved([3, list(WEIGHTS.values())]), tmp_path))

    def wrapped() -> Contestant:
        fresh = pair()
        generator, discriminator = (nn.DataParallel(network) for network in fresh.networks)
        return Contestant(name="x", generator=generator, discriminator=discriminator, latent_dim=2)

    contestant = loaded(saved(WEIGHTS), tmp_path, wrapped)
    assert contestant.generator is not None
    name = "module.0.weight"
    assert torch.equal(contestant.generator.state_dict()[name], WEIGHTS["netG"]["0.weight"])


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (nn.Linear(2, 2), "whole pickled modules (torch.nn.modules.linear.Linear)"),
        ({"netG": nn.Linear(2, 2), "netD": nn.Linear(2, 1)}, "whole pickled modules"),
        (WEIGHTS["netG"] | {"netD": nn.Linear(2, 1)}, "whole pickled modules"),
        ({"netG": Namespace(weights=3)}, "1 of argparse.Namespace"),
        (torch.zeros(3), "holds a Tensor, expected a dictionary of weights"),
        (3, "holds a int"),
    ],
)
@pytest.mark.parametrize("old_format", [False, True])
def test_what_holds_no_weights_names_the_remedy(
    tmp_path: Path, content: object, part: str, old_format: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old format looks for sources
        file = saved(content, _use_new_zipfile_serialization=not old_format)
    with pytest.raises(CheckpointError) as caught:
        loaded(file, tmp_path)
    assert part in str(caught.value) and "run torch.save({'netG': netG.state_dict()" in str(caught.value)


def test_programs_and_other_files_name_the_remedy(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), buffer)  # type: ignore[no-untyped-call]
    for content, part in (
        (buffer.getvalue(), "TorchScript program"), (b"", "empty"), (b"\x89HDF", "not a file of torch.save"),
        (saved(WEIGHTS)[:-30], "damaged"),
    ):  # fmt: skip
        with pytest.raises(CheckpointError, match=part) as caught:
            loaded(content, tmp_path)
        assert "netD.state_dict()" in str(caught.value)
