# SPDX-License-Identifier: Apache-2.0
"""sustain: one producer flat out that waits for room, until everything is in the file."""

import shutil

from contestants import Worker
from gap import Gap
from lttng import Session, trace_bytes
from result import HIGHER, OURS
from samples import interleave

TITLE = "Saturation: nothing lost, to a file"
LTTNG = "lttng-ust"
ROWS = {"calls": "function calls", "noise": "8 random bytes"}
TARGETS = {"calls": 60, "noise": 35}


def ours(case, count, folder):
    """Million events a second, dropped, bytes per event."""
    path = folder / "sustain.adatrace"
    with Worker("emit_adatrace", path, "block") as worker:
        producer_ns, _ = worker.ask(f"run {case} {count}")
        dropped = worker.ask("dropped")[0]
        finish_ns = worker.ask("finish")[0]
        size = path.stat().st_size
    path.unlink()
    return count * 1e3 / (producer_ns + finish_ns), dropped, size / count


def theirs(bench, case, count, folder):
    output = folder / "lttng"
    event = "bench:call" if case == "calls" else "bench:u64"
    with Session(bench.lttng, output, [event], blocking=True) as session:
        with Worker("emit_lttng", environment=bench.lttng.program_environment()) as worker:
            producer_ns, _ = worker.ask(f"run {case} {count}")
        finish_ns = session.stop() * 1e9
        size = trace_bytes(output)
        discarded = session.discarded
    shutil.rmtree(output)
    return count * 1e3 / (producer_ns + finish_ns), discarded, size / count


def measure(bench, result):
    folder = bench.settings.work_folder("sustain")
    count = bench.settings.choose(4000000, 40000000)
    for case, row in ROWS.items():
        samples = interleave(bench.settings.rounds_long, {
            OURS: lambda c=case: ours(c, count, folder),
            LTTNG: lambda c=case: theirs(bench, c, count, folder),
        }, result, bench.clock)
        for name, rounds in samples.items():
            result.add(row, name, "M/s", [r[0] for r in rounds], HIGHER, guard=name == OURS)
            result.add(f"{row}: dropped", name, "", [r[1] for r in rounds])
            # Not guarded: the drain packs as well as there is time for.
            result.add(f"{row}: bytes per event", name, "", [r[2] for r in rounds])
        dropped = result.find(f"{row}: dropped", OURS)
        lossless = dropped and not sum(dropped.samples)
        result.target(f"{row}: events a second with nothing lost",
                      result.value(row, OURS) if lossless else None, ">=", TARGETS[case], "M/s")
        result.target(f"{row}: adatrace / lttng-ust", result.ratio(row, OURS, LTTNG), ">=", 5, "x")
    result.note("From the first event until the last is in the file, not fsync; for lttng-ust until `lttng stop --no-wait` has returned, which is a little "
                "early and in its favour. adatrace: policy "
                "block, rings as they are by default; lttng-ust: blocking-timeout=inf, 8 sub-buffers of 4 MiB for each CPU.")
    result.note(f"{count / 1e6:.0f} million events a round. 'function calls' are the entries and exits of a recursion, 4 "
                "functions; the random bytes are xorshift's and do not compress.")
