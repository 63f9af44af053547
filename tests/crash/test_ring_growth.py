#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rings that grow because the drain is slow: every loss is counted in its place, also after SIGKILL."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
from collections import defaultdict
from pathlib import Path

import recording

PROGRAM = recording.BUILD / "tests" / "crash" / "emit_until_killed"
THREADS = 3
EVENTS = 300000
PATIENCE_S = 120
KIB = 1024
SLOW = ["--level", "19", "--drain-threads", "1"]


class RingGrowth(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.trace = Path(folder.name) / "growth.adatrace"
        self.counters = Path(folder.name) / "counters"

    def emitted(self):
        data = self.counters.read_bytes() if self.counters.exists() else b""
        return [int.from_bytes(data[at:at + 8], "little") for at in range(0, len(data), 8)] or [0]

    def record_and_kill(self, *options):
        """Record the program, and kill it in the middle once every thread has emitted much."""
        recorder = subprocess.Popen(
            [recording.ADATRACE, "record", "-o", self.trace, *options, "--", PROGRAM, self.counters],
            stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while min(self.emitted()) < EVENTS and time.monotonic() < deadline:
            time.sleep(0.001)
        children = Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        self.assertEqual(recorder.wait(PATIENCE_S), 128 + signal.SIGKILL)

    def assert_counted_and_in_order(self):
        decoded = list(recording.events(self.trace))
        info = recording.info(self.trace)
        self.assertEqual(list(recording.ledger_mismatches(info, recording.count(decoded))), [])
        self.assertIn(recording.verify(self.trace).status, (0, 3))
        # Between two events of a thread, what is missing is what the gaps between them say.
        last, missing = {}, defaultdict(int)
        for event in decoded:
            thread = event["tid"]
            if event["event"] == recording.GAP:
                missing[thread] += event["fields"]["records"]
            elif event["event"] == "killed:step":
                number = event["fields"]["number"]
                if thread in last:
                    self.assertEqual(number - last[thread] - 1, missing[thread])
                last[thread] = number
                missing[thread] = 0
        attempted = sum(t["written"] + t["dropped"] for t in info["threads"])
        self.assertGreaterEqual(attempted, sum(self.emitted()))
        return {t["tid"]: t["ring_bytes"] for t in info["threads"]}

    def test_with_policy_drop(self):
        self.record_and_kill(*SLOW, "--ring-size", "64K", "--ring-max", "4M")
        rings = self.assert_counted_and_in_order()
        self.assertGreater(max(rings.values()), 64 * KIB)
        self.assertLessEqual(max(rings.values()), 4096 * KIB)

    def test_with_policy_block(self):
        self.record_and_kill(*SLOW, "--ring-size", "64K", "--policy", "block:60s")
        rings = self.assert_counted_and_in_order()
        self.assertGreater(max(rings.values()), 64 * KIB)
        self.assertLessEqual(max(rings.values()), 512 * KIB)  # 8 times, by default

    def test_within_the_budget(self):
        self.record_and_kill(*SLOW, "--ring-size", "64K", "--ring-max", "4M", "--ring-budget", "256K")
        rings = self.assert_counted_and_in_order()
        # What is told is the most that each has had, and they can have had it one after the other.
        self.assertGreater(max(rings.values()), 64 * KIB)
        self.assertLessEqual(max(rings.values()), 64 * KIB + 256 * KIB)

    def test_not_at_all_when_nothing_is_granted(self):
        self.record_and_kill(*SLOW, "--ring-size", "64K", "--ring-max", "64K")
        self.assertEqual(set(self.assert_counted_and_in_order().values()), {64 * KIB})


if __name__ == "__main__":
    unittest.main()
