#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL behind every instruction of an emit in a traced process: published is decoded once, the rest is counted.

    test_kill_emit.py [--long] [SEED] [MODE...]

The short form takes some of them, others each time. With a MODE (plain, lap, late, full, over, gap, grow) only the
emits that meet that.
"""

import random
import struct
import sys
import tempfile
import unittest
from collections import Counter, defaultdict
from pathlib import Path

import recording
from crash_case import LONG, KillCase

SEEDS = [int(word) for word in sys.argv[1:] if word.isdigit()]
SEED = SEEDS[0] if SEEDS else random.SystemRandom().randrange(1 << 32)
MODES = [word for word in sys.argv[1:] if word.isalpha()]
PROGRAM = recording.BUILD / "tests" / "crash" / "emit_stepped"
SMALL = ["--ring-size", "4K", "--ring-max", "4K"]
GROWING = ["--ring-size", "4K", "--ring-max", "64K"]
STEPPED = 5  # emits of a child, of those that emit_stepped.c knows
ENDED = 0xFFFFFFFF
# Policy, what the emits meet, options, and every how many instructions in the long form and in the short one: an emit
# has about fifty, others more, and who waits for room looks for it for long before it sleeps.
CASES = [
    ("drop", "plain", ["--policy", "drop"], 1, 7),
    ("drop", "lap", ["--policy", "drop", *SMALL], 1, 83),
    ("overwrite", "over", ["--policy", "overwrite", "--ring-size", "4K"], 1, 83),
    ("block", "lap", ["--policy", "block:60s", *SMALL], 1, 83),
    ("block", "late", ["--policy", "block:60s", *SMALL], 199, 2003),
    ("drop", "full", ["--policy", "drop", *SMALL], 1, 83),
    ("block", "full", ["--policy", "block:1ms", *SMALL], 1, 83),
    ("drop", "gap", ["--policy", "drop", *SMALL], 1, 83),
    ("drop", "gap", ["--policy", "drop", *GROWING], 1, 83),
    ("drop", "grow", ["--policy", "drop", *GROWING], 1, 83),
]


class KillEmit(KillCase):
    instructions = children = 0
    chance = random.Random(SEED)

    def rows(self, path, count):
        data = path.read_bytes()
        return [struct.unpack_from("QII", data, 16 * n) for n in range(count)]

    @staticmethod
    def noted(events, numbers, gone):
        """All that comes; by child the numbers of its steps, and by process id how many are in gaps."""
        for event in events:
            if event["event"] in ("stepped:step", "stepped:fill"):
                number = event["fields"]["number"]
                numbers[number >> 32].append(number & 0xFFFFFFFF)
            elif event["event"] == recording.GAP:
                gone[event["pid"]] += event["fields"]["records"]
            yield event

    def assert_counted(self, trace, rows, mode):
        numbers, gone = defaultdict(list), Counter()
        counted = recording.count(self.noted(recording.events(trace), numbers, gone))
        ahead, children = Counter(), Counter()
        for child, (emitted, pid, steps) in enumerate(rows):
            seen = numbers.pop(child, [])
            self.assertEqual(seen, sorted(set(seen)), f"after {steps}: twice, or out of order")
            ahead[pid] += len(seen) - emitted
            children[pid] += 1
            if mode in ("plain", "lap", "late"):
                self.assertEqual(seen, list(range(len(seen))))
        self.assert_met(mode, rows[-1][0], seen, sum(gone.values()))
        # One more may be published, or dropped and counted, than had returned.
        for pid, count in children.items():
            self.assertIn(ahead[pid] + gone[pid], range(count + 1), f"process {pid}")
        self.assertEqual(dict(numbers), {})
        self.assertEqual(list(recording.ledger_mismatches(recording.info(trace), counted)), [])
        self.assertIn(recording.verify(trace).status, (0, 3))

    def assert_met(self, mode, emitted, seen, gone):
        """The last child came to its end: have its emits met what they were to meet?"""
        if mode in ("plain", "lap", "late"):
            self.assertEqual(gone, 0)
        last = [number in seen for number in range(emitted - STEPPED, emitted)]
        self.assertEqual(last, [mode != "full"] * STEPPED)

    def kill_everywhere(self, mode, options, stride):
        with tempfile.TemporaryDirectory() as folder:
            trace, path = Path(folder) / "stepped.adatrace", Path(folder) / "rows"
            first = self.chance.randrange(stride)
            outcome = recording.record(trace, [PROGRAM, path, mode, stride, first],
                                       ["--events", "stepped:*", "--wait", "sleep:1ms", *options],
                                       timeout=3000 if LONG else 300)  # below ctest's
            self.assertEqual(outcome.status, 0, outcome.stderr)
            rows = self.rows(path, int(outcome.stdout))
            self.assertEqual(rows[-1][2], ENDED)
            self.assert_counted(trace, rows, mode)
            killed = [steps for _, _, steps in rows if steps != ENDED]
            KillEmit.children += len(killed)
            KillEmit.instructions += max(killed, default=0)

    def test_at_every_instruction(self):
        print(f"seed {SEED}")
        for policy, mode, options, *strides in [case for case in CASES if not MODES or case[1] in MODES]:
            with self.subTest(policy=policy, mode=mode):
                self.kill_everywhere(mode, options, strides[0 if LONG else 1])
                print(f"{policy} {mode}: {KillEmit.children} deaths by now", flush=True)
        if MODES:
            return
        self.tell("kill-emit", f"{KillEmit.children:,} deaths in {KillEmit.instructions:,} instructions of emits of "
                               f"{len(CASES)} kinds: published once, or counted")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
