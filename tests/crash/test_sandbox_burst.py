#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A burst in a seccomp sandbox: nobody wakes the drain by a system call that would be the program's death."""

import unittest

import evidence
import recording

PROGRAM = recording.BUILD / "tests" / "crash" / "burst_in_sandbox"
EVENTS = 100000


class SandboxBurst(unittest.TestCase):
    def test_program_lives_and_everything_is_counted(self):
        for how in ("prctl", "syscall"):
            with self.subTest(how):
                trace = recording.kept(f"sandbox_burst_{how}")
                outcome = recording.record(trace, [PROGRAM, how])
                self.assertEqual((outcome.status, outcome.stdout), (0, b"still here\n"), outcome.stderr)
                counted = recording.count(recording.events(trace))
                self.assertEqual(list(recording.ledger_mismatches(recording.info(trace), counted)), [])
                lost = sum(n for (_, kind), n in counted.gaps.items() if kind == "dropped")
                self.assertEqual(counted.names["sandbox:burst"] + lost, EVENTS)

    def test_waiting_for_room_calls_nobody_either(self):
        trace = recording.kept("sandbox_burst_block")
        small = ("--policy", "block:60s", "--ring-size", "64K", "--ring-max", "64K")
        outcome = recording.record(trace, [PROGRAM, "prctl"], small)
        self.assertEqual((outcome.status, outcome.stdout), (0, b"still here\n"), outcome.stderr)
        self.assertEqual(recording.count(recording.events(trace)).names["sandbox:burst"], EVENTS)
        evidence.tell("faults-sandbox", f"{EVENTS:,} events from inside a sandbox, none dropped with policy block")


if __name__ == "__main__":
    unittest.main()
