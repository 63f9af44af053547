# SPDX-License-Identifier: Apache-2.0
"""calls: a program that does nothing but call functions, run to its end under every tracer."""

from commands import run
from result import OURS
from samples import interleave
from settings import LUA, BENCH
from traces import LTTNG, UFTRACE

TITLE = "Every function call of Lua's fib"
UNTRACED, PLAIN = "untraced", "not instrumented"


def measure(bench, result):
    calls = bench.call_traces
    calls.prepare()
    plain = [LUA / "lua-plain", BENCH / "fib.lua", calls.number]
    samples = interleave(bench.settings.rounds_long, {
        PLAIN: lambda: run(plain),
        UNTRACED: lambda: run(calls.program),
        OURS: lambda: calls.make(OURS),
        UFTRACE: lambda: calls.make(UFTRACE),
        LTTNG: lambda: calls.make(LTTNG),
    }, result, bench.clock)
    wall, over = f"fib({calls.number}): wall time", "wall time / untraced"
    for name, runs in samples.items():
        result.add(wall, name, "s", [r.wall_s for r in runs], guard=name == OURS)
        if name != PLAIN and UNTRACED in samples:
            result.add(over, name, "x", [r.wall_s / u.wall_s
                                         for r, u in zip(runs, samples[UNTRACED])])
        if hasattr(runs[0], "lost"):
            result.add("events lost", name, "", [r.lost for r in runs])
    result.target("uftrace / adatrace, wall time", result.ratio(wall, UFTRACE, OURS), ">=", 2.2, "x")
    result.target("lttng-ust / adatrace, wall time", result.ratio(wall, LTTNG, OURS), ">=", 4, "x")
    if OURS in samples:
        result.note(f"{calls.events()} events in the trace of adatrace. Lua 5.4 from Debian's source package, gcc "
                    "-finstrument-functions; 'not instrumented' is the same without it.")
    result.note("Until the files are complete; for lttng-ust the program and `lttng stop --no-wait`, a little early and in its favour. All of them wait for room rather than lose "
                "events: adatrace --policy block, lttng-ust cyg-profile-fast with blocking-timeout=inf; uftrace does so by itself. "
                "uftrace: --no-libcall.")
