#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events that carry CLOCK_MONOTONIC, recorded while everything is done to the clock that can be done here.

test_clock.py [--seconds N] [--seed N]: threads are moved between processors, program and collector are
stopped, CLOCK_REALTIME is stepped. At all times an event's time, in the file, in a merged file and as
`adatrace tail` told it, lies within a microsecond of what CLOCK_MONOTONIC said when it was made.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import evidence
import recording

PROBE = recording.BUILD / "tests" / "clock" / "clock_probe"
CHECK = recording.BUILD / "tests" / "clock" / "clock_check"
PROMISED_NS = 1000
STEP_S = 0.3  # of CLOCK_REALTIME, for a moment
LONG_S = 60
# Between two bursts of a thread, at most. In a long run there are fewer: millions of marks, not a hundred of them.
PAUSE_US, PAUSE_LONG_US = 400, 8000

options = argparse.Namespace()


def realtime_step():
    """There and back again. False: that is not permitted."""
    try:
        time.clock_settime(time.CLOCK_REALTIME, time.time() + STEP_S)
    except PermissionError:
        return False
    time.sleep(0.002)
    time.clock_settime(time.CLOCK_REALTIME, time.time() - STEP_S)
    return True


def collector_pid(record):
    return record.pid


def probe_pid(record):
    """Of the program under the collector, as its first line has it."""
    return int(record.stdout.readline().split()[1])


class Clock(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        sessions = self.folder / "run"
        sessions.mkdir()
        self.env = {**os.environ, "ADATRACE_RUNTIME_DIR": str(sessions)}
        self.random = random.Random(options.seed)

    def start(self, trace, *more, threads=3):
        pause_us = PAUSE_US if options.seconds < LONG_S else PAUSE_LONG_US
        command = [recording.ADATRACE, "record", "-o", trace, "-e", "clock:*", *more, "--", PROBE, threads, pause_us,
                   options.seed]
        process = subprocess.Popen([str(word) for word in command], env=self.env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end_by_force, process)
        return process, probe_pid(process)

    @staticmethod
    def end_by_force(process):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.communicate()

    def end(self, process):
        """How many marks the program has made."""
        said, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, errors)
        return int(said.split()[1])

    def tail(self):
        """In the background: what is told while it happens. A number of its own, so that it ends by itself."""
        output = (self.folder / "tail.jsonl").open("w", encoding="utf-8")
        self.addCleanup(output.close)
        process = subprocess.Popen([str(recording.ADATRACE), "tail", "-F", "json", "-e", "clock:mark"],
                                   env=self.env, stdout=output, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end_by_force, process)
        return process

    def check(self, trace, made):
        done = recording.run([CHECK, trace])
        self.assertEqual(done.status, 0, done.stderr.decode())
        verdict = json.loads(done.stdout)
        self.assertEqual(verdict["missing"], 0, verdict)
        self.assertEqual(verdict["marks"], made, verdict)
        self.assertEqual(verdict["backwards"], 0, verdict)
        self.assertLessEqual(verdict["error_ns"], PROMISED_NS, verdict)
        return verdict

    def told(self):
        with (self.folder / "tail.jsonl").open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def check_tail(self, start_ns):
        """Count, and the worst error beyond the brackets."""
        last, marks, worst = {}, 0, 0
        for event in self.told():
            if event["event"] != "clock:mark":
                last = {}
                continue
            fields, ns = event["fields"], start_ns + event["ts_ns"]
            marks += 1
            worst = max(worst, fields["before_ns"] - ns)
            number, told_ns = last.get(event["tid"], (None, 0))
            self.assertGreaterEqual(ns, told_ns, "a thread's times go back")
            if number == fields["number"] - 1:
                worst = max(worst, told_ns - fields["after_ns"])
            last[event["tid"]] = (fields["number"], ns)
        return marks, worst

    def disturb(self, collector, program, seconds):
        """Until the time is over, in an order that the seed decides. How often what was done."""
        counts = dict.fromkeys(("program stopped", "collector stopped", "realtime stepped"), 0)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.random.uniform(0.05, 0.6))
            what = self.random.choice(list(counts))
            if what == "realtime stepped":
                if self.random.random() < 0.5 and not realtime_step():
                    continue
            else:
                pid = program if what.startswith("program") else collector.pid
                os.kill(pid, signal.SIGSTOP)
                time.sleep(self.random.uniform(0.01, 0.4))
                os.kill(pid, signal.SIGCONT)
            counts[what] += 1
        return counts

    def test_times_in_file_and_tail_are_right_whatever_happens_to_the_processes(self):
        trace = self.folder / "x.adatrace"
        # Marks are few enough for rings to hold all of them while the collector is stopped.
        record, program = self.start(trace)
        tail = self.tail()
        counts = self.disturb(record, program, options.seconds)
        made = self.end(record)
        tail.wait(timeout=60)
        verdict = self.check(trace, made)
        marks, worst = self.check_tail(verdict["start_ns"])
        self.assertGreater(marks, 1000)  # of a loaded machine's tail no more is asked
        self.assertLessEqual(worst, PROMISED_NS)
        print(verdict, counts, "tail:", marks, worst)
        evidence.tell("clock-run" if options.seconds < LONG_S else "clock-run-nightly",
                      f"{options.seconds:g} s, {verdict['marks']:,} marks: at most {verdict['error_ns']} ns beyond a "
                      f"bracket of {verdict['bracket_ns']} ns in the file, {worst} ns in tail "
                      f"({', '.join(f'{n} times {what}' for what, n in counts.items())})")

    def test_two_sessions_merged_are_right_in_one_file(self):
        traces = [self.folder / f"{n}.adatrace" for n in range(2)]
        records = [self.start(trace, threads=2)[0] for trace in traces]
        time.sleep(1)
        made = sum(self.end(record) for record in records)
        merged = self.folder / "merged.adatrace"
        done = recording.run([recording.ADATRACE, "merge", *traces, "-o", merged])
        self.assertEqual(done.status, 0, done.stderr.decode())
        self.check(merged, made)

    def test_a_file_of_a_tenth_of_a_second_is_right(self):
        trace = self.folder / "x.adatrace"
        record, _ = self.start(trace)
        time.sleep(0.1)
        self.check(trace, self.end(record))

    def test_the_kernels_clock_serves_where_there_is_no_counter(self):
        trace = self.folder / "x.adatrace"
        record, program = self.start(trace, "--clock", "kernel")
        tail = self.tail()
        self.disturb(record, program, min(options.seconds, LONG_S) / 3)
        made = self.end(record)
        tail.wait(timeout=60)
        verdict = self.check(trace, made)
        self.assertEqual(verdict["clock"], "monotonic")
        self.assertEqual(verdict["error_ns"], 0)
        marks, worst = self.check_tail(verdict["start_ns"])
        self.assertGreater(marks, 1000)
        self.assertEqual(worst, 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.parse_args(namespace=options)
    if not recording.HAS_AGENT:
        print(f"skipped: {recording.NO_AGENT}")
        sys.exit(recording.SKIPPED)
    print(f"seed {options.seed}", flush=True)
    unittest.main(argv=["test_clock.py"], verbosity=2)
