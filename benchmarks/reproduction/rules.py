"""How a record counts the rule about discriminators, and which of its figures are of groups of samples."""

from __future__ import annotations

from reproduction.record import Record

FIRST_STEPS = "strict"  # the key of records that were counted before the rule had all of its steps
GROUPS = (
    "Rates with the statistics of the batch are of groups, whose samples move each other's scores"
    " ([docs/reference/cross-test.md](../docs/reference/cross-test.md#batch-norm)): no interval, p-value, J"
    " or bound of them is shown."
)


def discriminator_key(verdicts: Record) -> str:
    """The key under which a record counts the rule about discriminators."""
    return "discriminator" if "discriminator" in verdicts else FIRST_STEPS


def rule_name(key: str) -> str:
    """A rule's name on the page."""
    return {
        "paper": "the paper's rule", "discriminator": "the rule about discriminators",
        FIRST_STEPS: "the rule about discriminators (its first four steps)",
    }[key]  # fmt: skip


def counting(record: Record) -> str:
    """How the rule about discriminators was counted, where not by all of its steps; else empty."""
    if discriminator_key(record["verdicts"]) != FIRST_STEPS:
        return ""
    text = (
        f"These records were counted by its first four steps, under the key `{FIRST_STEPS}`, before the fifth"
        " and before blind judges were left out."
    )
    if has_invalid_tests(record):
        text += (
            " Part of the count are tests under batch statistics that took the samples of a group for"
            " independent: they are not valid."
        )
    return text


def has_group_rates(record: Record) -> bool:
    """Whether a record has rates under batch statistics."""
    return "batch" in {
        record.get("protocol", {}).get("norm"), *(mode["norm"] for mode in record.get("modes", []))
    }  # fmt: skip


def uses_batch_statistics(record: Record) -> bool:
    """Whether a record has rates under batch statistics, or verdicts that compared them."""
    refusals = record.get("refusals", {})
    return has_group_rates(record) or any("batch-norm modes" in reason for reason in refusals)


def group_note(record: Record) -> list[str]:
    """What holds of a record's rates of groups, a paragraph; nothing where it has none."""
    if not has_group_rates(record):
        return []
    left_out = (
        " The rule about discriminators rests on such tests here: its counts are left out of the table."
    )
    return ["", GROUPS + (left_out if has_invalid_tests(record) and record.get("modes") else "")]


def has_invalid_tests(record: Record) -> bool:
    """Whether verdicts rest on tests under batch statistics from before these counted groups."""
    return (
        uses_batch_statistics(record) and discriminator_key(record.get("verdicts", {})) == FIRST_STEPS
        and "verdicts" in record
    )  # fmt: skip
