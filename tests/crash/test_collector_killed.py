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
from crash_case import KillCase

PROGRAM = recording.BUILD / "tests" / "crash" / "emit_until_off"
POINTED = recording.BUILD / "tests" / "crash" / "crash_record"
PATIENCE_S = 60
# Another process ends when the program is at it: its segment goes, and the others' are linked anew.
ANOTHER_ENDS = '"$0" | { read said; echo "$said"; /bin/true; cat; }'


def point_environment(folder, point):
    return dict(os.environ, ADATRACE_CRASH_AT=point, ADATRACE_RUNTIME_DIR=folder,
                ADATRACE_AGENT=str(recording.BUILD / "agent" / "libadatrace-agent.so"))


class CollectorKilled(KillCase):
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

    @unittest.skipIf(recording.SANITIZER, "the agent is not preloaded into what is instrumented")
    def test_death_while_another_process_is_forgotten(self):
        """In the middle of taking it out of the list of those who are told of the collector's death."""
        for point in ("source.hidden:1", "life.linked:1", "life.linked:2"):
            with self.subTest(point), tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [POINTED, "record", "-o", Path(folder) / "killed.adatrace", "--policy", "drop", "--", "/bin/sh",
                     "-c", ANOTHER_ENDS, PROGRAM], capture_output=True, timeout=PATIENCE_S, check=False,
                    env=point_environment(folder, point))
                self.assertEqual(done.returncode, -signal.SIGKILL)
                said = done.stdout.splitlines()
                self.assertEqual(said[0], b"emitting")
                self.assertEqual(len(said), 4)  # what each thread says at its end
        self.tell("death-is-told", "killed at 3 points of forgetting another: every program's events are off")

    @unittest.skipIf(recording.SANITIZER, "the agent is not preloaded into what is instrumented")
    def test_snapshot_that_it_does_not_finish_replaces_none(self):
        with tempfile.TemporaryDirectory() as folder:
            old = Path(folder) / "old.adatrace"
            env = point_environment(folder, "rotate.left:2")
            recorder = subprocess.Popen(
                [POINTED, "record", "-o", Path(folder) / "x.adatrace", "--flight", "1M", "--", "/bin/sh", "-c",
                 "echo begun; read never"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=env)
            self.assertEqual(recorder.stdout.readline(), b"begun\n")
            ask = [recording.ADATRACE, "snapshot", "--force", "-o", old]
            self.assertEqual(recording.run(ask, env=env).status, 0)
            before = old.read_bytes()
            self.assertEqual(recording.run(ask, env=env).status, 1)  # the collector dies of it
            recorder.stdin.close()
            recorder.stdout.close()
            self.assertEqual(recorder.wait(timeout=PATIENCE_S), -signal.SIGKILL)
            self.assertEqual(old.read_bytes(), before)
            self.assertEqual(recording.verify(old).status, 0)


if __name__ == "__main__":
    unittest.main()
