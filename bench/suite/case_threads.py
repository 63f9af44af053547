# SPDX-License-Identifier: Apache-2.0
"""threads: does an event cost the same when many threads emit?"""

from contextlib import ExitStack

from case_emit import FLOOR, LTTNG
from contestants import Worker
from gap import Gap
from lttng import Session
from result import OURS
from samples import interleave, quartiles, ratios

TITLE = "Many threads: CPU time of an event"
COUNTS = (1, 2, 4, 8, 64)
FLAT = 0.15


def events_each(threads):
    return min(100000, 640000 // threads)


def cpu_ns(worker, threads):
    each = events_each(threads)
    return worker.ask(f"threads u64 {threads} {each}")[0] / (threads * each)


def contestants_open(stack, bench, result, folder):
    workers = {FLOOR: stack.enter_context(Worker("emit_floor")),
               OURS: stack.enter_context(
                   Worker("emit_adatrace", folder / "threads.adatrace", "drop", 2 << 20))}
    try:
        bench.lttng_session = stack.enter_context(
            Session(bench.lttng, folder / "lttng", ["bench:u64"]))
        workers[LTTNG] = stack.enter_context(
            Worker("emit_lttng", environment=bench.lttng.program_environment()))
    except Gap as gap:
        result.gap(LTTNG, str(gap))
    return workers


def add_flatness(result):
    worst = None
    one = result.find("1 thread", OURS)
    for threads in COUNTS[1:]:
        many = result.find(f"{threads} threads", OURS)
        if one and many:
            change = abs(quartiles(ratios(many.samples, one.samples))[1] - 1)
            worst = change if worst is None else max(worst, change)
    result.target("change of the cost from one thread to any other number", worst, "<=", FLAT)


def measure(bench, result):
    folder = bench.settings.work_folder("threads")
    with ExitStack() as stack:
        workers = contestants_open(stack, bench, result, folder)
        for threads in COUNTS:
            row = f"{threads} thread{'s' if threads > 1 else ''}"
            samples = interleave(
                bench.settings.rounds_long if bench.settings.quick else 15,
                {name: lambda w=w, t=threads: cpu_ns(w, t) for name, w in workers.items()},
                result, bench.clock)
            for name, values in samples.items():
                result.add(row, name, "ns", values, guard=name == OURS)
        dropped = int(workers[OURS].ask("dropped")[0])
        if dropped:
            result.note(f"adatrace dropped {dropped} events in all rounds together.")
        if LTTNG in workers:
            bench.lttng_session.stop()
            if bench.lttng_session.discarded:
                result.note(f"lttng-ust dropped {bench.lttng_session.discarded} events in all rounds "
                            "together.")
    add_flatness(result)
    result.note("CPU time of the emitting threads only (CLOCK_THREAD_CPUTIME_ID); the drain, and lttng's consumer, are not in it, but they "
                "share the cores and their caches. Threads exist and have been through their rings before; what the first lap costs is the case 'tail'.")
