"""How time and memory grow: tournaments of 2 to 128, and 50,000 images of 64×64 pixels.

    python benchmarks/scaling.py          what results/scaling.json lacks; renews the tables of README.md
    python benchmarks/scaling.py --again --only tournament

Every measurement is a process of its own, whose highest resident memory Linux keeps. *Tournament*: width-4
`dcgan32`, no controls, one batch-norm mode; beside its processor time that of its forward passes alone,
counted: c samplings, c(c+1) scorings. *Images*: `gancross crosstest` on a folder of JPEG files with two
width-2 `dcgan64`, all by default but the referees. *Referee*: steps of a referee whose reals and samples lie
in files of 586 MiB each. *Drawn scores*: statistics, record and reports of a tournament whose scores are
drawn at random. What more cores would give is simulated from these times, see `schedule.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environment import machine, versions
from schedule import Work

from gancross.errors import GancrossError
from gancross.machine.files import check_target, write_text

if TYPE_CHECKING:
    from gancross.evaluator.result.types import Result

RESULT = Path(__file__).parent / "results" / "scaling.json"
README = Path(__file__).parent / "README.md"
START, END = "<!-- scaling: made by scaling.py -->", "<!-- /scaling -->"
COUNTS = (2, 8, 32, 128)
CORES = (1, 2, 4, 8, 16, 64)
TOURNAMENT_WIDTH, IMAGES_WIDTH = 4, 2
N, MANY = 500, 10_000  # samples of a tournament
IMAGES = 50_000
STEPS = 20
CHUNK = 500
LIMIT_MIB = 1536

Figures = dict[str, Any]


def cases(*, small: bool = False) -> dict[str, list[str]]:
    """Arguments of `--case` by name."""
    counts, n, many = ((2, 3), 20, 40) if small else (COUNTS, N, MANY)
    images, steps = (30, 1) if small else (IMAGES, STEPS)
    found = {f"tournament of {c}": ["tournament", str(c), str(n), "1"] for c in counts}
    found[f"tournament of {counts[1]}, n = {many:,}"] = ["tournament", str(counts[1]), str(many), "1"]
    for number in (n, many):
        found[f"drawn scores of {counts[-1]}, n = {number:,}"] = ["drawn", str(counts[-1]), str(number)]
    for threads in (1, 2):
        found[f"images, {threads} thread{'s' * (threads > 1)}"] = ["images", str(images), str(threads)]
    return found | {"referee": ["referee", str(images), str(steps)]}


def status(*keys: str) -> list[float]:
    """MiB that Linux keeps of this process: VmHWM, its highest resident memory; RssAnon, not of files."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return [next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024 for key in keys]


def tournament(count: str, num_samples: str, threads: str) -> Figures:
    """One cross-test and its reports."""
    import torch
    from speed.crosstest import CPU, LATENT, contestants, networks, product, random_images

    from gancross.evaluator.judging.scoring import evaluating
    from gancross.evaluator.result.types import Result

    torch.set_num_threads(int(threads))
    c, n = int(count), int(num_samples)
    models, reals = contestants(c, width=TOURNAMENT_WIDTH), random_images(n)
    (before,) = status("VmHWM")
    marks: list[float] = []

    def mark(*_: object) -> None:
        marks.append(time.process_time())

    started, clock = time.process_time(), time.perf_counter()
    result = product(models, reals, n, progress=mark)()
    ended, clock = time.process_time(), time.perf_counter() - clock
    assert isinstance(result, Result)
    (peak,) = status("VmHWM")
    generator, judge = networks(models[0])
    with evaluating([generator, judge], CPU):
        latents = torch.rand((min(n, CHUNK), LATENT))
        images = generator(latents)
        sampling, scoring = seconds(lambda: generator(latents)), seconds(lambda: judge(images))
    chunks = -(-n // CHUNK)
    figures: Figures = {
        "contestants": c, "n": n, "threads": int(threads), "seconds": clock, "cpu": ended - started,
        "before_cpu": marks[0] - started, "scoring_cpu": marks[-1] - marks[0],
        "statistics_cpu": ended - marks[-1], "sampling_chunk": sampling, "scoring_chunk": scoring,
        "chunks": chunks, "forward_cpu": chunks * (c * sampling + c * (c + 1) * scoring),
        "mib_before": before, "mib": peak,
    }  # fmt: skip
    return figures | written(result)


def written(result: Result) -> Figures:
    """Its record and reports: processor seconds and bytes of each."""
    from gancross.report.browser.html import html_report
    from gancross.report.text.first_screen import first_screen
    from gancross.report.text.markdown import markdown_report

    figures: Figures = {}
    reports: Mapping[str, Callable[[], str]] = {
        "json": result.to_json,
        "html": lambda: html_report(result),
        "markdown": lambda: markdown_report(result),
        "screen": lambda: "\n".join(map(str, first_screen(result, width=80))),
    }
    for name, write in reports.items():
        started = time.process_time()
        text = write()
        figures |= {f"{name}_cpu": time.process_time() - started, f"{name}_bytes": len(text.encode())}
    return figures | {"mib_with_reports": status("VmHWM")[0]}


def drawn(count: str, num_samples: str) -> Figures:
    """What a tournament does beside its networks: statistics, record and reports of drawn scores.

    Judge j's scores of reals are normal around 1, of generator g's samples around −1 + (g − j)/c.
    """
    import numpy as np
    import torch
    from speed.crosstest import CPU, contestants, random_images

    from gancross.data.order import content_order
    from gancross.data.sets import finite
    from gancross.evaluator.codec.finite import with_finite_figures
    from gancross.evaluator.judging.probes import probed
    from gancross.evaluator.judging.sampling import Label
    from gancross.evaluator.judging.scores import Array, Scores, ScoresBySource
    from gancross.evaluator.judging.scoring import evaluating
    from gancross.evaluator.protocol import Protocol
    from gancross.evaluator.result.assembly import assembled
    from gancross.evaluator.result.types import Provenance
    from gancross.machine.crew import one_core
    from gancross.random_streams import Stream

    torch.set_num_threads(1)
    c, n = int(count), int(num_samples)
    models, reals = contestants(c, width=TOURNAMENT_WIDTH), random_images(n)
    names, random = [model.name for model in models], np.random.default_rng(0)
    order = content_order(reals, stream=Stream(0, "order", "test"))
    with evaluating(list(models[0].networks), CPU):
        (probes,) = probed(models[:1], test=reals, shape=tuple(reals.shape[1:]), device=CPU).values()
    (before,) = status("VmHWM")
    by_judge = {}
    for place, judge in enumerate(names):
        fakes: dict[Label, Array] = {
            name: random.normal(-1 + (number - place) / c, 1, n) for number, name in enumerate(names)
        }
        by_judge[judge] = ScoresBySource(arrays={**fakes, None: random.normal(1, 1, n)})
    (with_scores,) = status("VmHWM")
    started, clock = time.process_time(), time.perf_counter()
    with one_core():
        result = with_finite_figures(assembled(
            models, Scores(by_norm={"eval": by_judge, "batch": {}}, clipped={}, batch_normalised=frozenset()),
            Protocol(num_samples=n, controls=False, norm_check=False), dict.fromkeys(names, probes),
            reals=finite("random", train=None, test=reals, split="given"), order=order, no_training="none",
            fidelity=None, provenance=Provenance(others={}),
        ))  # fmt: skip
    figures: Figures = {
        "drawn_contestants": c, "n": n, "cpu": time.process_time() - started,
        "seconds": time.perf_counter() - clock, "mib_before": before, "mib_with_scores": with_scores,
        "mib": status("VmHWM")[0],
    }  # fmt: skip
    del by_judge, fakes  # as a cross-test does, whose record and reports come after it
    return figures | written(result)


def prepared_images(number: str, folder: str) -> Figures:
    """Writes images and two models, in a process that is gone before the command starts."""
    import numpy as np
    from PIL import Image

    from gancross.checkpoint.contestant import Contestant
    from gancross.evaluator.contestants.saving import save_checkpoint
    from gancross.models.architectures import PairSettings, initialised, pair
    from gancross.random_streams import Stream

    random, data = np.random.default_rng(0), Path(folder, "data")
    shape = PairSettings(
        sample_shape=(3, 64, 64), latent_dim=16, width=IMAGES_WIDTH, normalization="batch", activation="relu"
    )  # fmt: skip
    data.mkdir()
    for image in range(int(number)):
        small = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        small.resize((64, 64), Image.Resampling.BILINEAR).save(data / f"{image}.jpg", quality=90)
    for name in ("a", "b"):
        generator, judge = (
            initialised(each, Stream(0, name).torch_generator()) for each in pair("dcgan64", shape)
        )
        save_checkpoint(Path(folder, f"{name}.pt"), Contestant(
            name=name, generator=generator, discriminator=judge, latent_dim=16, latent="uniform"
        ))  # fmt: skip
    return {}


def images(number: str, threads: str) -> Figures:
    """`gancross crosstest` as the command line runs it."""
    from gancross.__main__ import main as command

    with tempfile.TemporaryDirectory() as folder:
        measured(["prepared images", number, folder])
        started, clock = time.process_time(), time.perf_counter()
        sys.argv = [
            "gancross", "crosstest", f"{folder}/a.pt", f"{folder}/b.pt", "--data", f"folder:{folder}/data",
            "-n", number, "--referees", "none", "--device", "cpu", "--threads", threads,
            "--json", f"{folder}/result.json", "--quiet",
        ]  # fmt: skip
        try:
            command()
        except SystemExit as exit_code:
            if exit_code.code:
                raise
    spent = {"seconds": time.perf_counter() - clock, "cpu": time.process_time() - started}
    held = int(number) * 3 * 64 * 64 / 2**20
    return {
        "n": int(number), "threads": int(threads), **spent, "mib": status("VmHWM")[0], "mib_of_reals": held
    }  # fmt: skip


def referee(number: str, steps: str) -> Figures:
    """Steps of one referee of images that lie in files, as workers see them."""
    from dataclasses import replace

    import numpy as np
    import torch

    from gancross.evaluator.referees.halves import Cut
    from gancross.evaluator.referees.ladder import ladder
    from gancross.evaluator.referees.protocol import BUDGETS
    from gancross.evaluator.referees.training import Identity, judge_network, training_snapshots
    from gancross.evaluator.referees.work import material
    from gancross.machine.threads import torch_threads

    n, shape, device = int(number), (3, 64, 64), torch.device("cpu")
    rows = Cut(training=np.arange(n), validation=np.arange(0), test=np.arange(0))
    protocol = replace(BUDGETS["quick"]["images"], steps=int(steps))
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, torch_threads(1):
        sides = []
        for name in ("reals", "samples"):
            stored = np.memmap(Path(folder, name), np.uint8, "w+", shape=(n, *shape))
            for start in range(0, n, CHUNK):
                part = stored[start : start + CHUNK]
                part[:] = random.integers(0, 256, part.shape, dtype=np.uint8)
            stored.flush()
            read = np.memmap(Path(folder, name), np.uint8, "c", shape=(n, *shape))  # as joblib's workers
            sides.append(material(torch.from_numpy(read), rows, device))
        del stored, part
        rungs = ladder(sides[0].array[:CHUNK])
        identity = Identity(seed=0, half=0)
        network = judge_network(shape, rungs, protocol, identity, device)
        before = status("RssAnon")[0]
        for _ in training_snapshots(
            network, reals=sides[0], samples=sides[1], ladder=rungs, protocol=protocol, identity=identity,
            kept=[protocol.steps],
        ):  # fmt: skip
            pass
        after = status("RssAnon")[0]
    return {
        "n": n, "steps": protocol.steps, "mib_of_data": 2 * n * 3 * 64 * 64 / 2**20,
        "anonymous_mib_before": before, "anonymous_mib": after,
    }  # fmt: skip


KINDS: Mapping[str, Callable[..., Figures]] = {
    "tournament": tournament, "drawn": drawn, "images": images, "referee": referee,
    "prepared images": prepared_images,
}  # fmt: skip


def seconds(work: Callable[[], object], *, rounds: int = 7) -> float:
    """The median of processor seconds."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return sorted(times)[rounds // 2]


def simulated(rows: Mapping[str, Figures], count: int) -> list[Figures]:
    """Speed-ups of a tournament of `count` at `MANY` samples over one thread, by the number of threads."""
    known = [row for row in rows.values() if row.get("contestants") and row["n"] == MANY]
    if not known:
        return []
    (row,) = known
    c, chunks = row["contestants"], row["chunks"]
    of_pair = row["statistics_cpu"] / c**2
    beside = row["scoring_cpu"] / row["forward_cpu"]  # what a piece costs beside forward passes
    fake = (row["sampling_chunk"] + count * row["scoring_chunk"]) * beside
    real = count * row["scoring_chunk"] * beside
    probes = row["before_cpu"] / c * count
    work = Work(sources=[[real] * chunks, *([[fake] * chunks] * count)], serial=of_pair * count**2 + probes)
    return [
        {
            "contestants": count, "threads": threads, "speed_up": work.speed_up(threads),
            "without_barriers": work.speed_up(threads, barriers=False),
            "serial_share": work.serial / work.seconds(threads),
        } for threads in CORES
    ]  # fmt: skip


def measured(arguments: Sequence[str]) -> Figures:
    """The figures of one case, in a process of its own with glibc's allocator as it comes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    inherited["OMP_NUM_THREADS"] = arguments[-1] if arguments[0] == "images" else "1"
    finished = subprocess.run(
        [sys.executable, __file__, "--case", *arguments], check=True, stdout=subprocess.PIPE, text=True,
        env=inherited,
    )  # fmt: skip
    figures: Figures = json.loads(finished.stdout.splitlines()[-1])
    return figures


def tables(rows: Mapping[str, Figures]) -> str:
    """What was measured and simulated as Markdown."""
    of_tournaments = [row for row in rows.values() if "contestants" in row]
    lines = [
        "| contestants | n | processor s | of it forward passes | statistics s | a pair, ms | peak MiB"
        " | JSON MB | HTML MB |", f"|{'---|' * 9}",
    ]  # fmt: skip
    for row in of_tournaments:
        c = row["contestants"]
        lines.append(
            f"| {c} | {row['n']:,} | {row['cpu']:.1f} | {row['forward_cpu']:.1f}"
            f" | {row['statistics_cpu']:.1f} | {1000 * row['cpu'] / c**2:.1f} | {row['mib']:.0f}"
            f" | {row['json_bytes'] / 1e6:.2f} | {row['html_bytes'] / 1e6:.2f} |"
        )
    of_scores = [row for row in rows.values() if "drawn_contestants" in row]
    if of_scores:
        lines += [
            "", "| drawn scores | n | statistics, processor s | JSON s | MiB of scores | peak beyond them"
            " | a judge and generator, KB | peak with JSON and reports | JSON MB | HTML MB |",
            f"|{'---|' * 10}",
        ]  # fmt: skip
    for row in of_scores:
        c, of_all = row["drawn_contestants"], row["mib_with_scores"] - row["mib_before"]
        beyond = row["mib"] - row["mib_with_scores"]
        lines.append(
            f"| {c} | {row['n']:,} | {row['cpu']:.0f} | {row['json_cpu']:.0f} | {of_all:.0f} | {beyond:.0f}"
            f" | {beyond * 2**20 / c**2 / 1000:.1f} | {row['mib_with_reports']:.0f}"
            f" | {row['json_bytes'] / 1e6:.0f} | {row['html_bytes'] / 1e6:.1f} |"
        )
    speeds = [
        f"| {row['contestants']} | {row['threads']} | {row['speed_up']:.1f} | {row['without_barriers']:.1f}"
        f" | {row['serial_share']:.0%} |"
        for count in sorted({row["contestants"] for row in of_tournaments} - {2})
        for row in simulated(rows, count)
    ]  # fmt: skip
    if speeds:
        head = "| contestants | threads | speed-up | without waiting at each source | serial part |"
        lines += ["", head, f"|{'---|' * 5}", *speeds]
    memory = []
    for name, row in rows.items():
        if "mib_of_reals" in row:
            memory.append(
                f"| {name}, {row['n']:,} reals of {row['mib_of_reals']:.0f} MiB | {row['mib']:.0f} |"
            )
        if "anonymous_mib" in row:
            grown = row["anonymous_mib"] - row["anonymous_mib_before"]
            memory.append(
                f"| {row['steps']} steps of a referee, {row['mib_of_data']:.0f} MiB in files: beyond the"
                f" process without them | {grown:.0f} |"
            )
    if memory:
        lines += ["", "| memory | peak MiB |", "|---|---|", *memory]
    return "\n".join(lines)


def opened(path: Path) -> dict[str, Any]:
    """The record in a file, or a new one.

    Raises:
        ValueError: the file holds something else.
    """
    if not path.exists():
        return {"rows": {}}
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        tables(document["rows"])
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ValueError(f"{path} is no record of scaling ({type(error).__name__}: {error})") from error
    return document


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds this")
    parser.add_argument("--again", action="store_true", help="those too that are recorded")
    parser.add_argument("--small", action="store_true", help="a small form of everything, for tests")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--case", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.case:
        kind, *rest = options.case
        print(json.dumps(KINDS[kind](*rest)))
        return
    chosen = {name: case for name, case in cases(small=options.small).items() if options.only in name}
    if not chosen:
        parser.error(f"--only {options.only}: the cases are {', '.join(cases(small=options.small))}")
    setting = {
        "small": options.small, "machine": machine(), "versions": versions("torch", "numpy", "scipy")
    }  # fmt: skip
    all_anew = options.again and not options.only
    try:
        check_target(options.out)
        document: dict[str, Any] = {"rows": {}} if all_anew else opened(options.out)
    except (ValueError, GancrossError) as error:
        parser.error(str(error))
    lacking = {name: case for name, case in chosen.items() if options.again or name not in document["rows"]}
    others = [
        f"{key}: {document.get(key)}, here: {value}"
        for key, value in setting.items()
        if document.get(key) != value
    ]
    if lacking and document["rows"] and others:  # its rows would pass for those of this machine
        parser.error(
            f"{options.out} is of another kind ({others[0]}); --again alone measures all anew, --out names"
            " another file"
        )
    for name, case in lacking.items():
        load = os.getloadavg()[0]
        document["rows"][name] = measured(case) | {"load": round(load, 2)}
        print(name, document["rows"][name], file=sys.stderr, flush=True)
        document |= setting | {"date": datetime.now(UTC).date().isoformat()}
        write_text(options.out, json.dumps(document, indent=1) + "\n")
    if options.out == RESULT:
        text = README.read_text(encoding="utf-8")
        (before, _, rest), (_, _, after) = text.partition(START), text.partition(END)
        assert rest and after, f"{README} has no place for the tables"
        README.write_text(f"{before}{START}\n{tables(document['rows'])}\n{END}{after}", encoding="utf-8")
    print(tables(document["rows"]))


if __name__ == "__main__":
    main()
