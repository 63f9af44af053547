#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""However many threads read a trace, they print the same, byte for byte."""

import hashlib
import subprocess
import tempfile
import unittest
from pathlib import Path

from cli_tool import ADATRACE, PLAIN, make_trace, run

RECORDS = 400_000  # enough for threads to be started
OUTPUTS = (
    "decode", "decode -F json", "decode -F csv", "report", "report -F json",
    "decode --from 500us --to 4ms -e memory:free,function:exit",
)


def printed(words, name, jobs, folder):
    """Status, hash of what was printed, what was said."""
    done = subprocess.run([ADATRACE, *words.split(), "-j", str(jobs), name], cwd=folder,
                          env=PLAIN, capture_output=True, timeout=120, check=False)
    return done.returncode, hashlib.sha256(done.stdout).hexdigest(), len(done.stdout), done.stderr


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = Path(cls.temporary.name)
        for kind in ("calls", "heap"):
            make_trace(kind, cls.folder / kind, RECORDS)

    def test_any_number_prints_the_same(self):
        for kind in ("calls", "heap"):
            for words in OUTPUTS:
                alone = printed(words, kind, 1, self.folder)
                self.assertEqual((alone[0], alone[3]), (0, b""), words)
                self.assertGreater(alone[2], 500, words)
                for jobs in (2, 5, 0):
                    self.assertEqual(printed(words, kind, jobs, self.folder), alone,
                                     (words, kind, jobs))

    def test_damage_leaves_out_the_same(self):
        whole = (self.folder / "calls").read_bytes()
        bad = bytearray(whole)
        for part in (0.3, 0.301, 0.5, 0.9):
            bad[int(part * len(bad))] ^= 16
        (self.folder / "bad").write_bytes(bad)
        for words in ("decode", "report -F json"):
            alone = printed(words, "bad", 1, self.folder)
            self.assertEqual(alone[0], 0)
            self.assertNotEqual(alone[1], printed(words, "calls", 1, self.folder)[1])
            self.assertEqual(printed(words, "bad", 4, self.folder), alone)

    def test_a_reader_that_leaves_ends_all_of_them(self):
        for words in (["decode"], ["decode", "-F", "json"]):
            with subprocess.Popen([ADATRACE, *words, "-j", "4", "calls"], cwd=self.folder,
                                  env=PLAIN, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as child:
                child.stdout.read(100)
                child.stdout.close()
                self.assertEqual(child.stderr.read(), b"")
                self.assertEqual(child.wait(timeout=60), 0)

    def test_nonsense_is_refused(self):
        for number in ("many", "-1", ""):
            done = run("decode", "-j", number, "calls", cwd=self.folder)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("jobs", done.stderr)


if __name__ == "__main__":
    unittest.main()
