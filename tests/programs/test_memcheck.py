#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs under valgrind's memcheck, untraced and with the agent loaded: the agent adds no error and keeps no block.

    test_memcheck.py SCENARIO|PROGRAM [--long]

A scenario of scenarios.py, or a program of tests/unit/agent/programs by its name. Children are followed. Memcheck's
own malloc stays behind the agent's (nouserintercepts), so that the agent's hooks run, and run checked. Those that run
only at night (--long) have a row of their own.
"""

import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

import recording
from scenarios import LUA, SCENARIOS, Scenario, environment_of, prepared

PROGRAMS = recording.BUILD / "tests" / "unit" / "agent" / "programs"
# Of each process: looking for functions that this libc does not have yet leaves a message each, which is freed at once.
LOOKUPS = 4
ERRORS = re.compile(r"ERROR SUMMARY: ([\d,]+) errors from ([\d,]+) contexts")
USAGE = re.compile(r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees")
WHERE = re.compile(r"^==\d+== +(?:at|by) 0x[0-9A-F]+: .*adatrace.*$", re.M)


def memcheck(log, *more):
    # No search for leaks: it would read the whole segment, tens of gigabytes of room that nobody has used.
    return ["valgrind", "--leak-check=no", "--trace-children=yes", "--soname-synonyms=somalloc=nouserintercepts",
            "--run-libc-freeres=no", "--run-cxx-freeres=no", "--error-limit=no", "--num-callers=20", "--gen-suppressions=no",
            f"--log-file={log}/%p.log", *more]


def number(text):
    return int(text.replace(",", ""))


class Seen:
    """What memcheck says in all logs of a folder."""

    def __init__(self, folder):
        self.text = "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.log")))
        self.errors = sum(number(errors) for errors, _ in ERRORS.findall(self.text))
        self.contexts = sum(number(contexts) for _, contexts in ERRORS.findall(self.text))
        usage = [(number(allocations), number(frees)) for allocations, frees in USAGE.findall(self.text)]
        # One for each process. A forked child's begin with its parent's, and their ids differ from run to run.
        self.allocations = sorted(allocations for allocations, _ in usage)
        self.kept = sorted(allocations - frees for allocations, frees in usage)


class Memcheck(unittest.TestCase):
    """One program, twice."""

    name = None
    row = "memcheck"

    def perform(self, folder, directory, how, *options):
        where = prepared(self.scenario, folder, directory)
        log = folder / f"log-{directory}"
        log.mkdir()
        # As many variables in both runs: some programs copy them.
        environment = {"ADATRACE_SESSION": "under record this is another", **environment_of(self.scenario, where)}
        outcome = how([*memcheck(log, *options), *map(str, self.scenario.command(where))], cwd=where,
                      env=environment, stdin=self.scenario.stdin)
        return outcome, Seen(log)

    def test_agent_adds_no_error_and_keeps_no_block(self):
        self.scenario = SCENARIOS.get(self.name) or Scenario(command=lambda d: [PROGRAMS / self.name])
        with tempfile.TemporaryDirectory() as name:
            folder, trace = Path(name), Path(name) / "it.adatrace"
            plain, before = self.perform(folder, "1", recording.run)
            traced, after = self.perform(
                folder, "2", lambda command, **where: recording.record(trace, command, ["--policy", "block:60s"],
                                                                       **where))
            self.assertEqual((traced.status, traced.stdout), (plain.status, plain.stdout), traced.stderr)
            self.assertGreater(len(ERRORS.findall(after.text)), 0, "memcheck has seen no process")
            report = recording.report(trace)
            self.assertEqual(recording.verify(trace).status, 0)
        self.assertIsNone(WHERE.search(after.text), f"an error with the agent in its stack:\n{after.text}")
        self.assertLessEqual(after.errors, before.errors, after.text)
        self.assertLessEqual(after.contexts, before.contexts, after.text)
        self.assertGreater(report["memory"]["allocations"], 0, "the agent's hooks were not in front")
        if self.scenario.single:
            self.assertEqual(after.kept, before.kept)
            more = [traced - plain for plain, traced in zip(before.allocations, after.allocations)]
            self.assertLessEqual(max(more), LOOKUPS, f"of {len(more)} processes: {more}")
        self.tell(f"{sum(after.allocations)} allocations, {report['events']} events of the agent, "
                  f"{after.errors} errors ({before.errors} untraced)")

    def tell(self, figure):
        folder = os.environ.get("ADATRACE_EVIDENCE")
        if folder:
            kept = Path(folder) / f"{self.row}.programs"
            kept.mkdir(exist_ok=True)
            (kept / self.name).write_text(f"{self.name}: {figure}\n", encoding="utf-8")
            Path(folder, self.row).write_text(
                "; ".join(path.read_text(encoding="utf-8").strip() for path in sorted(kept.iterdir())) + "\n",
                encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: test_memcheck.py SCENARIO|PROGRAM [--long]")
    Memcheck.name = sys.argv.pop(1)
    if sys.argv[1:2] == ["--long"]:
        Memcheck.row = "memcheck-nightly"
        del sys.argv[1]
    if recording.SANITIZER or (Memcheck.name.startswith("lua") and not (LUA / "lua-functions").exists()):
        print("skipped: valgrind and sanitizers do not go together, or build/lua is missing (scripts/fetch-lua)")
        sys.exit(recording.SKIPPED)
    unittest.main()
