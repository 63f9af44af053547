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


def files_problem(files, expected, own_words):
    """What is wrong in words, or None: all events are there, or what is missing is counted and said.

    `files`: of one recording, which may have gone on in others; `expected`: events that the program emitted;
    `own_words`: what the command said of it.
    """
    found = lost = told = 0
    notes = []
    for trace in files:
        verdict, info = recording.verify(trace).status, recording.info(trace)
        missed, counted = missing(info), info["dropped"] + info["damaged"]
        if verdict not in (0, 3):
            return f"verify {verdict} of {trace.name}"
        if missed < 0:
            return f"{-missed} more events than were written in {trace.name}"
        if (missed or counted) and verdict == 0:
            return f"{missed} lost, {counted} dropped or damaged, and verify 0 of {trace.name}"
        found += ticks(trace)
        lost += missed
        told += counted
        notes += [note["text"] for note in info["notes"]]
    return lost_problem(lost, own_words) or untraced_problem(expected - found - lost - told, own_words, notes)


def lost_problem(lost, own_words):
    said = sum(int(number) for number in _LOST.findall(own_words))
    return f"{lost} are missing, and it says {said}" if lost and said != lost else None


def untraced_problem(unknown, own_words, notes):
    """Of what nobody counted it is said that it was not traced."""
    if unknown > 0 and "was not traced" not in own_words:
        return f"{unknown} events are nowhere, said {own_words!r}"
    if unknown > 0 and not any("not traced" in note for note in notes):
        return "not traced, and no note in the trace"
    return None
