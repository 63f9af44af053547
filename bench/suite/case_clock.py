# SPDX-License-Identifier: Apache-2.0
"""clock: what reading a clock costs here; everything else is seen beside it."""

from contestants import Worker
from samples import interleave

TITLE = "Reading the clock"


def measure(bench, result):
    with Worker("emit_floor") as floor:
        samples = interleave(bench.settings.rounds, {
            "the CPU's counter": lambda: floor.run_ns("tsc", 500000),
            "clock_gettime": lambda: floor.run_ns("clock_gettime", 200000),
        }, result, bench.clock)
    for row, values in samples.items():
        result.add(row, "machine", "ns", values)
    result.note("The counter is read as adatrace reads it: without a fence. clock_gettime is CLOCK_MONOTONIC, "
                "through the vDSO.")
