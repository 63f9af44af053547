#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The line that says how far a long read has come: on a terminal, after half a second, gone at the end."""

import os
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cli_tool import ADATRACE, PLAIN, make_trace

RECORDS = 900_000
LINE = re.compile(rb"\r *(\d+) %  [\d,]+ of 900,000 records\x1b\[K")
GONE = b"\r\x1b[K"


class Reader:
    """`adatrace decode` with a pipe for stdout, and what appears on the terminal that is its stderr."""

    def __init__(self, trace, *words):
        self.terminal, other = pty.openpty()
        self.child = subprocess.Popen([ADATRACE, "decode", *words, trace], env=PLAIN,
                                      stdout=subprocess.PIPE, stderr=other)
        os.close(other)
        self.started = time.monotonic()
        self.shown = b""

    def look(self):
        while select.select([self.terminal], [], [], 0)[0]:
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:  # how Linux tells that the other end is closed
                break
            if not piece:
                break
            self.shown += piece

    def read_to_the_end(self):
        """How many bytes it printed."""
        size = 0
        while piece := self.child.stdout.read1(1 << 20):
            size += len(piece)
            self.look()
        self.child.stdout.close()
        status = self.child.wait(timeout=60)
        self.look()
        os.close(self.terminal)
        return status, size


class Progress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.trace = make_trace("calls", Path(cls.temporary.name) / "calls", RECORDS)

    def test_a_long_read_says_how_far_it_has_come(self):
        for jobs in ("1", "3"):
            reader = Reader(self.trace, "-j", jobs)
            # Whoever reads the pipe takes a pause: the command is at work for longer than half a
            # second then, whatever the machine.
            reader.child.stdout.read1(1000)
            while time.monotonic() < reader.started + 0.75:
                select.select([reader.terminal], [], [], 0.05)
            status, size = reader.read_to_the_end()
            self.assertEqual(status, 0)
            self.assertGreater(size, 10 * RECORDS)
            shares = [int(match[1]) for match in LINE.finditer(reader.shown)]
            self.assertTrue(shares, reader.shown)
            self.assertEqual(shares, sorted(shares))
            self.assertLess(shares[-1], 101)
            self.assertTrue(reader.shown.endswith(GONE), reader.shown[-100:])
            self.assertEqual(LINE.sub(b"", reader.shown), GONE)

    def test_nothing_is_said_where_nobody_looks(self):
        with subprocess.Popen([ADATRACE, "decode", self.trace], env=PLAIN, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as child:
            child.stdout.read1(1000)
            started = time.monotonic()
            while time.monotonic() < started + 0.75:
                select.select([child.stderr], [], [], 0.05)
            while child.stdout.read1(1 << 20):
                pass
            self.assertEqual(child.stderr.read(), b"")

    def test_a_short_read_says_nothing(self):
        reader = Reader(self.trace, "--to", "1us")
        self.assertEqual(reader.read_to_the_end()[0], 0)
        self.assertEqual(reader.shown, b"")


if __name__ == "__main__":
    unittest.main()
