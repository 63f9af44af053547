# SPDX-License-Identifier: Apache-2.0
"""malloc: a Python program whose every allocation is recorded."""

from result import OURS
from samples import interleave
from traces import HEAPTRACK, LTTNG

TITLE = "Every allocation of python3"
UNTRACED = "untraced"


def measure(bench, result):
    memory = bench.memory_traces
    memory.folder.mkdir(parents=True, exist_ok=True)
    samples = interleave(bench.settings.rounds_long, {
        UNTRACED: memory.untraced,
        OURS: lambda: memory.make(OURS),
        LTTNG: lambda: memory.make(LTTNG),
        HEAPTRACK: lambda: memory.make(HEAPTRACK),
    }, result, bench.clock)
    for name, runs in samples.items():
        result.add("wall time", name, "s", [r.wall_s for r in runs])
        if name != UNTRACED and UNTRACED in samples:
            result.add("added wall time", name, "s",
                       [r.wall_s - u.wall_s for r, u in zip(runs, samples[UNTRACED])],
                       guard=name == OURS)
        if hasattr(runs[0], "lost"):
            result.add("events lost", name, "", [r.lost for r in runs])
    result.target("added wall time: adatrace / lttng-ust",
                  result.ratio("added wall time", OURS, LTTNG), "<=", 0.5, "x")
    result.note("bench/allocate.py under Debian's python3 with PYTHONMALLOC=malloc, until the files are complete (lttng-ust: until `lttng stop --no-wait` has returned). adatrace: --events 'memory:*' "
                "--policy block; lttng-ust: its libc wrapper, blocking-timeout=inf; heaptrack as it is, which unwinds the stack.")
