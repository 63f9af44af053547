# SPDX-License-Identifier: Apache-2.0
"""A program that emits on demand, recorded or recording itself, in a place of its own for sessions."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import recording

PROGRAM = recording.BUILD / "tests" / "live" / "emit_on_demand"
PATIENCE_S = 60


class Program:
    """The program under the command given (`adatrace record ... --`), or by itself."""

    def __init__(self, env, *prefix, program=(PROGRAM,)):
        self.process = subprocess.Popen([str(word) for word in (*prefix, *program)], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = int(self.process.stdout.readline().split()[1])

    def do(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[1])

    def stats(self):
        """What ada_session_stats() tells it."""
        self.process.stdin.write("stats\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        self.process.stdout.readline()
        return told

    def end(self):
        """Its exit status and what was said on stderr."""
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


class LiveTest(unittest.TestCase):
    """Sessions of these tests only."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.sessions = self.folder / "run"
        self.sessions.mkdir()
        self.env = {**os.environ, "ADATRACE_RUNTIME_DIR": str(self.sessions)}

    def adatrace(self, *words, status=0):
        done = recording.run([recording.ADATRACE, *words], env=self.env, timeout=PATIENCE_S)
        self.assertEqual(done.status, status, done.stderr.decode())
        return done

    def list(self, *words):
        return json.loads(self.adatrace("list", "-F", "json", *words).stdout)

    def start(self, *prefix):
        program = Program(self.env, *prefix)
        self.addCleanup(program.kill)
        return program

    def record(self, *options, trace="x.adatrace"):
        return self.start(recording.ADATRACE, "record", "-o", self.folder / trace, *options, "--")

    def info(self, trace="x.adatrace"):
        return json.loads(self.adatrace("info", "-F", "json", self.folder / trace).stdout)
