#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that read traces, or look for sessions, with every call failing once."""

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
        self.trace = self.folder / "a.adatrace"
        self.assertEqual(recording.record(self.trace, [PROGRAM, "50", "2", "fork"]).status, 7)

    def test_reading(self):
        trace = self.trace
        for words in (["info", trace], ["info", trace, "-F", "json"], ["report", trace],
                      ["report", trace, "-F", "json"], ["decode", trace], ["decode", trace, "-F", "json"],
                      ["decode", trace, "-F", "csv"], ["decode", trace, "-w", "size > 20"], ["verify", trace],
                      ["config"], ["help"], ["help", "record"], ["list"], ["list", "-F", "json"]):
            with self.subTest(words):
                self.sweep(self.bench, [ADATRACE, *words], self.status_problem, binary=ADATRACE)


if __name__ == "__main__":
    fault_sweep.main()
