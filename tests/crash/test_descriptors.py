#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program with a session of its own closes every descriptor: neither it nor its trace notices."""

import tempfile
import unittest
from pathlib import Path

import evidence
import recording

PROGRAM = recording.BUILD / "tests" / "crash" / "close_everything"


class Descriptors(unittest.TestCase):
    def run_program(self, *segment):
        with tempfile.TemporaryDirectory() as folder:
            trace = Path(folder) / "closed.adatrace"
            done = recording.run([PROGRAM, trace, folder, *[Path(folder) / name for name in segment]])
            self.assertEqual(done.status, 0, done.stderr)
            emitted = int(done.stdout)
            info = recording.info(trace)
            self.assertEqual(sum(thread["written"] for thread in info["threads"]), emitted)
            verified = recording.verify(trace)
            self.assertEqual(verified.status, 0, verified.stdout)
            return emitted

    def test_with_rings_in_memory_and_in_a_file(self):
        events = self.run_program() + self.run_program("segment")
        evidence.tell("kill-descriptors", f"{events:,} events after and before, none lost; "
                                          "64 files of the program's own, none touched")


if __name__ == "__main__":
    unittest.main()
