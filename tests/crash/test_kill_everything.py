#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to program, drain and writer at once, rings in a file: `adatrace recover` finds every event, once.

    test_kill_everything.py [--long] [SEED]
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import crash_case
import recording
from crash_case import CRASH, KILLED, LONG, SLOW_PARTS, KillCase, Place

SEEDS = [int(word) for word in sys.argv[1:] if word.isdigit()]
SEED = SEEDS[0] if SEEDS else random.SystemRandom().randrange(1 << 32)
NTH = range(1, 30) if LONG else (1, 3)
MOMENTS = 500 if LONG else 12
TRIES = 8  # for each of them: the program may be over before
# Events of a thread: so many that everything is come by more than once, and that there are moments.
FEW, MOST = 2000, 8000
# The end of a slot, where the kernel tells of no thread's death (an emulator's): the drain looks for it then.
ONCE_A_SECOND = ("tick.told", "slot.ended")
UNREACHED = {
    "fork.noticed": "it is the forked child that comes by: it dies alone, which is test_kill_program's business",
    "source.hidden": "a segment that the drain gives up; a session's own is kept to its end",
}


class KillEverything(KillCase):
    events = vanished = deaths = points = 0

    def place(self, folder):
        return Place(folder)

    def command(self, place, most, *slowly):
        words = (CRASH / "crash_embedded", place.trace, place.segment, place.counters, most, *slowly)
        return [str(word) for word in words]

    def recover(self, place):
        """What `recover` says of trace and segment, and the traces that it made."""
        paths = [path for path in (place.trace, place.segment) if path.exists()]
        if not paths:
            return {}, []
        done = subprocess.run([str(recording.ADATRACE), "recover", "--format", "json", *map(str, paths)],
                              capture_output=True, cwd=place.folder, timeout=crash_case.PATIENCE_S, check=False,
                              env=place.environment())
        said = dict(zip((path.suffix[1:] for path in paths), json.loads(done.stdout)["files"]))
        for kind, result in said.items():
            if result["state"] == "failed":  # killed before there was anything
                self.assertRegex(result["why"], "holds nothing|is empty|no session has ever|damaged" +
                                 ("|not an adatrace file" if kind == "segment" else ""))
        made = [place.folder / result["output"] for result in said.values() if result["output"]]
        if said["adatrace"]["state"] == "whole":
            made.insert(0, place.trace)
        return said, made

    def assert_all_there(self, place, most):
        said, made = self.recover(place)
        found, in_rings, segment = {}, set(), said.get("segment", {"vanished": 0, "taken": 0, "output": None})
        for trace in made:
            verified = recording.verify(trace)
            self.assertEqual(verified.status, 0, verified.stdout)
            for row, numbers in crash_case.steps(trace).items():
                found.setdefault(row, []).append(numbers)
                if trace.name == segment["output"]:
                    in_rings.add(row)
        missing = unreturned = 0
        for row, (_, emitted) in crash_case.counters(place.counters).items():
            numbers = [n for part in found.get(row, []) for n in part]
            self.assertEqual(numbers, sorted(set(numbers)), f"row {row}: an event twice, or out of order")
            last = numbers[-1] + 1 if numbers else 0
            # What had been taken and not written is known to be missing. The end, too, if the drain had come to it: a ring
            # that held anything held the end.
            missing += max(last, emitted) - len(numbers)
            self.assertIn(last - emitted, (0, 1) if row in in_rings else range(-emitted, 2))
            unreturned += row not in in_rings and last <= emitted < most
        # Where nothing at all was written there is no trace to compare with. Of a ring that was empty nobody knows here
        # whether the last one taken was of an emit that had returned.
        self.assertIn(segment["vanished"] + segment["taken"] - missing, range(unreturned + 1))
        KillEverything.vanished += missing
        KillEverything.events += sum(len(part) for parts in found.values() for part in parts)

    def kill_at(self, point, nth):
        with tempfile.TemporaryDirectory() as folder:
            place = self.place(folder)
            slowly = [SLOW_PARTS] if point in ONCE_A_SECOND else []
            done = subprocess.run(self.command(place, FEW, *slowly), capture_output=True,
                                  timeout=crash_case.PATIENCE_S, check=False,
                                  env=place.environment(f"{point}:{nth}"))
            self.assertIn((done.returncode, done.stdout), ((KILLED, b""), (0, b"done\n")))
            if done.returncode != KILLED:
                place.assert_folder_removed(self)
            self.assert_all_there(place, FEW)
            place.assert_clean(self)
            return done.returncode == KILLED

    def kill_after(self, seconds):
        """Did it die of that, or was it over before?"""
        with tempfile.TemporaryDirectory() as folder:
            place = self.place(folder)
            victim = subprocess.Popen(self.command(place, MOST), stdout=subprocess.PIPE, env=place.environment())
            time.sleep(seconds)
            os.kill(victim.pid, signal.SIGKILL)
            victim.communicate(timeout=crash_case.PATIENCE_S)
            if victim.returncode != KILLED:
                return False
            self.assert_all_there(place, MOST)
            place.assert_clean(self)
            return True

    def seconds_of_life(self):
        with tempfile.TemporaryDirectory() as folder:
            place = self.place(folder)
            begun = time.monotonic()
            subprocess.run(self.command(place, MOST), stdout=subprocess.DEVNULL, timeout=crash_case.PATIENCE_S, check=True,
                           env=place.environment())
            return time.monotonic() - begun

    def test_at_every_point(self):
        for point in crash_case.points("registry", "tracer/thread_state.c", "drain/drain.c", "drain/drain_thread.c",
                                       "drain/drain_source.c", "format"):
            KillEverything.points += point not in UNREACHED
            for nth in NTH:
                with self.subTest(point=point, nth=nth):
                    died = self.kill_at(point, nth)
                    KillEverything.deaths += died
                    if nth == 1:  # and what is said to be out of reach has to be
                        self.assertEqual(died, point not in UNREACHED)
                    if not died:
                        break

    def test_at_random_moments(self):
        print(f"seed {SEED}")
        chance, life, deaths = random.Random(SEED), self.seconds_of_life(), 0
        for _ in range(TRIES * MOMENTS):
            after = chance.uniform(0, life)
            with self.subTest(seed=SEED, after=after):
                deaths += self.kill_after(after)
            if deaths == MOMENTS:
                break
        KillEverything.deaths += deaths
        self.assertGreater(deaths, MOMENTS // 2, "it is over before it can be killed")

    @classmethod
    def tearDownClass(cls):
        cls.tell("kill-everything", f"{cls.points} points; {cls.deaths} deaths of all at once, {cls.events:,} events "
                                    f"recovered once each; {cls.vanished:,} taken and not written yet, each known to be "
                                    "missing")


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--long" and not word.isdigit()])
