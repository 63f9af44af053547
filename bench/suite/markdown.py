# SPDX-License-Identifier: Apache-2.0
"""The results as Markdown tables: targets first, then every case."""

from machine import in_words
from result import OURS


def number(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    if size >= 100 or value == int(value) and size >= 10:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.3f}"


def with_unit(value, unit):
    if value is None:
        return "-"
    if unit == "x":
        return f"{number(value)} ×"
    return f"{number(value)} {unit}".strip()


def spread(figure):
    if len(figure.samples) < 2 or figure.low == figure.high:
        return ""
    return f" ({number(figure.low)}–{number(figure.high)})"


def cell(result, row, contestant):
    figure = result.find(row, contestant)
    if not figure:
        return "-"
    text = with_unit(figure.value, figure.unit) + spread(figure)
    times = result.times_better(row, contestant) if figure.unit in ("ns", "ms", "s", "M/s", "bytes") else None
    if times and times[0] > 0:
        text += f"; **{number(times[1])} ×**"
        if len(figure.samples) > 1:
            text += f" ({number(times[0])}–{number(times[2])})"
    return text


def case_table(result):
    contestants = result.contestants()
    contestants.sort(key=lambda name: name != OURS)  # ours first, else as measured
    lines = [f"### {result.name}: {result.title}", ""]
    lines.append("| | " + " | ".join(contestants) + " |")
    lines.append("|---|" + "---|" * len(contestants))
    for row in result.rows():
        lines.append(f"| {row} | " + " | ".join(cell(result, row, c) for c in contestants) + " |")
    lines.append("")
    lines += [f"- **Gap: {who}**: {why}" for who, why in result.gaps]
    lines += [f"- {note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def targets_table(results):
    lines = ["| case | target | measured | to reach | |", "|---|---|---|---|---|"]
    words = {True: "reached", False: "**missed**", None: "**not measured**"}
    for result in results:
        for target in result.targets:
            sign = "≤" if target["comparison"] == "<=" else "≥"
            lines.append(f"| {result.name} | {target['text']} | "
                         f"{with_unit(target['measured'], target['unit'])} | "
                         f"{sign} {with_unit(target['limit'], target['unit'])} | "
                         f"{words[target['met']]} |")
    return "\n".join(lines) + "\n"


def summary(results):
    """One line for the end of a run."""
    met = [t["met"] for r in results for t in r.targets]
    gaps = sum(len(r.gaps) for r in results)
    return (f"{met.count(True)} of {len(met)} targets reached, {met.count(False)} missed, "
            f"{met.count(None)} not measured; {gaps} gap{'' if gaps == 1 else 's'}")


def document(run):
    machine = in_words(run["machine"])
    lines = [
        f"Measured {run['date']}, commit {run['machine']['commit']}, by `scripts/bench"
        f"{' --quick' if run['quick'] else ''}`: {machine}",
        "",
        "Median of all rounds (quartiles). In bold, how many times better adatrace is than that column: the median of the "
        "round-by-round ratios (quartiles); below 1 it is worse. Contestants take turns, A B A B.",
        "",
        targets_table(run["results"]),
    ]
    lines += [case_table(result) for result in run["results"]]
    return "\n".join(lines)
