# SPDX-License-Identifier: Apache-2.0
"""Making every call of a command fail, one run for each, and what all sweeps have in common.

The short form fails, at every place that calls something that can fail, the first call there. The
long one (--all) fails the n-th call of every function, for every n and every reason, and everything
from a place's first call on. What the kernel never does is not asked for: an interrupted call is
interrupted once.
"""

import argparse
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import fault_errors
import fault_plan
import recording

PROGRAMS = recording.BUILD / "tests" / "faults"
OWN = b"adatrace"  # what every line of ours on stderr begins with
REACHED_MIN = 0.9  # of the runs; threads do not always come to their n-th call in the same way

arguments = argparse.Namespace(all=False)


def faults(sites, all_of_them, without=()):
    """The faults of a sweep over these places."""
    for where in sites:
        if where.call in without:
            continue
        yield from fault_errors.faults(where.call, all_of_them, where=where)
        if all_of_them:
            for fault in fault_errors.faults(where.call, False, where=where, last=fault_plan.FOR_EVER):
                if fault.mode == fault_plan.FAIL and fault.error != errno.EINTR:
                    yield fault
    if not all_of_them:
        return
    counts = Counter()
    for where, count in sites.items():
        if where.call not in without:
            counts[where.call] += count
    for call, count in counts.items():
        for number in range(1, count + 1):
            yield from fault_errors.faults(call, False, first=number, last=number)


def memory_never(sites):
    """No memory from a place's first call on: what is tried again and again is never to be had."""
    for where in sites:
        if where.call == "calloc":
            yield fault_plan.Fault(where.call, errno.ENOMEM, where=where, last=fault_plan.FOR_EVER)


def each_time(*calls):
    """For `chosen`: every call of these functions by itself, not only the first of a place: what opens one file opens
    others."""
    def chosen(sites):
        for call in calls:
            count = sum(number for where, number in sites.items() if where.call == call)
            for number in range(1, count + 1):
                yield from fault_errors.faults(call, False, first=number, last=number)
    return chosen


def source_line(path, where):
    """The source line of a place, for people."""
    done = subprocess.run(["addr2line", "-spfie", str(path), hex(where.offset - 1)], capture_output=True,
                          check=False, text=True)
    return done.stdout.strip().replace("\n", ", ")


class Sweeping(unittest.TestCase):
    """A folder of its own, sessions that nobody else sees, and counts for the evidence."""

    key = None  # the row of evidence
    runs = fired = wrong = 0
    left_out = ()  # what could not be tried here, in words

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="adatrace-faults-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.out = self.folder / "out"
        self.sessions = self.folder / "sessions"
        self.clean()
        self.environment = {**os.environ, "LC_ALL": "C", "XDG_CONFIG_HOME": str(self.folder),
                            "ADATRACE_RUNTIME_DIR": str(self.sessions)}

    def clean(self):
        for folder in (self.out, self.sessions):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)

    def left_over(self):
        """What a session has left of itself."""
        return sorted(str(path.relative_to(self.sessions)) for path in self.sessions.rglob("*"))

    def sweep(self, bench, command, judge, without=(), binary=None, chosen=None, **where):
        """Run `command` under every fault, or those `chosen` for the places that there are; `judge` says in words what
        is wrong with what it did."""
        base, sites = bench.sites(command, env=self.environment, **where)
        self.assertFalse(base.hung)
        self.assertGreater(len(sites), 0, "nothing was counted")
        problem = judge(base, base, None)
        self.assertIsNone(problem, f"without any fault: {problem}")
        problems, fired = [], self.fired
        for fault in chosen(sites) if chosen else faults(sites, arguments.all, without):
            self.clean()
            memory = sorted(os.listdir("/dev/shm"))
            done = bench.run(fault, command, env=self.environment, **where)
            type(self).runs += 1
            type(self).fired += bool(done.fired)
            problem = common_problem(done) or judge(done, base, fault)
            if not problem and self.shared_memory_left(memory):
                problem = f"left {self.shared_memory_left(memory)} in /dev/shm"
            if problem:
                place = source_line(binary, fault.where) if binary and fault.where else ""
                problems.append(f"{fault} {place}: {problem}; {done}")
                print(problems[-1], file=sys.stderr, flush=True)
        self.clean()
        self.assertEqual(problems, [])
        self.assertGreater(self.fired, fired, "no fault was reached: these were runs like any other")

    says_less = ()  # lines of output that truly say what it has not, with the status of always

    def status_problem(self, done, base, fault):
        """The output and the status are what they always are, or a sentence says why not and the status is 1."""
        if done.status == base.status:
            said = b"".join(line for line in done.stdout.splitlines(keepends=True) if line not in self.says_less)
            return None if said == base.stdout else "another output, and the status of always"
        if done.status not in (1, 2):
            return f"status {done.status}"
        # What verify has to say is its output.
        if not done.stderr.startswith(OWN) and not done.stdout.rstrip().endswith(b"unreadable"):
            return "no sentence"
        if done.status == 2 and fault.call not in ("open", "fopen"):
            return "called a misuse"
        return None

    @staticmethod
    def shared_memory_left(before):
        # Other tests run beside this one.
        return [name for name in os.listdir("/dev/shm") if name.startswith("adatrace") and name not in before
                and not name.startswith(("adatrace-test", "adatrace-channels", "adatrace-faulty"))]

    def run(self, result=None):
        """As always, and remembers whether anything has failed: what failed has no figure."""
        before = _bad(result) if result is not None else 0
        result = super().run(result)
        if result is not None:
            type(self).wrong += _bad(result) - before
        return result

    def leave_out(self, what, why):
        """Skip this test, and say so in the figure."""
        type(self).left_out = (*self.left_out, what)
        self.skipTest(why)

    @classmethod
    def figure(cls):
        return (f"{cls.runs} runs with a failing call, {cls.fired} of them reached it: none crashed, hung, or lost "
                "anything without saying so")

    @classmethod
    def assert_reached(cls):
        """A fault that never comes shows nothing, however good the run."""
        if cls.fired < cls.runs * REACHED_MIN:
            raise AssertionError(f"of {cls.runs} runs with a failing call only {cls.fired} reached it")

    @classmethod
    def tearDownClass(cls):
        cls.assert_reached()
        if cls.key and cls.runs and not cls.wrong:
            # The long form has a row of its own.
            evidence(f"{cls.key}-nightly" if arguments.all else cls.key,
                     cls.figure() + "".join(f"; not tried here: {what}" for what in cls.left_out))


def _bad(result):
    return len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)


def common_problem(done):
    """What nothing may do, whatever fails."""
    if done.hung:
        return "hangs"
    if done.status < 0:
        return f"killed by signal {-done.status}"
    if b": Success" in done.stderr:
        return "a sentence that ends with Success"
    return None


def evidence(key, text):
    folder = os.environ.get("ADATRACE_EVIDENCE")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / key).write_text(text + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true", help="every call, every reason: the nightly form")
    known, rest = parser.parse_known_args()
    arguments.all = known.all
    unittest.main(argv=[sys.argv[0], *rest])
