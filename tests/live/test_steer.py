#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steering from outside: what is on goes off and on again in programs that cannot be told, and the trace says why."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

import recording
from live_program import PATIENCE_S, LiveTest

PROGRAM = recording.BUILD / "tests" / "live" / "emit_two"
END_STATUS = 5  # of the program, so that nobody else's is taken for it
SKIPPED = 77


class Twin:
    """emit_two: told line by line, answers line by line, knows itself what it emitted."""

    def __init__(self, env, *words):
        self.process = subprocess.Popen([str(word) for word in words], env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.even = self.odd = 0
        self.pid = int(self.hear().split()[1])

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended: {self.process.wait()} {self.process.stderr.read()}")
        return line.rstrip("\n")

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.hear()

    def counts(self, line):
        """(even, odd) that were on; they are summed up."""
        words = self.do(line).split()
        even, odd = int(words[-3]), int(words[-1])
        self.even += even
        self.odd += odd
        return even, odd

    def emit(self, count=10):
        return self.counts(f"emit {count}")

    def end(self):
        _, said = self.process.communicate("quit\n", timeout=PATIENCE_S)
        return self.process.returncode, said

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


class Steered(LiveTest):
    def program(self, *words):
        twin = Twin(self.env, *words)
        self.addCleanup(twin.kill)
        return twin

    def record_twin(self, *options, program=(), file=PROGRAM):
        return self.program(recording.ADATRACE, "record", "-o", self.folder / "x.adatrace", "-e", "twin:*", *options,
                            "--", file, *program)

    def embedded_twin(self):
        return self.program(PROGRAM, "--embedded", self.folder / "x.adatrace")

    def steer(self, *words, status=0):
        return self.adatrace(*words, status=status).stdout.decode()

    def steer_json(self, *words):
        return json.loads(self.steer(words[0], "-F", "json", *words[1:]))

    def refused(self, *words):
        return self.adatrace(*words, status=2).stderr.decode()

    def notes(self):
        return [note["text"] for note in self.info()["notes"]
                if not re.search("is not traced|are not recorded", note["text"])]

    def expect_trace(self, twin):
        """The file holds what the program says it emitted, and is good."""
        trace = self.folder / "x.adatrace"
        done = recording.verify(trace)
        self.assertEqual(done.status, 0, done.stdout.decode() + done.stderr.decode())
        names = recording.count(recording.events(trace)).names
        self.assertEqual((names["twin:even"], names["twin:odd"]), (twin.even, twin.odd))


class Recorded(Steered):
    def end_well(self, twin):
        status, said = twin.end()
        self.assertEqual(status, END_STATUS, said)
        self.expect_trace(twin)

    def test_types_go_off_and_on_by_pattern(self):
        twin = self.record_twin()
        self.assertEqual(twin.emit(), (10, 10))
        self.assertEqual(self.steer("disable", "twin:odd"), "emit_two: 1 event type matches, 1 changed\n")
        self.assertEqual(twin.emit(), (10, 0))
        self.assertEqual(self.steer("enable", "twin:*", "!twin:even"),
                         "emit_two: 2 event types match, 2 changed\n")
        self.assertEqual(twin.emit(), (0, 10))
        self.assertEqual(self.steer_json("enable", str(twin.pid), "*:even"),
                         {"session": "emit_two", "pid": twin.pid, "matching": 1, "changed": 1})
        self.assertEqual(twin.emit(), (10, 10))
        self.assertEqual(self.steer("enable", "twin:even"), "emit_two: 1 event type matches, 0 changed\n")
        self.assertIn("no event type matches yet", self.steer("disable", "nobody:*"))
        self.end_well(twin)
        notes = self.notes()
        self.assertRegex(notes[0], r"^events switched off by process \d+ \(adatrace\): twin:odd$")
        self.assertRegex(notes[1], r"^events switched on by process \d+ \(adatrace\): twin:\*,!twin:even$")
        self.assertEqual(len(notes), 5)

    def test_types_that_come_later_follow(self):
        twin = self.record_twin()
        self.steer("disable", "*:late")
        self.assertEqual(twin.do("late"), "late 0")
        self.steer("enable", "twin:l*")
        self.assertEqual(twin.do("late"), "late 1")
        self.end_well(twin)

    def test_later_word_counts_the_program_s_or_ours(self):
        twin = self.record_twin()
        self.assertEqual(twin.do("disable twin:*"), "changed 2")
        self.assertEqual(twin.emit(), (0, 0))
        self.steer("enable", "twin:even")
        self.assertEqual(twin.emit(), (10, 0))
        self.assertEqual(twin.do("disable twin:even"), "changed 1")
        self.assertEqual(twin.emit(), (0, 0))
        self.steer("disable", "twin:odd")
        self.assertEqual(twin.do("enable twin:odd"), "changed 1")
        self.assertEqual(twin.emit(), (0, 10))
        # A type that both have spoken of before it was there.
        self.steer("disable", "twin:late")
        self.assertEqual(twin.do("enable *:late"), "changed 0")
        self.assertEqual(twin.do("late"), "late 1")
        self.end_well(twin)

    def test_child_s_word_is_its_own_and_ours_reaches_both(self):
        twin = self.record_twin()
        self.assertEqual(twin.counts("fork"), (0, 1))
        self.assertEqual(twin.emit(), (10, 10))
        self.steer("disable", "twin:odd")
        self.assertEqual(twin.counts("fork"), (0, 0))
        self.assertEqual(twin.emit(), (10, 0))
        self.end_well(twin)

    def test_pause_forgets_nothing(self):
        twin = self.record_twin()
        self.steer("disable", "twin:odd")
        self.assertEqual(self.steer("pause"), "emit_two: paused\n")
        self.assertEqual(twin.emit(), (0, 0))
        self.assertEqual(twin.do("active"), "0")
        self.assertEqual(self.steer("pause"), "emit_two: is paused already\n")
        # Both are remembered, and neither ends the pause.
        self.steer("enable", "twin:odd")
        self.assertEqual(twin.do("disable twin:even"), "changed 0")
        self.assertEqual(twin.do("late"), "late 0")
        self.assertEqual(twin.emit(), (0, 0))
        self.assertEqual(self.steer("resume"), "emit_two: resumed\n")
        self.assertEqual(twin.emit(), (0, 10))
        self.assertEqual(twin.do("late"), "late 1")
        self.assertEqual(twin.do("active"), "1")
        self.assertEqual(self.steer("resume"), "emit_two: was not paused\n")
        self.end_well(twin)
        said = " ".join(self.notes())
        self.assertRegex(said, r"paused by process \d+ \(adatrace\): every event is off")
        self.assertRegex(said, r"resumed by process \d+ \(adatrace\) after \d+\.\d{3} s")

    def test_events_that_never_stop_go_off_and_are_counted_exactly(self):
        twin = self.record_twin("--policy", "block")
        self.assertEqual(twin.do("spin"), "spinning")
        for _ in range(20):
            self.steer("disable", "twin:even")
            self.steer("pause")
            self.steer("enable", "twin:even")
            self.steer("resume")
        twin.counts("hush")
        self.assertGreater(twin.odd, 0)
        self.end_well(twin)

    @unittest.skipIf(os.environ.get("ADATRACE_SANITIZE"), "a sanitizer makes calls that the sandbox forbids")
    def test_program_in_a_sandbox_is_steered(self):
        twin = self.record_twin(program=["--sandbox"])
        self.assertEqual(twin.emit(), (10, 10))
        self.steer("disable", "twin:even")
        self.assertEqual(twin.emit(), (0, 10))
        self.steer("pause")
        self.assertEqual(twin.emit(), (0, 0))
        self.steer("resume")
        self.steer("enable", "twin:even")
        self.assertEqual(twin.emit(), (10, 10))
        self.steer("stop")
        self.assertEqual(twin.do("emit 10"), "even 0 odd 0")
        self.end_well(twin)

    def test_program_that_is_executed_later_goes_by_what_was_said(self):
        self.env["TWIN"] = str(PROGRAM)
        shell = self.program(recording.ADATRACE, "record", "-o", self.folder / "x.adatrace", "-e", "twin:*", "--",
                             "sh", "-c", 'echo ready $$; read line; exec "$TWIN"')
        self.steer("disable", "twin:odd")
        self.steer("pause")
        twin = shell
        self.assertRegex(twin.do("go"), r"^ready \d+$")
        self.assertEqual(twin.emit(), (0, 0))
        self.steer("resume")
        self.assertEqual(twin.emit(), (10, 0))
        self.end_well(twin)

    def test_program_with_a_tracer_of_its_own_beside_the_agent_is_steered(self):
        twin = self.record_twin(file=PROGRAM.with_name("emit_two_static"))
        self.assertEqual(twin.emit(), (10, 10))
        self.assertEqual(self.steer("disable", "twin:odd", "process:*").split(":")[0], "emit_two_static")
        self.assertEqual(twin.emit(), (10, 0))
        self.steer("pause")
        self.assertEqual(twin.emit(), (0, 0))
        self.steer("resume")
        self.assertEqual(twin.emit(), (10, 0))
        self.end_well(twin)

    def test_levels(self):
        twin = self.record_twin("--min-level", "info")
        self.assertEqual(twin.emit(), (10, 0))
        self.steer("enable", "twin:*")  # does not make it more important
        self.assertEqual(twin.emit(), (10, 0))
        self.assertEqual(self.steer("set", "min-level=debug"), "min-level=debug\n")
        self.assertEqual(twin.emit(), (10, 10))
        self.steer("set", "min-level=warning")
        self.assertEqual(twin.emit(), (0, 0))
        self.end_well(twin)

    def test_stop_ends_the_file_and_not_the_program(self):
        twin = self.record_twin()
        twin.emit()
        self.assertIn("x.adatrace is complete", self.steer("stop"))
        self.expect_trace(twin)
        self.assertRegex(self.notes()[-1], r"^recording ended by process \d+ \(adatrace\)$")
        self.assertEqual(self.list()["sessions"], [])
        self.assertEqual(twin.do("emit 10"), "even 0 odd 0")
        self.assertEqual(twin.do("active"), "0")
        self.assertIn("no session", self.adatrace("stop", status=1).stderr.decode())
        status, said = twin.end()
        self.assertEqual(status, END_STATUS)
        self.assertEqual(said.count("adatrace: "), said.count("\n"))
        self.expect_trace(twin)

    def test_recorder_passes_on_a_signal_after_its_end(self):
        twin = self.record_twin()
        self.steer("stop")
        os.kill(twin.process.pid, signal.SIGTERM)
        twin.process.wait(timeout=PATIENCE_S)
        self.assertEqual(twin.process.returncode, 128 + signal.SIGTERM)


class Set(Steered):
    def test_values_are_normalised_and_said(self):
        twin = self.record_twin()
        self.assertEqual(self.steer("set", "policy=block", "ring=5M", "level=3", "wait=sleep:5ms"),
                         "policy=block:1s\nring=8M\nlevel=3\nwait=sleep:5ms\n")
        self.assertEqual(self.steer("set", "emit_two", "ring=1G", "level=auto"), "ring=32M\nlevel=auto (1)\n")
        self.assertEqual(self.steer("set", "ring=4K", "policy=drop"), "policy=drop\nring=4M\n")
        self.assertEqual(self.steer_json("set", "level=-7"),
                         {"session": "emit_two", "pid": twin.pid, "level": -7})
        twin.emit()
        twin.end()
        self.expect_trace(twin)
        self.assertEqual([note.split(" set by")[0].rstrip(",") for note in self.notes()],
                         ["policy block:1s", "rings may grow to 8M", "compression level 3", "wait sleep:5ms",
                          "rings may grow to 32M", "compression level 1 (auto)", "policy drop", "rings may grow to 4M",
                          "compression level -7"])

    def test_policy_block_loses_nothing_from_then_on(self):
        twin = self.record_twin("--ring-size", "4K", "--ring-max", "4K")
        self.steer("set", "policy=block:60s")
        twin.counts("emit 200000")
        twin.end()
        self.assertEqual(twin.even, 200000)
        self.expect_trace(twin)

    def test_what_is_refused_is_refused_in_words_and_changes_nothing(self):
        twin = self.record_twin()
        for words, said in (
                (["set", "level=20"], "level=20: a whole number from -7 to 19, or auto is expected"),
                (["set", "ring=3K"], "ring=3K: a size from 4K to 1G is expected"),
                (["set", "ring=2G"], "a size from 4K to 1G"),
                (["set", "policy=wait"], "drop, block, or block:TIMEOUT"),
                (["set", "policy=overwrite"], "cannot change to or from policy overwrite"),
                (["set", "level=3", "policy=overwrite"], "laid out differently"),
                (["set", "wait=never"], "spin, yield, sleep, block"),
                (["set", "min-level=loud"], "critical, error, warning"),
                (["set", "polcy=drop"], "did you mean 'policy'?"),
                (["set", "colour=red"], "'colour' cannot be set; policy, ring, level, wait and min-level can"),
                (["set", "level"], "KEY=VALUE is expected"),
                (["set", "level=1", "level=2"], "'level' is given twice"),
                (["set"], "KEY=VALUE"),
                (["enable"], "GLOB"),
                (["enable", "emit_two"], "is no pattern of events"),
                (["enable", "emit_two", "malloc"], "matches no event: names are PROVIDER:EVENT"),
                (["disable", "sql:[a"], "has a [ that no ] closes"),
                (["disable", "sql: a"], "has a space in it"),
                (["disable", "twin:*,,x:*"], "has an empty pattern in it"),
                (["enable", "x:" + "y" * 5000], "too long")):
            with self.subTest(words):
                self.assertIn(said, self.refused(*words))
        self.assertIn("nobody", self.adatrace("pause", "nobody", status=1).stderr.decode())
        self.assertEqual(twin.emit(), (10, 10))
        twin.end()
        self.assertEqual(self.notes(), [])
        self.expect_trace(twin)

    def test_overwriting_session_stays_one(self):
        twin = self.record_twin("--policy", "overwrite")
        self.assertIn("laid out differently", self.refused("set", "policy=drop"))
        self.assertEqual(self.steer("set", "policy=overwrite"), "policy=overwrite\n")
        twin.end()


class Embedded(Steered):
    def test_session_of_its_own_is_steered_from_outside(self):
        twin = self.embedded_twin()
        twin.emit()
        self.steer("disable", "twin:odd")
        self.assertEqual(twin.emit(), (10, 0))
        self.steer("pause")
        self.assertEqual(twin.emit(), (0, 0))
        self.assertEqual(twin.counts("fork"), (0, 0))
        self.steer("resume")
        self.assertEqual(twin.do("enable twin:odd"), "changed 1")
        self.assertEqual(twin.emit(), (10, 10))
        self.assertEqual(twin.do("stop"), "0")
        self.expect_trace(twin)
        self.assertEqual(len(self.notes()), 3)

    def test_session_ended_from_outside_only_reports_its_outcome_later(self):
        twin = self.embedded_twin()
        twin.emit()
        self.steer("stop")
        self.expect_trace(twin)
        self.assertEqual(twin.do("active"), "0")
        self.assertEqual(twin.do("emit 10"), "even 0 odd 0")
        self.assertEqual(self.list()["sessions"], [])
        self.assertEqual(twin.do("stop"), "0")
        self.expect_trace(twin)

    def test_next_session_in_the_same_segment_knows_nothing_of_it(self):
        twin = self.embedded_twin()
        twin.do("disable twin:even")
        self.steer("disable", "twin:odd")
        self.steer("pause")
        self.steer("stop")
        # Without ada_session_stop() in between; the program's own word still stands.
        self.assertEqual(twin.do(f"start {self.folder}/y.adatrace"), "0")
        self.assertEqual(twin.do("active"), "1")
        self.assertEqual(twin.do("emit 10"), "even 0 odd 10")
        self.steer("enable", "twin:even")
        self.assertEqual(twin.do("emit 10"), "even 10 odd 10")
        self.assertEqual(twin.do("stop"), "0")
        names = recording.count(recording.events(self.folder / "y.adatrace")).names
        self.assertEqual((names["twin:even"], names["twin:odd"]), (10, 20))

    def test_both_ends_at_once(self):
        """The program and somebody outside end it at the same time, again and again."""
        twin = self.embedded_twin()
        for _ in range(20):
            twin.emit()
            outside = subprocess.Popen([str(recording.ADATRACE), "stop"], env=self.env,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertEqual(twin.do("stop"), "0")
            self.assertIn(outside.wait(timeout=PATIENCE_S), (0, 1))
            self.expect_trace(twin)
            os.unlink(self.folder / "x.adatrace")
            self.assertEqual(twin.do(f"start {self.folder}/x.adatrace"), "0")
            twin.even = twin.odd = 0
        twin.end()


if __name__ == "__main__":
    unittest.main()
