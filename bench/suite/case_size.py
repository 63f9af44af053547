# SPDX-License-Identifier: Apache-2.0
"""size: bytes that an event takes in the file."""

from gap import Gap
from lttng import event_count
from result import OURS
from traces import HEAPTRACK, LTTNG, UFTRACE, adatrace_info

TITLE = "Bytes per event"


def bytes_per_event(result, row, traces, tools, steady):
    """By the number of events of our own trace: all recorded the same run. `steady`: not one in which the
    drain packs as well as there is time for."""
    try:
        events = traces.events()
    except Gap as gap:
        result.gap(OURS, f"{row}: {gap}")
        return
    for tool in tools:
        try:
            made = traces.get(tool)
            result.add(row, tool, "bytes", [made.size_bytes / events], guard=tool == OURS and steady)
            if made.lost:
                result.note(f"{row}: {tool} lost {made.lost} events.")
        except Gap as gap:
            result.gap(tool, f"{row}: {gap}")
    result.note(f"{row}: {events} events, {adatrace_info(traces.get(OURS).path)['dropped']} dropped.")


def measure(bench, result):
    calls = f"calls: fib({bench.call_traces.number})"
    memory = "memory: python3"
    bytes_per_event(result, calls, bench.call_traces, (OURS, UFTRACE, LTTNG), steady=False)
    bytes_per_event(result, memory, bench.memory_traces, (OURS, LTTNG, HEAPTRACK), steady=True)
    try:
        counted = event_count(bench.memory_traces.get(LTTNG).path)
        result.note(f"{memory}: lttng-ust's trace has {counted} events. heaptrack keeps other things: no times, but "
                    "call stacks.")
    except Gap as gap:
        result.gap(LTTNG, f"{memory}: its events could not be counted: {gap}")
    result.target("calls: bytes per event", result.value(calls, OURS), "<=", 0.5, "bytes")
    result.target("memory of python3: bytes per event", result.value(memory, OURS), "<=", 6, "bytes")
    result.target("calls: lttng-ust / adatrace", result.ratio(calls, LTTNG, OURS), ">=", 20, "x")
    result.target("calls: uftrace / adatrace", result.ratio(calls, UFTRACE, OURS), ">=", 30, "x")
    result.note("The whole of what each tool left on the disk, divided by the events of the run. One trace of each; that of the calls varies with how far the drain was behind.")
