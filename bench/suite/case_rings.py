# SPDX-License-Identifier: Apache-2.0
"""rings: 8-byte records from one thread to another, by adatrace/ring.h and what else is there."""

import time
from contextlib import ExitStack

from contestants import Worker
from result import HIGHER, OURS
from samples import interleave

TITLE = "Records between two threads"
TRACER = "the tracer's ring"
MUTEX = "mutex and condition"
WFCQUEUE = "liburcu wfcqueue"
FLOOR_SHOWN = "one word"
NAMES = {OURS: "adatrace", TRACER: "tracer", MUTEX: "mutex", WFCQUEUE: "wfcqueue"}
FLOOR = "floor"
NEAR_NS = 250  # a word there and back, between processors that share a cache
NEAR_ROUNDS_MIN = 5
NEAR_WAIT_S = 120  # a host moves its guests about every few minutes
SLEEPERS = (OURS, MUTEX)  # that can wait without looking
BATCH = 64


def nearby(samples, result):
    """Of what interleave() returned with a floor: the rounds whose two processors share a cache, if there are any."""
    floor = [ns for ns, _ in samples.pop(FLOOR, [])]
    near = [i for i, ns in enumerate(floor) if ns <= NEAR_NS]
    if len(near) < NEAR_ROUNDS_MIN:
        if floor:
            result.note(f"Processors apart: a single word took {min(floor):.0f} to {max(floor):.0f} ns there and back. The "
                        "host lent two that share no cache; then nothing between threads is faster than that allows.")
        return samples
    if len(near) < len(floor):
        result.note(f"{len(floor) - len(near)} of {len(floor)} rounds are left out: the host lent two processors that share no cache "
                    f"(a single word took more than {NEAR_NS} ns there and back).")
    return {name: [values[i] for i in near] for name, values in samples.items()}


class Race:
    """The worker, asked for one figure at a time."""

    def __init__(self, worker):
        self.worker = worker
        self.allocations = []

    def million_a_second(self, name, count, batch):
        ns, allocations = self.worker.ask(f"pass {NAMES[name]} {count} {batch}")
        if name == OURS:
            self.allocations.append(allocations)
        return count * 1e3 / ns

    def floor(self):
        return self.worker.ask("round floor 3000")

    def wait_for_near(self, seconds):
        """Until the two processors share a cache, or for so long."""
        end = time.monotonic() + seconds
        while self.floor()[0] > NEAR_NS and time.monotonic() < end:
            time.sleep(1)

    def ask(self, what, name, count):
        return self.worker.ask(f"{what} {NAMES.get(name, 'floor')} {count}")


def measure_passes(bench, result, race):
    count = bench.settings.choose(2000000, 4000000)
    for row, batch in (("batches of 64", BATCH), ("one by one", 1)):
        samples = nearby(interleave(
            bench.settings.rounds,
            {FLOOR: race.floor,
             **{name: lambda n=name, b=batch: race.million_a_second(n, count, b) for name in NAMES}},
            result, bench.clock), result)
        for name, rates in samples.items():
            result.add(row, name, "M/s", rates, HIGHER)
    result.add("allocations after creation", OURS, "", [sum(race.allocations)])


def measure_alone(bench, result, race):
    count = bench.settings.choose(2000000, 4000000)
    samples = interleave(bench.settings.rounds,
                         {name: lambda n=name: race.ask("alone", n, count)[0] / count for name in NAMES},
                         result, bench.clock)
    for name, values in samples.items():
        result.add("one thread: a write and a read", name, "ns", values, guard=name == OURS)


def measure_parts(bench, result, race, what, rows, names, count):
    """Percentiles of single operations."""
    samples = nearby(interleave(bench.settings.rounds, {
        FLOOR: race.floor, **{name: lambda n=name: race.ask(what, n, count) for name in names}},
        result, bench.clock), result)
    for part, row in enumerate(rows):
        for name, rounds in samples.items():
            result.add(row, name, "ns", [r[part] for r in rounds])


def measure(bench, result):
    with ExitStack() as stack:
        race = Race(stack.enter_context(Worker("ring_race")))
        race.wait_for_near(bench.settings.choose(0, NEAR_WAIT_S))
        measure_passes(bench, result, race)
        measure_alone(bench, result, race)
        measure_parts(bench, result, race, "write", ["a write: p50", "a write: p99"], NAMES,
                      bench.settings.choose(100000, 300000))
        measure_parts(bench, result, race, "round", ["there and back: p50", "there and back: p99"],
                      (FLOOR_SHOWN, *NAMES), bench.settings.choose(10000, 30000))
        measure_parts(bench, result, race, "wake",
                      ["waking a sleeper: p50", "waking a sleeper: p99"], SLEEPERS,
                      bench.settings.choose(300, 1000))
    result.gap(WFCQUEUE, "waking a sleeper: its blocking call sleeps 10 ms between looks")
    result.gap(TRACER, "waking a sleeper: its reader is the drain, which waits by other means")
    value = result.value
    result.target("batches of 64", value("batches of 64", OURS), ">=", 100, "M/s")
    result.target("one by one", value("one by one", OURS), ">=", 30, "M/s")
    result.target("a write: p99", value("a write: p99", OURS), "<=", 100, "ns")
    result.target("there and back, both spinning: p50", value("there and back: p50", OURS), "<=", 400, "ns")
    result.target("waking a sleeper: p99", value("waking a sleeper: p99", OURS), "<=", 20000, "ns")
    result.target("allocations after creation", value("allocations after creation", OURS), "<=", 0)
    result.note("Two threads, each on a processor of its own; every record is checked by who gets it. 262 144 records fit each queue (adatrace: 16 bytes "
                "each, 4 MiB; mutex: 8 bytes each; wfcqueue: nodes of 16 bytes, from an array). Only the figure of one thread is guarded by --check: on a virtual "
                "machine it depends on which cores the host lends how long a line travels. One word: no queue, a word each way.")
    result.note("A write is one between two readings of the counter, whose own cost is in the figure, while the reader empties the queue. "
                "Waking: from before the write until the reader has the record, the reader having slept for some 200 µs.")
    result.note("The tracer's ring reads the clock for every record, or batch, and is safe against signal handlers; the others are not and do not.")
