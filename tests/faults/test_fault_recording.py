#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace record with every call failing once: in the command with its collector, and in the agent.

The program's output and status are those of the untraced run, and the file says what it has not.
"""

import json
import unittest
from concurrent.futures import ThreadPoolExecutor

import fault_plan
import fault_sweep
import fault_verdict
import recording

PROGRAM = fault_sweep.PROGRAMS / "fault_program"
EVENTS, THREADS = 100, 2
STATUS = 7

# Hooks pass these on for the program: what fails in them has failed for it, traced or not.
PASSED_ON = ("malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "pthread_create", "fork", "execve")

# What cannot be removed stays; `adatrace list` tries again.
STAYS = ("unlink", "rmdir")


class Recording(fault_sweep.Sweeping):
    expected = EVENTS * (THREADS + 1) + 3  # and three in the forked child

    def setUp(self):
        super().setUp()
        self.trace = self.out / "x.adatrace"
        self.program = [PROGRAM, EVENTS, THREADS, "fork"]
        self.untraced = recording.run([str(word) for word in self.program])
        self.assertEqual(self.untraced.status, STATUS)

    def command(self, *options):
        return [recording.ADATRACE, "record", "-o", self.trace, *options, "--", *self.program]

    def judge(self, done, _, fault):
        theirs, own = recording.own_words(done.stderr)
        if self.left_over() and not (fault and fault.call in STAYS):
            return f"left {self.left_over()}"
        if not done.stdout:  # the program did not run
            if done.status not in (1, 2, 126, 127) or not own:
                return "did not run the program, and gives no reason"
            return f"left {list(self.out.iterdir())}" if any(self.out.iterdir()) else None
        if done.stdout != self.untraced.stdout or theirs != self.untraced.stderr:
            return "changed what the program says"
        # Nothing of ours is on stdout: this is not what fails there.
        if done.status != STATUS and not (fault and fault.call == "fflush"):
            return "changed the program's status"
        files = sorted(self.out.iterdir())
        if not files:
            return "no file"
        return fault_verdict.files_problem(files, self.expected, own.decode())


class Collector(Recording):
    key = "faults-collector"

    def test_every_call_of_the_command(self):
        bench = fault_plan.Bench(self.folder, "*", "adatrace")
        self.sweep(bench, self.command(), self.judge, binary=recording.ADATRACE)

    def test_memory_that_never_comes(self):
        bench = fault_plan.Bench(self.folder, ":adatrace:", "adatrace")
        self.sweep(bench, self.command(), self.judge, binary=recording.ADATRACE, chosen=fault_sweep.memory_never)

    def test_every_call_of_a_command_with_threads_that_compress(self):
        if not fault_sweep.arguments.all:
            self.skipTest("nightly")
        bench = fault_plan.Bench(self.folder, "*", "adatrace")
        self.sweep(bench, self.command("--drain-threads", "2"), self.judge, binary=recording.ADATRACE)

    def test_while_it_goes_on_in_other_files(self):
        """Calls that only a rotating session makes, and all of those by which one file is opened, written and ended."""
        bench = fault_plan.Bench(self.folder, ":adatrace:", "adatrace")
        _, always = bench.sites(self.command(), env=self.environment)
        self.program[1], self.expected = 20000, 20000 * (THREADS + 1) + 3
        each = ("open", "write", "ftruncate", "pthread_create")
        if fault_sweep.arguments.all:
            each += ("calloc", "malloc", "realloc", "strdup", "fallocate", "fstat", "close")

        def judge(done, base, fault):
            if not fault and len(list(self.out.iterdir())) < 2:
                return "there is one file only"
            return self.judge(done, base, fault)

        def chosen(sites):
            new = {where: count for where, count in sites.items() if where not in always}
            yield from fault_sweep.faults(new, fault_sweep.arguments.all)
            yield from fault_sweep.each_time(*each)(sites)
        self.sweep(bench, self.command("--rotate-size", "64K", "--level", "0", "--policy", "block", "-e", "fault:*"),
                   judge, binary=recording.ADATRACE, chosen=chosen)

    def test_slow_disk(self):
        # Every write takes 20 ms: rings grow, records are dropped, and all of it is counted.
        bench = fault_plan.Bench(self.folder, ":adatrace:", "adatrace")
        slow = fault_plan.Fault("write", 20000, fault_plan.SLOW, last=fault_plan.FOR_EVER)
        command = [recording.ADATRACE, "record", "-o", self.trace, "--ring-size", "4K", "--ring-max", "4K", "--",
                   PROGRAM, 20000, THREADS]
        done = bench.run(slow, command, env=self.environment)
        self.assertGreater(done.fired, 0)
        theirs, own = recording.own_words(done.stderr)
        self.assertEqual((done.status, theirs), (STATUS, self.untraced.stderr), done)
        self.assertIsNone(fault_verdict.files_problem([self.trace], 20000 * (THREADS + 1), own.decode()))

    def test_disk_that_stands_still_loses_nothing_of_who_waits(self):
        # Longer than a drain may be silent that nobody knows to be alive; rings hold a hundred events.
        bench = fault_plan.Bench(self.folder, ":adatrace:", "adatrace")
        still = fault_plan.Fault("write", 1500000, fault_plan.SLOW, first=4, last=6)
        command = [recording.ADATRACE, "record", "-o", self.trace, "--ring-size", "4K", "--ring-max", "4K",
                   "--policy", "block:60s", "--", PROGRAM, 20000, THREADS]
        done = bench.run(still, command, env=self.environment)
        self.assertEqual((done.status, done.fired), (STATUS, 3), done)
        info = recording.info(self.trace)
        self.assertEqual((info["dropped"], recording.verify(self.trace).status), (0, 0))

    def test_session_that_a_disk_holds_up_is_busy_and_not_ending(self):
        bench = fault_plan.Bench(self.folder, ":adatrace:", "adatrace")
        still = fault_plan.Fault("write", 4_500_000, fault_plan.SLOW, first=4, last=4)
        command = [recording.ADATRACE, "record", "-o", self.trace, "--", PROGRAM, 20000, THREADS]
        met = set()
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(bench.run, still, command, env=self.environment)
            while not run.done():
                listed = recording.run([recording.ADATRACE, "list", "-F", "json", "-i", "0s"], env=self.environment)
                met |= {(one["busy"], one["ending"]) for one in json.loads(listed.stdout)["sessions"]}
        self.assertEqual((run.result().status, run.result().fired), (STATUS, 1))
        self.assertIn((True, False), met)


class Agent(Recording):
    key = "faults-agent"

    def test_every_call_of_the_agent(self):
        agent = recording.BUILD / "agent" / "libadatrace-agent.so"
        bench = fault_plan.Bench(self.folder, f":{agent.name}:", PROGRAM.name)
        self.sweep(bench, self.command(), self.judge, without=PASSED_ON, binary=agent)


if __name__ == "__main__":
    fault_sweep.main()
