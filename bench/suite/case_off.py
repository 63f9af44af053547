# SPDX-License-Identifier: Apache-2.0
"""off: an event that is switched off, over an empty loop in the same process."""

from contextlib import ExitStack

from case_emit import LTTNG, contestants_open
from result import OURS
from samples import interleave

TITLE = "An event that is off"
ROW = "over an empty loop"


def off_ns(worker, count):
    empty = worker.run_ns("nothing", count)
    return worker.run_ns("off", count) - empty


def measure(bench, result):
    folder = bench.settings.work_folder("off")
    count = bench.settings.choose(2000000, 10000000)
    with ExitStack() as stack:
        workers = contestants_open(stack, bench, result, folder)
        samples = interleave(bench.settings.rounds, {
            name: lambda w=w: off_ns(w, count) for name, w in workers.items() if name in (OURS, LTTNG)
        }, result, bench.clock)
        for name, values in samples.items():
            result.add(ROW, name, "ns", values)
    result.target("an event that is off, over an empty loop", result.value(ROW, OURS), "<=", 0.3,
                  "ns")
    result.note("Both sessions are recording; only this event is off. A difference of two loops of "
                f"{count / 1e6:.0f} million turns: around zero it can be negative.")
