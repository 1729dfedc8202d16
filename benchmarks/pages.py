"""What README.md and docs/ show of records: printed screens, and the picture of the demonstration.

python benchmarks/pages.py                           renews screens and picture from the records in docs/
python benchmarks/pages.py --demo gancross-demo      first takes the record that `gancross demo` wrote
python benchmarks/pages.py --tutorial result.json    first takes the record that the tutorial's reader has

A screen stands in a fenced block below a comment that names the command that prints it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from ladder_picture import ladder_picture

from gancross.cli.main import main as command_line
from gancross.evaluator.result.reading import load_result
from gancross.report.browser.samples import read_samples, samples_folder

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DEMO, TUTORIAL = DOCS / "demo" / "result.json", DOCS / "tutorial" / "result.json"
PICTURE = DOCS / "demo" / "ladder.svg"
COLUMNS = "80"
SCREEN = re.compile(r"^<!-- output of: (gancross .+) -->\n```\n(?:.*?)^```\n", flags=re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def with_screens(text: str) -> str:
    """The page's text with every block of a screen as its command prints it now, in 80 columns."""
    return SCREEN.sub(lambda block: f"<!-- output of: {block[1]} -->\n```\n{printed(block[1])}```\n", text)


def printed(command: str) -> str:
    """What a command writes to standard output, run in the folder of the README."""
    _, *arguments = shlex.split(command)
    output, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        with contextlib.chdir(ROOT), contextlib.redirect_stdout(output):
            command_line(arguments)
    except SystemExit as left:
        if left.code:
            raise RuntimeError(f"{command}: exit code {left.code}") from left
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


def picture() -> str:
    """The README's picture, of the demonstration's record."""
    result = load_result(DEMO)
    return ladder_picture(result, read_samples(DEMO, result.names))


def take_record(source: Path, target: Path, *, samples: Iterable[str] = ()) -> None:
    """Copies a record without its blanks, and sample grids of these names."""
    load_result(source)
    record = json.loads(source.read_text(encoding="utf-8"))
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    if samples_folder(target).exists():
        shutil.rmtree(samples_folder(target))
    for name in samples:
        samples_folder(target).mkdir(exist_ok=True)
        shutil.copy(samples_folder(source) / name, samples_folder(target))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--demo", type=Path, metavar="FOLDER", help="folder of `gancross demo`")
    parser.add_argument("--tutorial", type=Path, metavar="RESULT.json", help="record of the tutorial")
    options = parser.parse_args()
    if options.demo:
        source = options.demo / DEMO.name
        take_record(source, DEMO, samples=sorted(path.name for path in samples_folder(source).iterdir()))
    if options.tutorial:
        take_record(options.tutorial, TUTORIAL)
    PICTURE.write_text(picture(), encoding="utf-8")
    for page in pages():
        page.write_text(with_screens(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
