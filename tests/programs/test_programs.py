#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs under `adatrace record`: unharmed, and every count right.

    test_programs.py SCENARIO

With nothing lost (policy block), so that counts can be compared with those of valgrind and uftrace.
"""

import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import recording
import uftrace_count
import valgrind_count
from heap_model import heap_of
from scenarios import LUA, SCENARIOS, environment_of, prepared

LOSSLESS = ["--policy", "block:60s"]
# By construction of scenarios.LUA_JUMPS.
JUMP_CALLS = {"luaB_pcall": 500, "luaB_error": 500, "luaB_auxwrap": 300, "luaB_yield": 300}


class Program(unittest.TestCase):
    """What holds for every program."""

    name = None

    @classmethod
    def setUpClass(cls):
        cls.scenario = SCENARIOS[cls.name]
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.trace = recording.kept(f"program_{cls.name}")
        cls.untraced = cls.perform("1", recording.run)
        cls.traced = cls.perform(
            "2", lambda command, **where: recording.record(cls.trace, command, LOSSLESS, **where))
        cls.info = recording.info(cls.trace)
        cls.events = list(recording.events(cls.trace))

    @classmethod
    def perform(cls, directory, how, **more):
        """The scenario's command by `how`, in a fresh directory."""
        where = prepared(cls.scenario, cls.folder, directory)
        environment = {**environment_of(cls.scenario, where), **more}
        return how(cls.scenario.command(where), cwd=where, env=environment,
                   stdin=cls.scenario.stdin)

    def test_behaves_as_untraced(self):
        self.assertEqual(self.untraced.status, self.scenario.status)
        self.assertEqual(self.traced.status, self.untraced.status, self.traced.stderr)
        self.assertEqual(self.traced.stdout, self.untraced.stdout)
        stderr, own = recording.own_words(self.traced.stderr)
        self.assertEqual(stderr, self.untraced.stderr)
        self.assertEqual(own.count(b"\n"), 1, own)  # the summary, in one line

    def test_trace_verifies(self):
        verified = recording.verify(self.trace)
        self.assertEqual(verified.status, 0, verified.stdout + verified.stderr)

    def test_attempted_is_decoded_and_dropped(self):
        counted = recording.count(self.events)
        self.assertEqual(list(recording.ledger_mismatches(self.info, counted)), [])
        self.assertEqual(self.info["dropped"], 0)
        self.assertEqual(self.info["events"], counted.threads.total())
        self.assertTrue(self.info["complete"])

    def test_time_never_goes_back(self):
        for before, after in zip(self.events, self.events[1:]):
            self.assertLessEqual(before["ts_ns"], after["ts_ns"])


class SingleProcess(Program):
    """What holds for a program that allocates the same every time."""

    def test_allocations_are_those_that_valgrind_counts(self):
        heap = heap_of(self.events)
        log = self.folder / "valgrind.log"
        outcome, usage = self.perform(
            "3", lambda command, **where: valgrind_count.heap_usage(command, log, **where),
            ADATRACE_SESSION="as many variables as under record")
        self.assertEqual(outcome.stdout, self.untraced.stdout)
        allocations, frees, size = usage
        self.assertEqual((heap.allocations, heap.frees), (allocations, frees))
        # Some programs copy their environment; what stands in it is not the same.
        self.assertAlmostEqual(heap.bytes, size, delta=max(1024, size // 1000))

    def test_every_free_has_its_allocation(self):
        if len({e["tid"] for e in self.events}) > 1:
            self.skipTest("between threads the order of events is that of their ends")
        self.assertEqual(heap_of(self.events).wrong, [])


class Functions(SingleProcess):
    """What holds for a program built with -finstrument-functions."""

    def reported_calls(self):
        calls = Counter()
        for function in recording.report(self.trace)["functions"]:
            calls[function["name"]] += function["calls"]
        return calls

    def test_calls_are_those_that_uftrace_counts(self):
        if self.name == "lua_jumps":
            self.skipTest("uftrace miscounts functions that are left by longjmp")
        data = self.folder / "uftrace"
        outcome, calls = self.perform(
            "4", lambda command, **where: uftrace_count.calls(command, data, **where))
        self.assertEqual(outcome.stdout, self.untraced.stdout)
        ours = self.reported_calls()
        differences = {name: (ours[name], calls[name]) for name in ours | calls
                       if ours[name] != calls[name]}
        self.assertEqual(differences, {})

    def test_calls_left_by_longjmp_are_counted(self):
        if self.name != "lua_jumps":
            self.skipTest("nothing jumps here")
        calls = self.reported_calls()
        self.assertEqual({name: calls[name] for name in JUMP_CALLS}, JUMP_CALLS)

    def test_decoded_entries_are_the_reported_calls(self):
        entries = Counter(e["symbols"]["function"] for e in self.events
                          if e["event"] == "function:enter")
        self.assertEqual(entries.total(), self.reported_calls().total())


def load_tests(loader, _tests, _pattern):
    kind = Program
    if Program.name.startswith("lua"):
        kind = Functions
    elif SCENARIOS[Program.name].single:
        kind = SingleProcess
    return loader.loadTestsFromTestCase(kind)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in SCENARIOS:
        sys.exit(f"usage: test_programs.py {'|'.join(SCENARIOS)}")
    Program.name = sys.argv.pop(1)
    if Program.name.startswith("lua") and not (LUA / "lua-functions").exists():
        print("no build/lua: run scripts/fetch-lua")
        sys.exit(recording.SKIPPED)
    unittest.main()
