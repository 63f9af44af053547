#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the collector: the program goes on, its events switch themselves off, the count stays true."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import recording

PROGRAM = recording.BUILD / "tests" / "crash" / "emit_until_off"
PATIENCE_S = 60


class CollectorKilled(unittest.TestCase):
    def run_without_collector(self, *options):
        """Kill the recorder while its program emits; what the program then said, by thread."""
        with tempfile.TemporaryDirectory() as folder:
            recorder = subprocess.Popen(
                [recording.ADATRACE, "record", "-o", Path(folder) / "killed.adatrace", *options, "--",
                 PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.assertEqual(recorder.stdout.readline(), b"emitting\n")
            os.kill(recorder.pid, signal.SIGKILL)
            # The program holds the pipe: it ends when the program does.
            said, _ = recorder.communicate(timeout=PATIENCE_S)
        return [tuple(map(int, line.split())) for line in said.splitlines()]

    def test_events_are_switched_off_and_counted_until_then(self):
        for options in (["--policy", "drop"], ["--policy", "block:60s"],
                        ["--ring-size", "4K", "--ring-max", "4K"], ["--policy", "overwrite"]):
            with self.subTest(options):
                threads = self.run_without_collector(*options)
                self.assertEqual(len(threads), 3)
                for _, attempted, written, dropped in threads:
                    # Another thread may switch it off between the last look and the last emit.
                    self.assertIn(attempted - written - dropped, (0, 1))
                    self.assertGreater(attempted, 0)


if __name__ == "__main__":
    unittest.main()
