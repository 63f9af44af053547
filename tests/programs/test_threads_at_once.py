#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hundreds of threads at once with policy block: each waits for a ring, unless there are more than rings can be."""

import unittest

import evidence
import recording

PROGRAM = recording.BUILD / "tests" / "unit" / "agent" / "programs" / "many_threads"
RINGS_AT_ONCE = 1024
# The collector makes no rings for half a second, while threads begin.
HELD_UP = '(sleep 0.2; kill -STOP $PPID; sleep 0.5; kill -CONT $PPID) & exec "$@"'


class ThreadsAtOnce(unittest.TestCase):
    def dropped(self, in_turn, at_once):
        trace = recording.kept(f"threads_at_once_{at_once}")
        outcome = recording.record(trace, ["sh", "-c", HELD_UP, "sh", PROGRAM, in_turn, at_once],
                                   ("--policy", "block:60s", "--ring-size", "4K"))
        self.assertEqual((outcome.status, outcome.stdout), (0, b"%d threads\n" % (in_turn + at_once)), outcome.stderr)
        info = recording.info(trace)
        counted = recording.count(recording.events(trace))
        self.assertEqual(list(recording.ledger_mismatches(info, counted)), [])
        return sum(thread["dropped"] for thread in info["threads"])

    def test_every_thread_gets_a_ring(self):
        in_turn, at_once = 10000, RINGS_AT_ONCE - 100
        self.assertEqual(self.dropped(in_turn, at_once), 0)
        evidence.tell("ledger-first-event", f"{in_turn + at_once:,} threads, {at_once} of them alive at once, while the "
                                            "collector stood still for half a second: no event dropped")

    def test_nobody_waits_for_a_ring_that_cannot_be(self):
        self.assertGreater(self.dropped(0, RINGS_AT_ONCE + 100), 0)


if __name__ == "__main__":
    unittest.main()
