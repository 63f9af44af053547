# SPDX-License-Identifier: Apache-2.0
"""tail: the distribution of single events, and what they ask of the kernel."""

from contextlib import ExitStack

from case_emit import FLOOR, LTTNG, contestants_open, say_what_was_dropped
from contestants import Worker
from gap import Gap
from lttng import Session
from result import OURS
from samples import interleave
from settings import ADATRACE

TITLE = "The slowest events"
RECORDED = "adatrace record"
PARTS = ("p50", "p99", "p99.9", "longest")


def measure_tails(bench, result, workers, how, count):
    samples = interleave(
        bench.settings.rounds_long,
        {name: lambda w=w: w.ask(f"tail u64 {count} {how}") for name, w in workers.items()},
        result, bench.clock)
    shown = [p for p in range(4) if how == "warm" or p in (0, 1, 3)]
    for part in shown:
        for name, rounds in samples.items():
            result.add(f"{how}: {PARTS[part]}", name, "ns", [r[part] for r in rounds],
                       guard=name == OURS and how == "warm" and part == 0)


def kernel_work(worker, count):
    """Page faults and system calls of a thread, first ring lap included."""
    with worker:
        return worker.ask(f"faults u64 {count}")


def measure_kernel_work(bench, result, folder):
    count = 200000  # 3.2 MB: most of a ring that nobody has touched, and no loss
    contestants = {
        OURS: lambda: Worker("emit_adatrace", folder / "faults.adatrace"),
        RECORDED: lambda: Worker("emit_adatrace", "--joined", before=(
            ADATRACE, "record", "--force", "--ring-size", "4M", "-o", folder / "joined.adatrace",
            "--")),
        LTTNG: lambda: Worker("emit_lttng", environment=bench.lttng.program_environment()),
    }
    for name, start in contestants.items():
        try:
            if name == LTTNG:
                with Session(bench.lttng, folder / "lttng-faults", ["bench:u64"]):
                    faults, calls = kernel_work(start(), count)
            else:
                faults, calls = kernel_work(start(), count)
        except Gap as gap:
            result.gap(name, f"page faults and system calls: {gap}")
            continue
        result.add("page faults after the first event", name, "", [faults])
        result.add("system calls after the first event", name, "", [calls])
    result.note(f"Page faults and system calls: in a fresh process, one event, then {count} events (getrusage of the thread), then "
                f"{count} more with every system call of the thread caught (syscall user dispatch).")


def measure(bench, result):
    folder = bench.settings.work_folder("tail")
    with ExitStack() as stack:
        workers = contestants_open(stack, bench, result, folder)
        measure_tails(bench, result, workers, "warm", bench.settings.choose(100000, 500000))
        measure_tails(bench, result, workers, "cold", bench.settings.choose(20, 120))
        say_what_was_dropped(bench, result, workers)
    measure_kernel_work(bench, result, folder)
    result.target("warm: p99", result.value("warm: p99", OURS), "<=", 100, "ns")
    for name in (OURS, RECORDED):
        for what in ("page faults", "system calls"):
            result.target(f"{what} after the first event, {name}",
                          result.value(f"{what} after the first event", name), "<=", 0)
    result.note("One 8-byte event between two readings of the counter, whose own cost is in the figure. Cold: a walk over twice the "
                "outermost cache before each event. The longest is whatever the machine did meanwhile: interrupts and other "
                "processes are not excluded.")
    result.note("p99.9 of the cold events is left out: too few of them for it to mean anything.")
