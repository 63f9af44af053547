#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report on a program whose calls are hard to follow, at several levels of optimisation."""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from cli_tool import ADATRACE, BUILD, PLAIN, run

PROGRAMS = sorted((BUILD / "tests" / "cli").glob("odd_calls_*"))
CALLS = {"main": 1, "fib": 8361, "squares": 1010, "square": 2020, "jumps": 1, "jump_over": 1000,
         "jump_if_even": 1000, "signals": 1, "handle": 10}
# Half of the rounds leave two functions by longjmp.
UNFINISHED = {"jump_over": 500, "jump_if_even": 500}


class OddCalls(unittest.TestCase):
    def for_each(self, check):
        self.assertGreater(len(PROGRAMS), 0)
        for program in PROGRAMS:
            with self.subTest(program.name), tempfile.TemporaryDirectory() as folder:
                trace = Path(folder) / "odd.adatrace"
                subprocess.run([ADATRACE, "record", "-o", trace, "--policy", "block:60s", "--",
                                program], env=PLAIN, capture_output=True, check=True)
                done = run("report", trace, "-F", "json", "-e", "function:*")
                self.assertEqual(done.returncode, 0, done.stderr)
                check({f["name"]: f for f in json.loads(done.stdout)["functions"]}, trace)

    def test_every_call_is_counted(self):
        def check(functions, _):
            self.assertEqual({name: f["calls"] for name, f in functions.items()}, CALLS)
            self.assertEqual({name: f["unfinished"] for name, f in functions.items()
                              if f["unfinished"]}, UNFINISHED)
        self.for_each(check)

    def test_self_times_add_up_to_that_of_main(self):
        def check(functions, _):
            whole = functions["main"]["total_ns"]
            self.assertAlmostEqual(sum(f["self_ns"] for f in functions.values()), whole,
                                   delta=len(functions))
            for name, function in functions.items():
                self.assertLessEqual(function["self_ns"], function["total_ns"], name)
                self.assertLessEqual(function["total_ns"], whole, name)
            inner = functions["jump_over"]["total_ns"]
            self.assertLessEqual(functions["jump_if_even"]["total_ns"], inner)
            self.assertLessEqual(inner, functions["jumps"]["total_ns"])
        self.for_each(check)

    def test_text_is_indented_and_comes_back_to_main(self):
        def check(_, trace):
            lines = run("decode", trace, "-e", "function:*").stdout.splitlines()
            column = {line[line.index(arrow):]: line.index(arrow) for line in lines
                      for arrow in ("> ", "< ") if arrow in line}
            last = lines[-1]
            self.assertIn("< main  ", last)
            self.assertEqual(last.index("< "), column["> main"])
            self.assertEqual(column["> jumps"], column["> main"] + 2)
            self.assertEqual(column["> signals"], column["> main"] + 2)
        self.for_each(check)

    def test_functions_of_one_name_are_told_apart_by_their_modules(self):
        for programs, names in ((PROGRAMS[:2], [f"fib ({program.name})" for program in PROGRAMS[:2]]),
                                (PROGRAMS[:1], ["fib"])):
            with self.subTest(names), tempfile.TemporaryDirectory() as folder:
                trace = Path(folder) / "x.adatrace"
                subprocess.run([ADATRACE, "record", "-o", trace, "--policy", "block:60s", "--", "sh", "-c",
                                "; ".join(map(str, programs))], env=PLAIN, capture_output=True, check=True)
                shown = run("report", trace, "-e", "function:*", "--sort", "name").stdout
                self.assertEqual(re.findall(r"  (fib(?: \(\S+\))?)(?:  |$)", shown, re.M), names)


if __name__ == "__main__":
    unittest.main()
