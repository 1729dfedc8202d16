"""A result as GitHub-flavoured Markdown, for pull requests and `$GITHUB_STEP_SUMMARY`."""

from __future__ import annotations

from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text.markdown_tables import escaped
from gancross.report.text.sections import SECTIONS, shown


def markdown_report(result: Result) -> str:
    """The verdict, the matrices and the flags; protocol and command folded away."""
    head = [
        f"## Cross-test: {' against '.join(map(escaped, result.names))}",
        f"On **{escaped(result.protocol.data.name)}**: {formatting.heading(result)}.",
    ]
    sections = [
        section.markdown(result)
        for section in SECTIONS
        if section.markdown is not None and shown(section, result)
    ]
    return "\n\n".join([*head, *("\n".join(lines) for lines in sections if lines)]) + "\n"
