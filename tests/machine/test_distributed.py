"""Several processes make what one would, fail together, and none of them waits for a dead one."""

from __future__ import annotations

import json
import signal
import socket
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import torch
from command_line import call
from failing import FATAL
from gradients import CASES, every_case
from imports import heavy_imports
from paths import SUPPORT
from processes import LIMIT, Running, environment, free_port, launched, running, side_by_side, torchrun
from run_folders import status
from small_recipes import small

from gancross.checkpoint import file as checkpoint
from gancross.data.sets import EndlessReals, FiniteReals
from gancross.errors import UsageError
from gancross.machine.distributed import ALONE, Processes, joined, process_count
from gancross.trainer.loop import train
from gancross.trainer.noise import check_divisible
from gancross.trainer.recipes.fields import Setting

DEAD = "of this run died or hangs"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 6, 21])
def test_shares_are_contiguous_and_even(size: int, n: int) -> None:
    parts = [range(n)[Processes(rank=rank, size=size).share(n)] for rank in range(size)]
    assert [item for part in parts for item in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_process_needs_no_group() -> None:
    tensor = torch.ones(2)
    with joined():
        ALONE.average([tensor])
    assert process_count() == 1 and ALONE.all_reduce_max(3) == (3,)
    assert ALONE.broadcast_from_rank0(b"x") == b"x"
    assert ALONE.all_gather(tensor) is tensor and list(ALONE.rows_of_other_ranks(tensor)) == []
    heavy, _ = heavy_imports("import gancross.machine.distributed as d\nwith d.joined(): pass")
    assert "torch" not in heavy


def test_processes_talk_and_fail_together() -> None:
    ended = side_by_side(3, [str(SUPPORT / "joining.py")])
    assert [process.code for process in ended] == [0, 0, 0], ended
    messages = [process.out.splitlines() for process in ended]
    for number in (0, 1):  # the process that failed prints its error, the others leave with it
        assert [lines[number] for lines in messages] == [
            f"{number} ['only here', 'second line'] False" if rank == number
            else f"{number} ['process {number}: only here'] True"
            for rank in range(3)
        ]  # fmt: skip
    assert sorted(lines[2] for lines in messages) == ["all False", "all True", "all True"]


def test_divided_batches_give_the_gradients_of_the_whole(tmp_path: Path) -> None:
    """Every objective and regularizer in float64, to 1e-12 of the largest number of each tensor."""
    ended = side_by_side(2, [str(SUPPORT / "gradients.py"), str(tmp_path / "gradients")])
    assert [process.code for process in ended] == [0, 0], ended
    alone = every_case(ALONE)
    first, second = (torch.load(tmp_path / f"gradients.{rank}") for rank in range(2))
    assert list(first) == list(alone) and len(first) == 2 * len(CASES)
    for name, expected in alone.items():
        assert all(map(torch.equal, first[name], second[name])), name
        # A paired loss does not depend on the last bias: its gradient is rounding, which Adam scales.
        rounding = 1e-11 if name.startswith("relativistic") else 0.0
        for whole, divided in zip(expected, first[name], strict=True):
            difference = float((whole - divided).abs().max())
            assert difference <= 1e-12 * float(whole.abs().max()) + rounding, name


@pytest.mark.parametrize(
    "reals",
    [
        FiniteReals(array=torch.arange(30.0)[:, None]),
        EndlessReals(draw=lambda stream, start, n: torch.from_numpy(stream.uniforms(start, n, 1))),
    ],
)
def test_shares_of_batches_make_up_the_batches(reals: FiniteReals | EndlessReals) -> None:
    whole = reals.batches(seed=1, batch_size=6, start=3)
    parts = [
        reals.batches(seed=1, batch_size=6, start=3, share=Processes(rank=rank, size=3).share(6))
        for rank in range(3)
    ]
    for _ in range(4):
        assert torch.equal(next(whole), torch.cat([next(part) for part in parts]))


def test_batches_that_cannot_be_divided_are_refused() -> None:
    check_divisible(small("mixture", batch_size=32), 4)
    with pytest.raises(UsageError, match=r"batch_size 32 cannot .* 3 processes: use --set batch_size=33"):
        check_divisible(small("mixture", batch_size=32), 3)
    noisy: dict[str, Setting] = {
        "regularizer": "none", "noise": "gaussian", "noise_variance": 0.1, "nsr": 16, "batch_size": 48,
    }  # fmt: skip
    with pytest.raises(UsageError, match=r"48 / nsr 16 = 3 distinct .* use --set batch_size=64"):
        check_divisible(small("mixture", **noisy), 2)


def command(out: Path, *more: str, steps: int = 6, name: str = "mixture") -> list[str]:
    settings = ["--set", "width=8", "--set", "batch_size=30", "--log-every", "1", "--checkpoint-every", "2"]
    return ["train", name, "--steps", str(steps), *settings, "--device", "cpu", "--out", str(out), *more]


def weights(path: Path) -> torch.Tensor:
    loaded = checkpoint.load(path)
    states = (loaded.generator_state, loaded.discriminator_state)
    return torch.cat([tensor.double().flatten() for state in states for tensor in state.values()])


def figures(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    """Two processes, then three, are one process up to rounding; one log, one word to the user."""
    straight = train(
        small("mixture", width=8, batch_size=30), tmp_path / "one", device="cpu", log_every=1,
        checkpoint_every=2,
    )  # fmt: skip
    parts = [["-m", "gancross", *command(tmp_path / "many", steps=steps)] for steps in (4, 6)]
    for processes, ended in ((2, [torchrun(2, parts[0])]), (3, side_by_side(3, parts[1]))):
        assert all(process.code == 0 for process in ended), ended
        messages = "".join(process.err for process in ended)
        note = f"{processes} processes, batch 30 = {processes} × {30 // processes}"
        assert messages.count(note) == 1 and messages.count("done:") == 1 and "batch norm" not in messages
    many = tmp_path / "many" / "last.pt"
    torch.testing.assert_close(weights(straight), weights(many), rtol=1e-4, atol=1e-5)
    assert checkpoint.load(many).batch_size == 10
    for alone, divided in zip(figures(tmp_path / "one"), figures(tmp_path / "many"), strict=True):
        for key in ("step", "loss_discriminator", "loss_generator", "penalty", "gradient_discriminator"):
            assert alone[key] == pytest.approx(divided[key], rel=1e-3), key
    names = [sorted(path.name for path in (tmp_path / run).rglob("*")) for run in ("one", "many")]
    assert names[0] == names[1]


def test_all_stop_at_the_same_step(tmp_path: Path) -> None:
    """SIGTERM to torchrun, which hands it on, while batch norm's averages differ between the processes."""
    arguments = command(tmp_path / "run", steps=1_000_000, name="digits")
    with launched(2, ["-m", "gancross", *arguments], env=environment()) as run:
        deadline = time.monotonic() + LIMIT
        while not (tmp_path / "run" / "last.pt").exists():
            assert run.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        run.process.send_signal(signal.SIGTERM)
        run.process.wait(LIMIT)
        messages = run.ended().err
    (line,) = [line for line in messages.splitlines() if line.startswith("Error:")]
    step = checkpoint.load(tmp_path / "run" / "last.pt").step
    assert f"stopped at step {step} of 1000000; the same command resumes" in line
    assert "batch 30 = 2 × 15; batch norm sees 15" in messages


def test_divergence_is_found_together(tmp_path: Path) -> None:
    ended = side_by_side(
        2, ["-m", "gancross", *command(tmp_path, "--set", "learning_rate=1", "--gamma", "1e30", steps=50)]
    )
    assert [process.code for process in ended] == [4, 4], ended
    (line,) = ended[0].errors + ended[1].errors
    assert "diverged" in line and status(tmp_path) == "diverged"


def crosstest(checkpoints: dict[str, Path], out: Path, n: int = 3000) -> list[str]:
    paths = [f"{name}={checkpoints[f'digits-{name}']}" for name in ("plain", "regularized")]
    return ["crosstest", *paths, "-n", str(n), "--device", "cpu", "--json", str(out)]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_a_cross_test(checkpoints: dict[str, Path], tmp_path: Path, rank: int) -> None:
    arguments = crosstest(checkpoints, tmp_path / "result.json")
    ended = side_by_side(2, [str(SUPPORT / "failing.py"), str(rank), "SIGKILL", *arguments])
    survivor = ended[1 - rank]
    assert survivor.code == 5 and ended[rank].code == -signal.SIGKILL, ended
    (line,) = survivor.errors
    assert f"rank {rank} {DEAD}" in line
    assert not (tmp_path / "result.json").exists()


def test_a_killed_process_ends_a_cross_test_under_torchrun(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """Which also stops the survivors by SIGTERM."""
    arguments = crosstest(checkpoints, tmp_path / "result.json")
    ended = torchrun(2, [str(SUPPORT / "failing.py"), "1", "SIGKILL", *arguments])
    assert ended.code != 0
    (line,) = ended.errors
    assert DEAD in line
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP"])
def test_a_dead_or_hanging_process_ends_training(tmp_path: Path, number: str) -> None:
    """The survivor leaves with exit code 5; the last checkpoint is whole."""
    arguments = ["1", number, *command(tmp_path / "run")]
    survivor, _ = side_by_side(2, [str(SUPPORT / "failing.py"), *arguments], stuck=1, GANCROSS_TIMEOUT="8")
    assert survivor.code == 5, survivor
    (line,) = survivor.errors
    assert f"rank 1 {DEAD}" in line
    assert checkpoint.load(tmp_path / "run" / "last.pt").step == FATAL - 1


@pytest.mark.parametrize(("rank", "size"), [("x", "2"), ("2", "2"), ("0", "0"), ("-1", "2"), ("0", "")])
def test_no_place_among_the_processes_is_one_line(
    rank: str, size: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    assert call("crosstest", "none.pt") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"RANK={rank}, WORLD_SIZE={size}: no place among processes" in line


def test_a_time_limit_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("crosstest", "none.pt", "--timeout", "nan") == 2
    assert "not a number of seconds" in capsys.readouterr().err


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def waiting(rank: int, port: str, *more: str, size: int = 3) -> AbstractContextManager[Running]:
    """A process of a run whose other processes do not come."""
    place = {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return running(["-m", "gancross", "crosstest", "none.pt", *more], env=environment(**place))


@pytest.mark.parametrize("missing", [0, 2])
def test_a_process_that_never_comes_is_named_in_time(missing: int) -> None:
    """By all others, whether or not it is the one through which they find each other."""
    port, present = free_port(), [rank for rank in range(3) if rank != missing]
    with ExitStack() as stack:
        runs = [stack.enter_context(waiting(rank, port, "--timeout", "2")) for rank in present]
        for run in runs:
            run.process.wait(LIMIT)
        ended = [run.ended() for run in runs]
    assert [process.code for process in ended] == [5, 5], ended
    lines = [line for process in ended for line in process.errors]
    assert len(lines) == (2 if missing == 0 else 1)  # without rank 0 nobody knows who speaks
    assert all(f"rank {missing} of 3 did not join within 2 s" in line for line in lines)


@pytest.mark.parametrize(("rank", "number", "code"), [(0, signal.SIGTERM, 143), (1, signal.SIGINT, 130)])
def test_a_signal_ends_the_wait_for_others_at_once(rank: int, number: signal.Signals, code: int) -> None:
    """Rank 0 listens for the others; rank 1 calls a rank 0 that never answers, to look around and to join."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        if rank == 0:
            listener.close()
        else:
            listener.listen()
        run = stack.enter_context(waiting(rank, str(port), size=2))
        deadline = time.monotonic() + LIMIT
        while rank == 0 and not listens(port):
            assert run.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        for _ in range(2 * rank):
            stack.enter_context(listener.accept()[0])
        started = time.monotonic()
        run.process.send_signal(number)
        assert run.process.wait(LIMIT) == code and time.monotonic() - started < 30
        errors = run.ended().errors
    assert errors == [f"Error: stopped by {number.name}, while waiting for rank {1 - rank}"]


def test_a_wait_without_a_limit_ends_when_the_other_hangs(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """Rank 1 waits for rank 0's figures while it works, and once it is stopped until the limit."""
    arguments = [*crosstest(checkpoints, tmp_path / "result.json"), "--timeout", "3"]
    failing = [str(SUPPORT / "failing.py"), "0", "SIGSTOP", *arguments]
    _, survivor = side_by_side(2, failing, stuck=0)
    assert survivor.code == 5, survivor
    (line,) = survivor.errors
    assert f"rank 0 {DEAD}" in line
