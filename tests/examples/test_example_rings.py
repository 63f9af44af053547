#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples that use rings without tracing, from the build tree."""

import os
import signal
import subprocess
import tempfile
import unittest

import recording

EXAMPLES = recording.BUILD / "examples"


class Rings(unittest.TestCase):
    def expect(self, command, stdout, **more):
        outcome = recording.run(command, **more)
        self.assertEqual((outcome.status, outcome.stderr), (0, b""))
        self.assertEqual(outcome.stdout.decode(), stdout)

    def test_relay_between_threads(self):
        self.expect([EXAMPLES / "relay"], "1000000 measurements, 24.5 degrees on average\n")

    def test_chorus_of_threads(self):
        self.expect([EXAMPLES / "chorus"], "100000 notes of 100 singers\n")


class Courier(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.env = {**os.environ, "ADATRACE_CHANNELS": f"{folder.name}/channels"}
        self.program = EXAMPLES / "courier"

    def courier(self, *words):
        return recording.run([self.program, *words], env=self.env, timeout=60)

    def start(self, *words):
        process = subprocess.Popen([self.program, *words], env=self.env, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        return process

    def test_sends_and_receives_whoever_starts_first(self):
        receiver = self.start("receive", "a")
        self.assertEqual(self.courier("send", "a", "20000").status, 0)
        out, err = receiver.communicate(timeout=60)
        self.assertEqual((out.decode(), err), (
            "20000 parcels, the last one 'parcel 20000 of 20000', and the sender has left\n", b""))
        self.assertEqual(self.courier("send", "b", "100").status, 0)
        self.assertEqual(self.courier("receive", "b").stdout.decode(),
                         "100 parcels, the last one 'parcel 100 of 100', and the sender has left\n")
        listed = self.courier("list").stdout.decode().splitlines()
        self.assertEqual([line.split(" read")[0] for line in sorted(listed)],
                         ["a: 20000 written, 20000", "b: 100 written, 100"])
        self.assertEqual(self.courier("remove", "a").status, 0)
        self.assertEqual(len(self.courier("list").stdout.splitlines()), 1)

    def test_killed_sender_is_noticed(self):
        sender = self.start("send", "c", "100000000")
        receiver = self.start("receive", "c")
        while b"c: " not in (listed := self.courier("list").stdout) or b" 0 read" in listed:
            self.assertIsNone(sender.poll())
        sender.send_signal(signal.SIGKILL)
        out, err = receiver.communicate(timeout=60)
        self.assertEqual(err, b"")
        self.assertIn(b"and the sender was killed", out)
        self.assertEqual(self.courier("send", "c", "10").status, 0)
        self.assertIn(b"'parcel 10 of 10'", self.courier("receive", "c").stdout)

    def test_misuse_is_told(self):
        for words in ([], ["send"], ["send", "a/b", "1"], ["remove", "nothing"]):
            outcome = self.courier(*words)
            self.assertEqual(outcome.status, 1)
            self.assertTrue(outcome.stderr.startswith(b"courier: "))


if __name__ == "__main__":
    unittest.main()
