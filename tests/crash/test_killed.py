#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL in the middle: everything published before is decoded, once and in order."""

import os
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from collections import defaultdict
from pathlib import Path

import crash_case
import recording

PROGRAM = crash_case.CRASH / "emit_until_killed"
THREADS = 3
MOST = 150000  # events of a thread: a busy machine takes its time to kill
PATIENCE_S = 60


class Killed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.trace = recording.kept(f"killed_{self._testMethodName.removeprefix('test_')}")
        self.counters = Path(folder.name) / "counters"

    def emitted(self):
        """How many events each thread had emitted, by its own count."""
        data = self.counters.read_bytes() if self.counters.exists() else b""
        return struct.unpack("3Q", data) if len(data) == 8 * THREADS else (0,) * THREADS

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.001)

    def record_and_kill(self, events_before, options):
        """Record, kill the program once every thread has emitted that many; the recorder's outcome."""
        recorder = subprocess.Popen(
            [recording.ADATRACE, "record", "-o", self.trace, *options, "--", PROGRAM, self.counters, str(MOST)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.wait_until(lambda: min(self.emitted()) >= events_before, "the program does not emit")
            children = Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()
            self.assertEqual(len(children), 1)
            os.kill(int(children[0]), signal.SIGKILL)
            stdout, stderr = recorder.communicate(timeout=PATIENCE_S)
        except BaseException:
            recorder.kill()
            recorder.communicate()
            raise
        return recording.Outcome(recorder.returncode, stdout, stderr)

    def decoded_numbers(self):
        numbers = defaultdict(list)
        for event in recording.events(self.trace, "--events", "killed:*"):
            if event["event"] == "killed:step":
                numbers[event["fields"]["thread"]].append(event["fields"]["number"])
        return numbers

    def test_with_policy_block_every_event_is_there(self):
        for events_before in (1, 20000):
            with self.subTest(events_before):
                self.trace.unlink(missing_ok=True)
                self.counters.unlink(missing_ok=True)
                outcome = self.record_and_kill(events_before, ["--policy", "block:60s"])
                self.assertEqual(outcome.status, 128 + signal.SIGKILL, outcome.stderr)
                emitted, numbers = self.emitted(), self.decoded_numbers()
                for thread in range(THREADS):
                    count = len(numbers[thread])
                    self.assertEqual(numbers[thread], list(range(count)))
                    # One more may be published than counted: killed between the two.
                    self.assertIn(count - emitted[thread], (0, 1))
                self.assertEqual(recording.verify(self.trace).status, 0)

    def test_with_tiny_rings_decoded_and_dropped_add_up(self):
        outcome = self.record_and_kill(50000, ["--policy", "drop", "--ring-size", "4K"])
        self.assertEqual(outcome.status, 128 + signal.SIGKILL, outcome.stderr)
        counted = recording.count(recording.events(self.trace))
        info = recording.info(self.trace)
        self.assertEqual(list(recording.ledger_mismatches(info, counted)), [])
        self.assertIn(recording.verify(self.trace).status, (0, 3))
        numbers = self.decoded_numbers()
        for thread in range(THREADS):
            self.assertEqual(numbers[thread], sorted(set(numbers[thread])))
        attempted = sum(t["written"] + t["dropped"] for t in info["threads"])
        self.assertGreaterEqual(attempted, sum(self.emitted()))


if __name__ == "__main__":
    unittest.main()
