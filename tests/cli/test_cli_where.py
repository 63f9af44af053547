#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`--where`: the events that a condition fits, and conditions that are refused."""

import json
import os
import unittest

from cli_tool import Traces, run

# Expression, and what is printed: "event@microseconds".
ROWS = [
    ("memory:malloc", ["malloc@20", "malloc@380", "malloc@400", "malloc@650"]),
    ("memory:malloc && size > 1K", ["malloc@380"]),
    ("memory:*.size >= 100 && memory:*.size < 1G", ["malloc@20", "realloc@200", "calloc@370"]),
    ("memory:malloc.duration >= 50ns && tid == 4243", ["malloc@400"]),
    ("memory:*.duration > 399ns", ["realloc@200"]),
    ("memory:* && caller == \"serve\" && pid == 4300", ["malloc@650"]),
    ("memory:* && !(caller != 0x555500001400)", ["calloc@370", "malloc@380", "free@500", "free@510"]),
    ("result == 0x7f0000000010", ["malloc@20", "malloc@650"]),
    ("slow(fib) >= 30us", ["exit@80", "exit@640"]),
    ("slow(fib) > 0 && slow(fib) < 30us", ["exit@70", "exit@150"]),
    ("slow(checkout) == 50us", ["checkout@90"]),
    ("slow(shop:*) > 1us || slow(main) > 1us", ["checkout@90", "exit@900"]),
    ("slow(fib) > 1s", []),
    ("test:kinds.colour == red", ["kinds@300"]),
    ("test:kinds.colour == 3", ["kinds@320"]),
    ("u64 == 18446744073709551615 && i64 == -9223372036854775808 && grid[1] == -2 && f64 == 1.5",
     ["kinds@300"]),
    ("f64 < 0", ["kinds@320"]),
    ("i24 != -2", []),
    ("text contains \"quote\"", ["text@330"]),
    ("data endswith \"\\x01\\xfe\"", ["text@330"]),
    ("thread matches \"*1*\" && name == \"queue\"", ["queue@350"]),
    ("process == \"shop\" && time >= 520us && time < 610us", ["request@520", "request@530", "bare@600"]),
    ("adatrace:gap", ["gap@410"]),
    ("adatrace:gap.records == 12 && adatrace:gap.kind == dropped && tid == 4243", ["gap@410"]),
    ("adatrace:gap.kind == damaged", []),
    ("memory:free || adatrace:gap", ["gap@410", "free@500", "free@510"]),
    ("name in (\"queue\", \"bare\")", ["queue@350", "bare@600"]),
]

REFUSED = [
    ("memory:malloc.size >", "--where: something is missing at the end", "                      ^"),
    ("memory:malloc.sise > 5", "--where: memory:malloc has no field `sise`; did you mean `size`?",
     "                ^~~~"),
    ("test:kinds.colour == rad", "--where: `colour` has no label `rad`; did you mean `red`?",
     "                       ^~~"),
    ("slow(fib)", "--where: say how slow, as in slow(fib) > 20ms", "  ^~~~~~~~~"),
]


class Where(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        traces = Traces()
        cls.folder = traces.__enter__()
        cls.addClassCleanup(traces.__exit__)

    def decode(self, expression, *words):
        return run("decode", "mix.adatrace", "--where", expression, *words, cwd=self.folder)

    def test_events_that_fit_are_printed_and_no_others(self):
        for expression, expected in ROWS:
            for jobs in "14":
                done = self.decode(expression, "-F", "json", "-j", jobs)
                events = [json.loads(line) for line in done.stdout.splitlines()]
                got = [f"{e['event'].split(':')[1]}@{e['ts_ns'] // 1000}" for e in events]
                self.assertEqual((got, done.stderr, done.returncode), (expected, "", 0), expression)

    def test_every_format_prints_the_same_events(self):
        for expression, expected in ROWS:
            self.assertEqual(len(self.decode(expression).stdout.splitlines()), len(expected))
            rows = self.decode(expression, "-F", "csv").stdout.splitlines()
            self.assertEqual(len(rows), len(expected) + 1, expression)

    def test_other_selections_hold_as_well(self):
        done = self.decode("size > 50", "-e", "memory:malloc", "-t", "4243", "-F", "json")
        self.assertEqual([json.loads(line)["ts_ns"] for line in done.stdout.splitlines()],
                         [380000, 400000])

    def test_wrong_expressions_are_refused_with_their_place(self):
        for expression, message, caret in REFUSED:
            done = self.decode(expression)
            self.assertEqual(done.returncode, 2, expression)
            self.assertEqual(done.stderr.splitlines(),
                             ["adatrace: " + message, "  " + expression, caret])
            self.assertEqual(done.stdout, "")

    def test_mistakes_in_the_expression_show_before_the_file_is_looked_for(self):
        done = run("decode", os.devnull + "/nothing", "--where", "a:b &")
        self.assertEqual(done.returncode, 2)
        self.assertIn("write && for and", done.stderr)

    def test_names_that_mean_nothing_in_this_trace_are_told(self):
        done = self.decode("memory:maloc || memory:free", "-F", "json")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertIn("no event is called `memory:maloc`; did you mean `memory:malloc`?", done.stderr)


if __name__ == "__main__":
    unittest.main()
