#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libadatrace in an application that records itself, with every call failing once.

A call of the API that fails says so and leaves no file; one that succeeds has kept everything, or
the file says what it has not. The application never notices anything else, and its next session is good.
"""

import re
import unittest

import fault_plan
import fault_sweep
import fault_verdict
import recording

PROGRAM = fault_sweep.PROGRAMS / "fault_session"
LIBRARY = recording.BUILD / "libadatrace.so.0.1.0"
EVENTS = 200
EXPECTED = EVENTS * 3
STATUS = 7
_ERRNO_KEPT = "errno changed 0 times"
_NONE_STARTED = _ERRNO_KEPT + ", 0 descriptors more"  # not even the segment's, which a session leaves for the next
_LINE = re.compile(r"start (-?\d+) stats (-?\d+) written (\d+) dropped (\d+) stop (-?\d+)")


class Library(fault_sweep.Sweeping):
    key = "faults-library"

    def judge(self, done, base, fault):
        lines, usual = done.stdout.decode().splitlines(), base.stdout.decode().splitlines()
        if done.status != STATUS or done.stderr or len(lines) != 3:
            return "the application does not end as always"
        # A descriptor of which the system does not say what it is may be the application's by now: it stays open.
        stays = fault and fault.call == "fstat" and lines[2].startswith(_ERRNO_KEPT)
        none_started = lines[0].startswith("start -") and lines[1].startswith("start -")
        if lines[2] != usual[2] and not stays and not (none_started and lines[2] == _NONE_STARTED):
            return f"errno or descriptors: {lines[2]}"
        if self.left_over() and not (fault and fault.call in ("unlink", "rmdir")):
            return f"left {self.left_over()}"
        for number, name in enumerate("ab"):
            problem = self.session_problem(lines[number], self.out / f"{name}.adatrace")
            if problem:
                return f"session {number + 1}: {problem} ({lines[number]})"
        once = fault and fault.last == 1 and done.fired == 1
        if once and not lines[0].endswith("stop 0") and lines[1] != usual[1]:
            return "the session after the one that failed is not good"
        return None

    @staticmethod
    def session_problem(line, trace):
        started, _, _, _, stopped = map(int, _LINE.match(line).groups())
        if started < 0:
            return "not started, and left a file" if trace.exists() else None
        if not trace.exists():
            return "started, and there is no file"
        verdict = recording.verify(trace).status
        if verdict not in (0, 3):
            return f"verify {verdict}"
        info, found = recording.info(trace), fault_verdict.ticks(trace)
        told = fault_verdict.missing(info) + info["dropped"] + info["damaged"]
        if found + told < EXPECTED and stopped == 0:
            return f"{found} events of {EXPECTED}, and only {told} are told to be missing"
        if told and verdict == 0:
            return f"{told} are missing, and verify 0"
        return None

    def test_every_call(self):
        bench = fault_plan.Bench(self.folder, ":libadatrace.so.0:libadatrace.so.0.1.0:libzstd.so.1:", PROGRAM.name)
        self.sweep(bench, [PROGRAM, self.out / "a.adatrace", self.out / "b.adatrace", EVENTS], self.judge,
                   binary=LIBRARY)


if __name__ == "__main__":
    fault_sweep.main()
