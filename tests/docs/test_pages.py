"""README.md and docs/: what stands on the pages is true of the package, of their links and of each other."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pages
import pytest
from click.testing import CliRunner
from documentation import BLOCK, DOCS, PAGES, README, blocks, page_name
from paths import ROOT
from reading_reports import table_of
from ruamel.yaml import YAML

import gancross
from gancross.cli.main import cli
from gancross.errors import GancrossError
from gancross.evaluator.gate.figures import METRICS
from gancross.trainer.recipes.named_recipes import RECIPES, SOURCES
from gancross.trainer.recipes.recipe import Recipe
from gancross.workflow.benchmark import demo_spec

LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")
LANGUAGES = {"sh", "python", "toml", "bash", "yaml", "text"}
STARTS_LIKE_A_COMMAND = re.compile(r"^\s*(\$ |gancross |python |make |pip |torchrun )", flags=re.MULTILINE)
# Options in the text that are other programs'.
OTHER_OPTIONS = {"--constraint", "--edit-last", "--signal"}


def test_the_readme_is_short() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert all(len(block.strip().splitlines()) <= 10 for block in blocks(README, "sh", "python"))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_no_block_escapes(page: Path) -> None:
    """Every fence has a language that a test reads; what is shown without one is a printed screen."""
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*(?:```|~~~)", text, flags=re.MULTILINE)) == 2 * len(BLOCK.findall(text))
    screens = len(pages.SCREEN.findall(text))
    assert screens == text.count("<!-- output of:") == len(blocks(page, ""))
    assert {language for language, _ in BLOCK.findall(text)} <= LANGUAGES | {""}
    for block in blocks(page, "text"):
        assert not STARTS_LIKE_A_COMMAND.search(block), "commands stand in blocks of sh"
    assert not re.search(r"^(?: {4}|\t)", BLOCK.sub("", text), flags=re.MULTILINE), "an indented block"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_screens_are_what_their_commands_print(page: Path) -> None:
    """`python benchmarks/pages.py` renews them."""
    text = page.read_text(encoding="utf-8")
    assert pages.with_screens(text) == text


def test_the_picture_is_that_of_the_demonstration_s_record() -> None:
    """`python benchmarks/pages.py` renews it."""
    assert pages.PICTURE.read_text(encoding="utf-8") == pages.picture()


def test_the_demonstration_s_record_is_of_today_s_demonstration() -> None:
    """`gancross demo` and then `python benchmarks/pages.py --demo gancross-demo` renew it."""
    contestants = gancross.load_result(pages.DEMO).contestants
    recipes: Any = {entry.name: entry.recipe for entry in contestants}
    assert {name: Recipe.from_dict(values) for name, values in recipes.items()} == {
        run.name: run.recipe for run in demo_spec().runs
    }


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_target_of_every_link_exists(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_names_every_page_and_picture_that_is_there() -> None:
    index = {(DOCS / target).resolve() for target, _ in LINK.findall((DOCS / "README.md").read_text("utf-8"))}
    assert {page.resolve() for page in PAGES} - index == {README, DOCS / "README.md"}
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target, _ in LINK.findall(page.read_text("utf-8"))
    }
    pictures = {*DOCS.rglob("*.svg"), *DOCS.rglob("*.png")} - {*DOCS.glob("demo/result-samples/*")}
    assert pictures <= linked


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_and_options_in_the_text_exist(page: Path) -> None:
    known = {
        name
        for command in cli.commands.values()
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    } | OTHER_OPTIONS
    for code in re.findall(r"`([^`\n]+)`", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        for command in re.findall(r"^gancross ([a-z]\S*)", code):
            assert command in cli.commands, code
        for option in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", code):
            assert option in known, code


def test_every_recipe_is_in_the_table() -> None:
    text = (DOCS / "reference" / "recipes.md").read_text(encoding="utf-8")
    rows = table_of(text, "recipe", "figure or section", "steps")
    assert {row["recipe"]: row["figure or section"] for row in rows} == SOURCES
    assert [row["recipe"] for row in rows] == list(RECIPES)
    assert [row["steps"] for row in rows] == [f"{recipe.steps:,}" for recipe in RECIPES.values()]


def test_every_metric_of_the_gate_is_listed() -> None:
    text = (DOCS / "reference" / "gate.md").read_text(encoding="utf-8")
    listed = {
        name: row["better"]
        for row in table_of(text, "metric", "better")
        for name in row["metric"].split(", ")
    }
    assert listed == {
        name: "higher" if metric.higher_is_better else "lower" for name, metric in METRICS.items()
    }
    help_text = CliRunner().invoke(cli, ["gate", "--help"]).output
    assert all(f" {name} " in help_text for name in METRICS)


def test_every_exit_code_is_listed() -> None:
    text = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    listed = {int(code) for row in table_of(text, "exit code") for code in row["exit code"].split(",")}
    raised = {kind.exit_code for kind in GancrossError.__subclasses__() if "exit_code" in vars(kind)}
    assert listed == raised | {0, 1, 130, 143}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_scripts_parse_in_their_language(page: Path, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    for block in blocks(page, "bash"):
        assert bash is not None
        subprocess.run([bash, "-n"], input=block, text=True, check=True)
    for block in blocks(page, "yaml"):
        (tmp_path / "block.yml").write_text(block)
        checked("vendor.gitlab-ci", tmp_path / "block.yml")


def checked(schema: str, path: Path) -> None:
    """By the schema of that name that check-jsonschema ships with; nothing is fetched."""
    process = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr


def test_citation_and_workflow_follow_their_schemas() -> None:
    checked("vendor.github-workflows", DOCS / "github-workflow.yml")
    checked("vendor.citation-file-format", ROOT / "CITATION.cff")


def test_the_citation_names_this_version() -> None:
    assert f"version: {gancross.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_workflow_gives_pull_requests_from_forks_no_rights() -> None:
    workflow = YAML(typ="safe").load(DOCS / "github-workflow.yml")
    assert list(workflow["on"]) == ["pull_request"] and workflow["permissions"] == {"contents": "read"}
    benchmark, comment = workflow["jobs"]["benchmark"], workflow["jobs"]["comment"]
    assert "permissions" not in benchmark  # reads only
    assert comment["permissions"] == {"pull-requests": "write"}
    assert "head.repo.full_name == github.repository" in comment["if"]
    assert all("checkout" not in step.get("uses", "") for step in comment["steps"])
    for job in (benchmark, comment):
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "what a pull request decides would be run"


def test_the_workflow_s_commands_are_gancross_s() -> None:
    workflow = YAML(typ="safe").load(DOCS / "github-workflow.yml")
    scripts = "\n".join(step.get("run", "") for step in workflow["jobs"]["benchmark"]["steps"])
    called = [
        shlex.split(line)
        for line in scripts.replace("\\\n", " ").splitlines()
        if line.startswith("gancross ")
    ]
    assert [words[1] for words in called] == ["benchmark", "report", "gate"]
    for _, name, *arguments in called:
        cli.commands[name].make_context(name, arguments)
