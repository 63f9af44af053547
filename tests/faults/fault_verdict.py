# SPDX-License-Identifier: Apache-2.0
"""Is what a recording left true? Its file, its counts and its words against what the program did."""

import re

import recording

_LOST = re.compile(r"(\d+) events did not get into")


def ticks(trace):
    """Events of fault_program's and fault_session's own that can be decoded."""
    return sum(event["event"] == "fault:tick" for event in recording.events(trace))


def missing(info):
    """Records that were emitted into a ring and are not in the file, by the file's own counts."""
    return sum(process["written"] - process["stored"] - process["overwritten"] - process["damaged"]
               for process in info["processes"])


def trace_problem(trace, expected, own_words):
    """What is wrong in words, or None: all events are there, or what is missing is counted and said.

    `expected`: events that the program emitted; `own_words`: what the command said of the recording.
    """
    verdict = recording.verify(trace).status
    if verdict not in (0, 3):
        return f"verify {verdict}"
    info, found = recording.info(trace), ticks(trace)
    lost, dropped = missing(info), info["dropped"]
    if lost < 0:
        return f"{-lost} more events than were written"
    if (lost or dropped or info["damaged"]) and verdict == 0:
        return f"{lost} lost, {dropped} dropped, {info['damaged']} damaged, and verify 0"
    if lost:
        said = sum(int(number) for number in _LOST.findall(own_words))
        if said != lost:
            return f"{lost} are missing, and it says {said}"
    if found + lost + dropped + info["damaged"] < expected:
        if "was not traced" not in own_words:
            return f"{found} events of {expected}, verify {verdict}, said {own_words!r}"
        if not any("not traced" in note["text"] for note in info["notes"]):
            return "not traced, and no note in the trace"
    return None
