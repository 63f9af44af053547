#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that are built with a sanitizer, recorded: as untraced, and no finding of the sanitizer's about us."""

import tempfile
import unittest
from pathlib import Path

import evidence
import recording

HERE = Path(__file__).resolve().parent
SANITIZERS = {"gcc": ("address", "leak", "thread", "undefined"),
              "clang": ("address", "leak", "memory", "thread", "undefined")}
THREADS = 240  # of sanitized_shop.c, and of each of its events three things are told
EACH = 500


class Sanitizers(unittest.TestCase):
    runs = 0

    @classmethod
    def tearDownClass(cls):
        if cls.runs == 2 * sum(map(len, SANITIZERS.values())) + 2 * len(SANITIZERS):
            evidence.tell("sanitizers", f"{cls.runs} runs of programs of 2 compilers and 5 sanitizers, each as untraced; "
                                        f"{3 * THREADS * EACH:,} events of {THREADS} threads under ThreadSanitizer, "
                                        "no report")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.trace = self.folder / "x.adatrace"

    def build(self, compiler, sanitizer, name, *words):
        program = self.folder / f"{name}-{compiler}-{sanitizer}"
        done = recording.run([compiler, "-g", "-O1", "-pthread", f"-fsanitize={sanitizer}",
                              "-I", recording.SOURCE / "include", "-o", program, HERE / f"{name}.c", *words])
        self.assertEqual(done.status, 0, done.stderr.decode())
        return program

    def test_program_runs_as_it_does_untraced(self):
        for compiler, sanitizers in SANITIZERS.items():
            for sanitizer in sanitizers:
                program = self.build(compiler, sanitizer, "sanitized_threads")
                plain = recording.run([program, 100])
                self.assertEqual((plain.status, plain.stdout), (0, b"done\n"), plain.stderr)
                for command in ([program, 100], ["sh", "-c", '"$1" 100; exit $?', "sh", program]):
                    with self.subTest(compiler=compiler, sanitizer=sanitizer, command=command[0]):
                        traced = recording.record(self.trace, command, ("--policy", "block"))
                        theirs, _ = recording.own_words(traced.stderr)
                        self.assertEqual((traced.status, traced.stdout, theirs),
                                         (plain.status, plain.stdout, plain.stderr))
                        self.assertEqual(recording.verify(self.trace).status, 0)
                        Sanitizers.runs += 1

    def shop(self, compiler):
        return self.build(compiler, "thread", "sanitized_shop", "-L", recording.BUILD, "-ladatrace",
                          f"-Wl,-rpath,{recording.BUILD}")

    def expect_all(self, done):
        theirs, _ = recording.own_words(done.stderr)
        self.assertEqual((done.status, done.stdout, theirs), (0, b"sold\n", b""))
        info = recording.info(self.trace)
        self.assertEqual((info["events"], info["dropped"]), (3 * THREADS * EACH, 0))
        self.assertEqual(recording.verify(self.trace).status, 0)
        Sanitizers.runs += 1

    def test_threads_that_take_rings_on_are_no_race(self):
        for compiler in SANITIZERS:
            shop = self.shop(compiler)
            with self.subTest(compiler=compiler, session="its own"):
                self.expect_all(recording.run([shop, EACH, self.trace]))
            with self.subTest(compiler=compiler, session="the collector's"):
                self.expect_all(recording.record(self.trace, [shop, EACH], ("--policy", "block")))


if __name__ == "__main__":
    unittest.main()
