"""A check of one model in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.probe_results import NetworkProbe
from gancross.evaluator.model_check import DiscriminatorCheck, GeneratorCheck, ModelCheck, Variety
from gancross.report.formatting import figure, interval, number, seen
from gancross.report.text.text_layout import one_line, wrapped

WIDTH = 80
INDENT = 17  # of what stands beside the names of the parts
GIVE = "give "  # a field of Contestant
UNBROKEN = "\N{NO-BREAK SPACE}"


def check_text(check: ModelCheck, *, width: int = WIDTH) -> str:
    """What the model was taken for; then every flag, and beneath it what to do."""
    shape = "×".join(map(str, check.shape))
    lines = [f"{one_line(check.name)} on {one_line(check.data)}, {check.num_real} samples of {shape}"]
    parts = {
        "generator": _generator(check), "discriminator": _discriminator(check.discriminator),
    }  # fmt: skip
    for name, facts in parts.items():
        for index, fact in enumerate(facts):
            head = f"  {name if index == 0 else '':<{INDENT - 2}}"
            rows = wrapped(fact, width - INDENT)
            lines += [head + rows[0], *(" " * INDENT + row for row in rows[1:])]
    lines += [row for note in check.notes for row in _paragraph("note: ", note, width)]
    for finding in check.findings:
        lines += [*_paragraph("! ", finding.flag, width), *_paragraph("  → ", finding.remedy, width)]
    if check.passed:
        lines.append("Nothing is flagged.")
    elif any(finding.remedy.startswith(GIVE) for finding in check.findings):
        lines += wrapped(_where(check), width)
    return "\n".join(lines)


def _paragraph(head: str, text: str, width: int) -> list[str]:
    rows = wrapped(text, width - len(head))
    return [head + rows[0], *(" " * len(head) + row for row in rows[1:])]


def _generator(check: ModelCheck) -> Iterator[str]:
    found = check.generator
    if isinstance(found, GeneratorCheck):
        probe, (low, high) = found.probe, found.data_range
        labels = "" if found.num_classes is None else f"; labels of {found.num_classes} classes"
        yield f"latents {'×'.join(map(str, found.latent_shape))}, {found.latent}{labels}"
        images = f" of {low:g}…{high:g}" if len(check.shape) == 3 else ""
        yield f"values {seen(probe.low)}…{seen(probe.high)}{images}"
        yield f"{_batch_norm(found.batch_norms, probe, two_modes=False)}; {_noise(probe)}"
    else:
        yield found.reason
    yield _variety(check.samples)


def _variety(samples: Variety) -> str:
    different, spread = samples.different, samples.spread
    varied = spread.reason if isinstance(spread, Missing) else f"spread {number(spread, 2)} of the data's"
    text = f"{different.count} of {different.n} samples differ, {varied}"
    return f"{text}: collapsed?" if samples.collapsed else text


def _discriminator(found: DiscriminatorCheck | Missing) -> Iterator[str]:
    if isinstance(found, Missing):
        yield found.reason
        return
    above = "below" if found.orientation == "fake_high" else "above"
    decides = (
        "no threshold: ranks only" if found.threshold is None else f"real {above} {seen(found.threshold)}"
    )
    yield f"score_kind {found.score_kind}, orientation {found.orientation}, {decides}"
    medians = found.medians
    yield (
        f"median score: data {seen(medians.data)}, generated {seen(medians.generated)},"
        f" noise {seen(medians.noise)}"
    )
    yield f"AUC of data: {_figure(found.auc_generated)} over generated, {_figure(found.auc_noise)} over noise"
    size = found.group_size
    company = "each sample alone" if size == 1 else f"samples couple, in groups of {size}"
    norm = _batch_norm(found.batch_norms, found.probe, two_modes=found.two_modes)
    yield f"{company}; {norm}; {_noise(found.probe)}"
    right = found.probe.right_labels
    if right is not None:
        yield f"labels: {_figure(right)} of data score higher under their own than under another one"


def _figure(value: Estimate | Proportion) -> str:
    return f"{figure(value)} {interval(value)}".replace(" ", UNBROKEN)


def _batch_norm(layers: int, probe: NetworkProbe, *, two_modes: bool) -> str:
    if not layers:
        return "no batch norm with averages"
    modes = "running averages or batch statistics" if two_modes else "running averages"
    trained = ", not trained" if probe.untrained_norm else ""
    return f"batch norm in {layers} layer{'s' if layers > 1 else ''}, {modes}{trained}"


def _noise(probe: NetworkProbe) -> str:
    if probe.unseeded:
        return "noise of its own, beyond the seed"
    return "noise of its own, seeded" if probe.noise else "no noise of its own"


def _where(check: ModelCheck) -> str:
    """Where the user gives the fields that the findings ask for."""
    if check.arch is not None:
        return f"Give it in the gancross.Contestant that {check.arch} returns."
    if check.path is not None and check.path.lower().endswith(".onnx"):
        return f"Give it by --describe {check.name}=key=value."
    return "Give it in the model's gancross.Contestant, from which gancross.save_checkpoint makes a file."
