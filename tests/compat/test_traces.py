#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both decoders find the same in the traces that other tests make.

    test_traces.py made    those that tests/cli and tests/unit/format make when they are asked to
    test_traces.py kept    those that tests leave in tests/traces of the build folder
"""

import os
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import compare_decoders
import recording
from adatrace_decoder import Event

TESTS = recording.BUILD / "tests"
MAKE_TRACE = TESTS / "cli" / "make_trace"
ROUND_TRIP = TESTS / "unit" / "format" / "test_round_trip"


class Traces(unittest.TestCase):
    def compare(self, path):
        counted = Counter()
        found = compare_decoders.differences(recording.ADATRACE, path, counted)
        self.assertEqual(next(found, None), None, path)
        return counted[Event]


class Made(Traces):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_of_the_command_line_tests(self):
        for kind, records in (("mix", 35), ("whole", 17), ("empty", 0), ("cut", 35),
                              ("calls", 30000), ("heap", 30000)):
            path = self.folder / f"{kind}.adatrace"
            subprocess.run([MAKE_TRACE, kind, path, str(records or 1)], check=True)
            self.assertEqual(self.compare(path), records)

    def adatrace(self, *words):
        subprocess.run([recording.ADATRACE, *map(str, words)], check=True, capture_output=True)

    def test_slices_and_what_was_put_together(self):
        """Blocks of other files, with new headers and new numbers, and some of another clock."""
        def made(name, kind, **where):
            path = self.folder / f"{name}.adatrace"
            where = {f"TRACE_{word.upper()}": str(value) for word, value in where.items()}
            subprocess.run([MAKE_TRACE, kind, path, "20000"], check=True, env={**os.environ, **where})
            return path
        one = made("one", "heap", boot="a", session="1")
        for name, words, events in (("middle", ("--from", "500us", "--to", "1.5ms"), 10000),
                                    ("some", ("-e", "memory:malloc"), 10000)):
            self.adatrace("cut", one, "-o", self.folder / name, *words)
            self.assertEqual(self.compare(self.folder / name), events)
        others = (made("mix", "mix", boot="a", session="2", last=1), made("far", "mix", boot="b", session="3", rate=400))
        self.adatrace("merge", one, *others, "-o", self.folder / "whole")
        self.assertEqual(self.compare(self.folder / "whole"), 20070)
        self.adatrace("cut", self.folder / "whole", "--from", "100us", "--to", "450us", "-o", self.folder / "part")
        self.assertGreater(self.compare(self.folder / "part"), 3000)

    def test_of_the_round_trip_tests(self):
        subprocess.run([ROUND_TRIP], check=True, capture_output=True,
                       env={**os.environ, "ADATRACE_TEST_FOLDER": str(self.folder)})
        paths = sorted(self.folder.glob("*.adatrace"))
        self.assertGreater(len(paths), 3)
        for path in paths:
            self.compare(path)


def kept_traces():
    return sorted(recording.KEPT.glob("*.adatrace"))


class Kept(Traces):
    def test_those_that_tests_leave(self):
        for path in kept_traces():
            with self.subTest(path.name):
                print(f"{path.name}: {self.compare(path)} events", flush=True)


def load_tests(loader, _tests, _pattern):
    return loader.loadTestsFromTestCase(CHOICE)


if __name__ == "__main__":
    if sys.argv[1:] not in (["made"], ["kept"]):
        sys.exit(__doc__)
    if sys.argv[1] == "kept" and not kept_traces():
        print("No test has left a trace yet.")
        sys.exit(recording.SKIPPED)
    CHOICE = Made if sys.argv.pop(1) == "made" else Kept
    unittest.main()
