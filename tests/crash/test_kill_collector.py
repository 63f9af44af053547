#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to the collector at every named point: the program's fate is its own, the file is cut off at worst.

    test_kill_collector.py [--long]
"""

import sys
import tempfile
import unittest

import crash_case
import recording
from crash_case import KILLED, LONG, PROGRAM, RECORDER, SHIPPED_AGENT, SLOW_PARTS, KillCase, Place

NTH = range(1, 40) if LONG else (1, 3)
# So small and so often that everything happens more than once.
OPTIONS = {
    "plain": ["--policy", "block:60s", "--ring-size", "4K"],
    "slow": ["--policy", "block:60s", "--ring-size", "4K"],
    # Of our own events alone: then what was dropped is of them, and adds up.
    "threads": ["--policy", "drop", "--ring-size", "4K", "--drain-threads", "3", "--events", "crash:*"],
    "rotating": ["--policy", "block:60s", "--ring-size", "4K", "--rotate-size", "64K", "--level", "0"],
}
LOSES_NOTHING = ("plain", "slow", "rotating")
# Points behind all data of a file, and behind that of one thread more each time.
BEHIND_ALL = ("finish.left", "collector.drained", "file.indexed", "file.ended")
BEHIND_A_THREAD = ("thread.flushed", "thread.told")
SAYS = '"$0" "$@"; echo "status $?"'


def rows_of(steps):
    """Row number: its numbers, out of one file after the other."""
    rows = {}
    for of_file in steps.values():
        for row, numbers in of_file.items():
            rows.setdefault(row, []).extend(numbers)
    return rows


def threads_without_row(trace):
    """The shell's, and that of what is executed at the end, as far as they have got into the file."""
    named = ((event["tid"], event["thread"]) for event in recording.events(trace))
    return min(2, len({thread for thread in named if thread[1] != PROGRAM.name}))


class KillCollector(KillCase):
    deaths = whole = 0

    def files(self, place):
        return sorted(place.folder.glob("killed*.adatrace"))

    def assert_prefixes(self, files, counters, kind):
        """What is there of each row is its beginning; where events may be dropped, each once and in order. The rows of
        each file."""
        steps = {}
        for trace in files:
            verified = recording.verify(trace)
            is_nothing = not trace.stat().st_size or b"holds nothing" in verified.stdout
            self.assertIn(verified.status, (1,) if is_nothing else (0, 3), verified.stdout)
            if not is_nothing:
                steps[trace] = crash_case.steps(trace)
        for row, numbers in rows_of(steps).items():
            emitted = counters[row][1]
            self.assertLessEqual(len(numbers), emitted + 1)
            whole = range(len(numbers)) if kind in LOSES_NOTHING else sorted(set(numbers))
            self.assertEqual(numbers, list(whole), f"row {row}")
        return steps

    def assert_all(self, steps, counters, kind):
        """The program has come to its end: each of its rows, and each event or the word that it was dropped."""
        emitted = {row: count for row, (_, count) in counters.items()}
        decoded = {row: len(numbers) for row, numbers in rows_of(steps).items()}
        self.assertTrue(emitted)
        if kind in LOSES_NOTHING:
            self.assertEqual(decoded, emitted)
        else:
            self.assertEqual(set(decoded), set(emitted))
            dropped = sum(thread["dropped"] for trace in steps for thread in recording.info(trace)["threads"])
            self.assertEqual(sum(decoded.values()) + dropped, sum(emitted.values()))

    def assert_enough(self, steps, counters, kind, point, died):
        """A file that holds nothing is a beginning, too. So: what has been written by then, for certain."""
        name, nth = point.split(":")
        rows = rows_of(steps)
        if not died:
            self.assert_all(steps, counters, kind)
        elif kind == "rotating":  # a file that is left is full of events; all the others may be under way
            self.assertTrue(rows)
        elif name in BEHIND_ALL:
            self.assert_all(steps, counters, kind)
            KillCollector.whole += 1
        elif name in BEHIND_A_THREAD:
            whole = sum(len(numbers) == counters[row][1] for row, numbers in rows.items())
            self.assertGreaterEqual(whole + sum(map(threads_without_row, steps)), int(nth))

    def kill_at(self, point, kind):
        with tempfile.TemporaryDirectory() as folder:
            place = Place(folder)
            slowly = [0, SLOW_PARTS] if kind == "slow" else []  # so long that a thread has several blocks
            outcome = place.record(RECORDER, ["/bin/sh", "-c", SAYS, PROGRAM, place.counters, *slowly], point,
                                   SHIPPED_AGENT, OPTIONS[kind])
            if outcome.status != KILLED:  # it does not come by so often
                self.assertEqual((outcome.status, outcome.stdout), (0, b"done\nstatus 7\n"), outcome.stderr)
                place.assert_folder_removed(self)
            elif place.counters.exists():  # the program had begun: its fate is its own
                self.assertEqual(outcome.stdout, b"done\nstatus 7\n", outcome.stderr)
            else:
                self.assertEqual(outcome.stdout, b"")
            counters = crash_case.counters(place.counters)
            steps = self.assert_prefixes(self.files(place), counters, kind)
            self.assert_enough(steps, counters, kind, point, outcome.status == KILLED)
            self.assert_recovers(place, steps)
            place.assert_clean(self)
            return outcome.status == KILLED

    def assert_recovers(self, place, steps):
        for trace in self.files(place):
            saved = trace.with_suffix(".saved")
            done = recording.run([recording.ADATRACE, "recover", trace, "-o", saved], env=place.environment())
            if done.status:
                self.assertRegex(done.stderr, b"holds nothing|is empty")
            elif saved.exists():
                verified = recording.verify(saved)
                self.assertIn(verified.status, (0, 3), verified.stdout)
                self.assertNotIn(b"was not closed", verified.stdout)  # losses it may tell of
                self.assertEqual(crash_case.steps(saved), steps.get(trace, {}))

    def kill_everywhere(self, kind, points, must_die):
        for point in points:
            for nth in NTH:
                with self.subTest(kind=kind, point=point, nth=nth):
                    died = self.kill_at(f"{point}:{nth}", kind)
                    KillCollector.deaths += died
                    self.assertTrue(died or nth > 1 or not must_die, "it never comes by")
                    if not died:
                        break

    def test_at_every_point(self):
        points = [p for p in crash_case.points("drain", "format", "registry/ring_read.c")
                  if not p.startswith("rotate.")]
        ticking = [p for p in points if p.startswith("tick.")]
        self.kill_everywhere("plain", [p for p in points if p not in ticking], True)
        # Behind all data, too: nothing but its numbers says then that a block in the middle is not there.
        self.kill_everywhere("slow", ticking + ["finish.left", "file.indexed"], True)
        writing = [p for p in points if p.startswith(("block.", "file."))]
        self.kill_everywhere("threads", writing, True)
        rotating = crash_case.points("drain/session_files.c")
        self.kill_everywhere("rotating", rotating + ["file.indexed", "file.ended"], True)
        self.tell("kill-collector", f"{len(points) + len(rotating)} points, {KillCollector.deaths} deaths of the "
                                    "collector: program unharmed, file whole or cut off and recovered, nothing left; "
                                    f"at {KillCollector.whole} behind all data each event there, or counted as dropped")


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--long"])
