# SPDX-License-Identifier: Apache-2.0
"""start: what it costs to begin, for a program that ends at once."""

import shutil

from commands import run
from gap import Gap
from lttng import Session, library
from result import OURS
from samples import interleave, quartiles
from settings import ADATRACE, PROGRAMS
from traces import HEAPTRACK, LTTNG, UFTRACE

TITLE = "Starting"
TRUE = shutil.which("true")
UNTRACED = "untraced"
COMMAND, ADDED, PROCESS, SHARE = ("`true`, the whole command", "added to `true`",
                                  "each process of many", "added to each process of many")


def spawned_ms(argv, environment=None):
    """Median milliseconds of one of many starts of `true`."""
    done = run(argv, environment, keep_output=True)
    return quartiles([int(line) for line in done.stdout.split()])[1] / 1e6


def commands(folder):
    return {
        UNTRACED: [TRUE],
        OURS: [ADATRACE, "record", "--force", "-o", folder / "true.adatrace", "--", TRUE],
        UFTRACE: ["uftrace", "record", "--force", "-d", folder / "true.uftrace", TRUE],
        HEAPTRACK: ["heaptrack", "-o", folder / "true.heaptrack", TRUE],
    }


def measure_command(bench, result, folder):
    samples = interleave(
        bench.settings.choose(9, 25),
        {name: lambda c=c: run(c).wall_s * 1e3 for name, c in commands(folder).items()},
        result, bench.clock)
    for name, values in samples.items():
        result.add(COMMAND, name, "ms", values)
        if name != UNTRACED and UNTRACED in samples:
            result.add(ADDED, name, "ms", [a - b for a, b in zip(values, samples[UNTRACED])],
                       guard=name == OURS)


def measure_process(bench, result, folder):
    many = [PROGRAMS / "spawn_many", bench.settings.choose(50, 200), TRUE]
    samples = interleave(bench.settings.rounds_long, {
        UNTRACED: lambda: spawned_ms(many),
        OURS: lambda: spawned_ms([ADATRACE, "record", "--force", "-o", folder / "many.adatrace",
                                  "--", *many]),
        LTTNG: lambda: lttng_spawned_ms(bench, folder, many),
    }, result, bench.clock)
    for name, values in samples.items():
        result.add(PROCESS, name, "ms", values)
        if name != UNTRACED and UNTRACED in samples:
            result.add(SHARE, name, "ms", [a - b for a, b in zip(values, samples[UNTRACED])],
                       guard=name == OURS)


def lttng_spawned_ms(bench, folder, many):
    with Session(bench.lttng, folder / f"lttng{bench.lttng.sessions}", ["lttng_ust_libc:*"],
                 subbuf="64K", count=4):
        return spawned_ms(many, bench.lttng.program_environment(
            LD_PRELOAD=library("liblttng-ust-libc-wrapper")))


def measure(bench, result):
    folder = bench.settings.work_folder("start")
    measure_command(bench, result, folder)
    try:
        measure_process(bench, result, folder)
    except Gap as gap:
        result.gap("all", f"{PROCESS}: {gap}")
    result.target("`record -- true` over `true`", result.value(ADDED, OURS), "<=", 15, "ms")
    result.target("agent's share of a process start", result.value(SHARE, OURS), "<=", 2, "ms")
    result.note("'each process of many': one program starts `true` again and again (posix_spawn to waitpid, median); what tracing adds is the agent with its "
                "handshake, and what the collector does meanwhile. lttng-ust: its libc wrapper, waiting for the session daemon.")
