# SPDX-License-Identifier: Apache-2.0
"""read: how fast traces of the same run are read back."""

from commands import run
from gap import Gap
from result import HIGHER, OURS
from samples import interleave
from settings import ADATRACE
from traces import LTTNG, UFTRACE, adatrace_info

TITLE = "Reading it back"
BABELTRACE = "babeltrace2"


def slice_of(path, part):
    """--from and --to around the middle of the trace."""
    info = adatrace_info(path)
    length_ns = info["duration_ns"]
    start = int(length_ns * (0.5 - part / 2))
    return ["--from", f"{start}ns", "--to", f"{start + int(length_ns * part)}ns"]


def readers(bench, result):
    """{row: {contestant: command}} of what is there."""
    calls = bench.call_traces
    rows = {"text": {}, "report": {}, "info": {}, "text of 1 % of the time": {}}

    def add(row, contestant, tool, command):
        try:
            rows[row][contestant] = command(calls.get(tool).path)
        except Gap as gap:
            result.gap(contestant, f"{row}: {gap}")

    add("text", OURS, OURS, lambda p: [ADATRACE, "decode", p])
    add("text", BABELTRACE, LTTNG, lambda p: ["babeltrace2", p])
    add("text", UFTRACE, UFTRACE, lambda p: ["uftrace", "replay", "--no-pager", "-d", p])
    add("report", OURS, OURS, lambda p: [ADATRACE, "report", p])
    add("report", UFTRACE, UFTRACE, lambda p: ["uftrace", "report", "--no-pager", "-d", p])
    add("info", OURS, OURS, lambda p: [ADATRACE, "info", p])
    add("info", UFTRACE, UFTRACE, lambda p: ["uftrace", "info", "--no-pager", "-d", p])
    add("text of 1 % of the time", OURS, OURS,
        lambda p: [ADATRACE, "decode", *slice_of(p, 0.01), p])
    return rows


def measure(bench, result):
    rows = readers(bench, result)
    for row, commands in rows.items():
        samples = interleave(
            bench.settings.rounds_long,
            {name: lambda c=c: run(c, timeout_s=900).wall_s for name, c in commands.items()},
            result, bench.clock)
        for name, seconds in samples.items():
            result.add(row, name, "s", seconds, guard=name == OURS)
    try:
        events = bench.call_traces.events()
    except Gap:
        events = None
    for row in ("text", "report"):
        for name in (OURS, BABELTRACE, UFTRACE):
            figure = result.find(row, name)
            if figure and events:
                result.add(f"{row}: events a second", name, "M/s",
                           [events / s / 1e6 for s in figure.samples], HIGHER)
    sliced = result.find("text of 1 % of the time", OURS)
    whole = result.find("text", OURS)
    share = 100 * sliced.value / whole.value if sliced and whole else None
    result.target("text: babeltrace2 / adatrace", result.ratio("text", BABELTRACE, OURS), ">=", 15,
                  "x")
    result.target("report: uftrace / adatrace", result.ratio("report", UFTRACE, OURS), ">=", 6, "x")
    result.target("1 % of the time: share of the time of the whole", share, "<=", 5, "%")
    result.note("The traces of the case 'calls', from the page cache, to /dev/null. lttng-ust has no report of its own.")
