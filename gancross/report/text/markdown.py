"""A result as GitHub-flavoured Markdown, for pull requests and `$GITHUB_STEP_SUMMARY`."""

from __future__ import annotations

from collections.abc import Sequence

from gancross.evaluator.result.types import Result
from gancross.report.text.crowds import crowded
from gancross.report.text.markdown_head import head
from gancross.report.text.markdown_tables import folded
from gancross.report.text.sections import SECTIONS, absence, page_absence

LONGEST = 60_000  # characters; a comment on GitHub holds 65,536


def markdown_report(result: Result) -> str:
    """Verdicts, curve, matrices, figures and flags; every section in full, folded away.

    Where that would be too long for a comment the longest sections are named in place of being shown, of many
    contestants those first that have a line for every two.
    """
    lines, left = head(result), list[str]()
    folds = dict[str, str]()
    for section in SECTIONS:
        if section.markdown is None or absence(section, result):
            continue
        if section.paired and crowded(result):
            left.append(section.title)
        elif inner := section.markdown(result):
            folds[section.title] = "\n".join(folded(section.title, inner))
    room = LONGEST - len("\n".join(lines))
    while folds and sum(map(len, folds.values())) > room:
        left.append(max(folds, key=lambda title: len(folds[title])))
        del folds[left[-1]]
    return "\n".join([*lines, "\n\n".join([*folds.values(), *_where(left, result)])]) + "\n"


def _where(titles: Sequence[str], result: Result) -> list[str]:
    """A sentence with the sections that are not shown, for each place where they are."""
    in_the_page = {section.title for section in SECTIONS if not page_absence(section, result)}
    places = {
        "in the record and in the HTML report": [title for title in titles if title in in_the_page],
        "in the record": [title for title in titles if title not in in_the_page],
    }
    return [f"Too long for a comment, {place}: {', '.join(own)}." for place, own in places.items() if own]
