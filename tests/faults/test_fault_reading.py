#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that read traces, write others from them, or look for sessions, with every call failing once."""

import unittest

import fault_plan
import fault_sweep
import recording

ADATRACE = recording.ADATRACE
PROGRAM = fault_sweep.PROGRAMS / "fault_program"


class Reading(fault_sweep.Sweeping):
    key = "faults-reading"

    def setUp(self):
        super().setUp()
        self.bench = fault_plan.Bench(self.folder, "*", "adatrace")
        self.traces = []
        for name in "ab":
            trace = self.folder / f"{name}.adatrace"
            self.assertEqual(recording.record(trace, [PROGRAM, "50", "2", "fork"]).status, 7)
            self.traces.append(trace)

    def judge(self, done, base, fault):
        """The output is what it always is, or a sentence says why not and the status is 1."""
        if done.status == base.status:
            return None if done.stdout == base.stdout or done.stderr else "another output without a word"
        if done.status not in (1, 2):
            return f"status {done.status}"
        # What verify has to say is its output.
        if not done.stderr.startswith(fault_sweep.OWN) and not done.stdout.rstrip().endswith(b"unreadable"):
            return "no sentence"
        if done.status == 2 and fault.call not in ("open", "fopen"):
            return "called a misuse"
        return None

    def judge_written(self, done, base, fault):
        """The same, and there is a good file exactly when it says so."""
        problem = self.judge(done, base, fault)
        files = sorted(self.out.iterdir())
        if problem:
            return problem
        if done.status == 0:
            return None if len(files) == 1 and recording.verify(files[0]).status == 0 else f"wrote {files}"
        # The last thing it does is to flush what it has not printed: then the file is there, and good.
        if files and not (fault.call == "fflush" and recording.verify(files[0]).status == 0):
            return f"failed, and left {files}"
        return None

    def test_reading(self):
        trace = self.traces[0]
        for words in (["info", trace], ["info", trace, "-F", "json"], ["report", trace],
                      ["report", trace, "-F", "json"], ["decode", trace], ["decode", trace, "-F", "json"],
                      ["decode", trace, "-F", "csv"], ["decode", trace, "-w", "size > 20"], ["verify", trace],
                      ["config"], ["help"], ["help", "record"], ["list"], ["list", "-F", "json"]):
            with self.subTest(words):
                self.sweep(self.bench, [ADATRACE, *words], self.judge, binary=ADATRACE)

    def test_writing(self):
        new = self.out / "new.adatrace"
        for words in (["cut", self.traces[0], "-o", new], ["merge", *self.traces, "-o", new]):
            with self.subTest(words):
                self.sweep(self.bench, [ADATRACE, *words], self.judge_written, binary=ADATRACE)


if __name__ == "__main__":
    fault_sweep.main()
