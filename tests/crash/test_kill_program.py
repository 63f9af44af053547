#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to the program at every named point of its side: what it had published is there exactly once."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
from collections import defaultdict

import crash_case
import recording
from crash_case import AGENT, KILLED, PROGRAM, KillCase, Place

LOSES_NOTHING = ["--policy", "block:60s", "--ring-size", "4K", "--events", "crash:*,process:*"]
PROCESSES = 50
# Come by at first by the child that is forked: it dies alone, and the program goes on.
OF_THE_CHILD = ("fork.child", "fork.noticed", "exec.told")


class KillProgram(KillCase):
    def place(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Place(folder.name)

    def assert_published_once(self, place, killed=None):
        """Every row's numbers from 0 on; `killed`: of a process that one emit may have been under way in."""
        found = defaultdict(list)
        counted = recording.count(crash_case.steps_noted(recording.events(place.trace), found))
        for row, (pid, emitted) in crash_case.counters(place.counters).items():
            numbers = found.pop(row, [])
            self.assertEqual(numbers, list(range(len(numbers))))
            self.assertIn(len(numbers) - emitted, (0, 1) if killed in (None, pid) else (0,), (row, pid))
        self.assertEqual(found, {})
        self.assertEqual(list(recording.ledger_mismatches(recording.info(place.trace), counted)), [])

    def kill_at(self, point):
        place = self.place()
        outcome = place.record(recording.ADATRACE, [PROGRAM, place.counters], point, AGENT, LOSES_NOTHING)
        place.assert_folder_removed(self)
        if outcome.status != 128 - KILLED:
            self.assertEqual(outcome.status, 7, outcome.stderr)
            said = [b"child killed\ndone\n"]
            if point not in OF_THE_CHILD:  # the fourth time may be the child's, or there is none
                said.append(b"done\n")
            self.assertIn(outcome.stdout, said)
        self.assert_published_once(place)
        place.assert_readable(self)
        place.assert_clean(self)
        return outcome.status == 128 - KILLED

    @staticmethod
    def end_by_force(recorder):
        """And with its end that of all who wait for it."""
        if recorder.poll() is None:
            recorder.kill()
        recorder.communicate()

    def test_at_every_point(self):
        points = [p for p in crash_case.points("agent", "tracer", "registry/registry.c", "registry/arena.c",
                                               "registry/ring_write.c")]
        killed = 0
        for point in points:
            for nth in ("", ":4"):
                with self.subTest(point + nth):
                    died = self.kill_at(point + nth)
                    killed += died
                    if not nth:
                        self.assertEqual(died, point not in OF_THE_CHILD)
        self.tell("kill-program", f"{len(points)} points, {killed} deaths of the program: every event whose emit "
                                  "had returned decoded once, nothing left behind")

    def test_one_of_fifty_processes(self):
        place = self.place()
        recorder = subprocess.Popen(
            [recording.ADATRACE, "record", "-o", place.trace, *LOSES_NOTHING, "--", PROGRAM, place.counters,
             str(PROCESSES)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=place.environment())
        self.addCleanup(self.end_by_force, recorder)
        pids = [int(recorder.stdout.readline()) for _ in range(PROCESSES)]
        victim = pids[PROCESSES // 2]
        deadline = time.monotonic() + crash_case.PATIENCE_S
        while not any(pid == victim and emitted for pid, emitted in crash_case.counters(place.counters).values()):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.001)
        os.kill(victim, signal.SIGKILL)
        rest, _ = recorder.communicate(timeout=crash_case.PATIENCE_S)
        self.assertEqual((rest, recorder.returncode), (b"done\n", 7))
        place.assert_folder_removed(self)
        self.assert_published_once(place, victim)
        self.assertEqual(recording.verify(place.trace).status, 0)
        place.assert_clean(self)
        rows = crash_case.counters(place.counters)
        others = sum(emitted for pid, emitted in rows.values() if pid != victim)
        self.tell("kill-one-of-fifty", f"{others:,} events of the other 49 processes, none missing")


if __name__ == "__main__":
    unittest.main()
