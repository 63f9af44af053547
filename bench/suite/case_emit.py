# SPDX-License-Identifier: Apache-2.0
"""emit: nanoseconds and instructions of one event, one thread."""

from contextlib import ExitStack

from callgrind import instructions_per_event
from contestants import Worker
from gap import Gap
from lttng import EMIT_EVENTS, Session
from result import OURS
from samples import interleave

TITLE = "One event, one thread"
FLOOR, LTTNG = "floor", "lttng-ust"
BATCH = 25000  # of 136 bytes at most: less than the smallest buffer, so nothing is dropped
WARM_LAPS = 6  # through every page of a ring of 4 MiB
PAYLOADS = {
    "empty": "no payload",
    "u64": "8 bytes",
    "words4": "32 bytes",
    "words16": "128 bytes",
    "text": "15-character string",
    "mix": "u64, u32, 15-character string",
}


def contestants_open(stack, bench, result, folder):
    """{name: Worker} of those that are there."""
    workers = {FLOOR: stack.enter_context(Worker("emit_floor")),
               OURS: stack.enter_context(
                   Worker("emit_adatrace", folder / "emit.adatrace"))}
    try:
        session = stack.enter_context(
            Session(bench.lttng, folder / "lttng", [f"bench:{e}" for e in EMIT_EVENTS]))
        workers[LTTNG] = stack.enter_context(
            Worker("emit_lttng", environment=bench.lttng.program_environment()))
        bench.lttng_session = session
    except Gap as gap:
        result.gap(LTTNG, str(gap))
    for worker in workers.values():
        for _ in range(WARM_LAPS):
            worker.run_ns("words4", BATCH)
    return workers


def say_what_was_dropped(bench, result, workers):
    dropped = int(workers[OURS].ask("dropped")[0])
    if dropped:
        result.note(f"adatrace dropped {dropped} events in all rounds together.")
    if LTTNG in workers:
        bench.lttng_session.stop()
        if bench.lttng_session.discarded:
            result.note(f"lttng-ust dropped {bench.lttng_session.discarded} events in all rounds "
                        "together.")


def measure_time(bench, result, workers):
    for case, row in PAYLOADS.items():
        samples = interleave(
            bench.settings.rounds,
            {name: lambda w=w, c=case: w.run_ns(c, BATCH) for name, w in workers.items()},
            result, bench.clock)
        for name, values in samples.items():
            result.add(row, name, "ns", values, guard=name == OURS)


def measure_instructions(bench, result, folder):
    for case in bench.settings.choose(["u64"], ["empty", "u64", "mix"]):
        row = f"{PAYLOADS[case]}: instructions"
        for name, program in ((FLOOR, ["emit_floor"]),
                              (OURS, ["emit_adatrace", folder / "callgrind.adatrace"])):
            try:
                result.add(row, name, "", [instructions_per_event(program, case, folder)])
            except Gap as gap:
                result.gap(name, f"instructions: {gap}")
        try:
            with Session(bench.lttng, folder / "lttng-callgrind", [f"bench:{case}"]):
                result.add(row, LTTNG, "", [instructions_per_event(
                    ["emit_lttng"], case, folder, bench.lttng.program_environment())])
        except Gap as gap:
            result.gap(LTTNG, f"instructions: {gap}")


def measure(bench, result):
    folder = bench.settings.work_folder("emit")
    with ExitStack() as stack:
        workers = contestants_open(stack, bench, result, folder)
        measure_time(bench, result, workers)
        say_what_was_dropped(bench, result, workers)
    measure_instructions(bench, result, folder)
    eight = PAYLOADS["u64"]
    result.target("8 bytes: adatrace / floor", result.ratio(eight, OURS, FLOOR), "<=", 1.15, "x")
    result.target("8 bytes: lttng-ust / adatrace", result.ratio(eight, LTTNG, OURS), ">=", 6, "x")
    result.note("Floor: read the counter, store header and payload, one release store; nobody reads it, "
                "it is never full, never off, and no signal handler may come.")
    result.note("adatrace and lttng-ust record into real sessions whose files are written meanwhile. The loop around "
                "an event is in every figure.")
    result.note("The first lap of a ring is excluded; what its page faults cost is the case 'tail'.")
    result.note(f"Batches of {BATCH} events fit every contestant's buffers: what happens when they do not is the case "
                "'sustain'. Instructions: callgrind, user space only; it hides the vDSO, so lttng-ust finds clock and core by other ways there.")
