#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace top: once for scripts, and on a terminal that tmux plays, with keys and resizing."""

import json
import os
import signal
import subprocess
import unittest

import recording
from live_program import PATIENCE_S, LiveTest
from screen import Screen

LIVE = recording.BUILD / "tests" / "live"
PACE, CALLS = LIVE / "emit_at_pace", LIVE / "emit_at_pace_calls"


class TopScreen(Screen):
    """adatrace top in a tmux of its own."""

    def __init__(self, test, columns, rows, *words):
        super().__init__(test, columns, rows, recording.ADATRACE, "top", *words,
                         environment={"ADATRACE_RUNTIME_DIR": test.sessions})


class TopTest(LiveTest):
    def pace(self, threads, rate, *options, program=PACE):
        command = [recording.ADATRACE, "record", "-o", self.folder / "x.adatrace", *options, "--", program, threads,
                   rate]
        process = subprocess.Popen(list(map(str, command)), env=self.env, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (process.kill(), process.communicate()) if process.returncode is None else None)
        self.assertRegex(process.stdout.readline(), "ready")
        return process

    def once(self, *words):
        return json.loads(self.adatrace("top", "--once", "-F", "json", *words).stdout)

    def test_once_counts_what_is_emitted(self):
        program = self.pace(2, 20_000)
        top = self.once("--interval", "2s")
        program.communicate("")
        rates = {t["name"]: t["records_per_second"] for t in top["thread_rates"]}
        # 20,000 beats, 200 words and as many scopes, begun and ended. A loaded machine comes behind.
        for name in ("pace 0", "pace 1"):
            self.assertGreater(rates[name], 20_600 / 4)
            self.assertLess(rates[name], 20_600 * 2)
        seen = {(e["event"], e["phase"]): e["seen"] for e in top["events"]}
        self.assertGreater(seen["pace:beat", None], 20_000)
        self.assertLess(abs(seen["pace:beat", None] / 100 - seen["pace:word", None]), 60)
        self.assertLess(abs(seen["pace:mark", "begin"] - seen["pace:mark", "end"]), 60)
        self.assertEqual(top["missed"], 0)
        self.assertGreater(top["stats"]["written"], 20_000)
        self.assertIsNone(top["advice"])

    def test_once_as_text_filtered(self):
        program = self.pace(2, 2000)
        text = self.adatrace("top", "--once", "--interval", "300ms", "--filter", "pace 1").stdout.decode()
        program.communicate("")
        self.assertIn("pace 1", text)
        self.assertNotIn("pace 0", text)
        self.assertNotIn("pace:beat", text)

    @unittest.skipUnless(recording.HAS_AGENT, recording.NO_AGENT)
    def test_functions_are_timed_while_they_run(self):
        program = self.pace(2, 2000, program=CALLS)
        top = self.once("--interval", "2s")
        program.communicate("")
        functions = {f["function"]: f for f in top["functions"]}
        mark, clock = functions["hundred_mark"], functions["now_ns"]
        beats = sum(e["seen"] for e in top["events"] if e["event"] == "pace:beat")
        self.assertLess(abs(mark["calls"] - beats / 100), 10)
        self.assertGreater(clock["calls"], beats)
        for f in (mark, clock):
            self.assertGreater(f["self_ns"], 0)
            self.assertLessEqual(f["p50_ns"], f["p99_ns"])
            self.assertGreater(f["per_second"], 0)

    def test_full_rings_are_explained(self):
        program = self.record("-e", "demand:*", "--ring-size", "4K", "--ring-max", "4K")
        top = subprocess.Popen([str(recording.ADATRACE), "top", "--once", "-F", "json", "--interval", "1s"],
                               env=self.env, stdout=subprocess.PIPE, text=True)
        while top.poll() is None:
            program.do("emit", 100_000)
        got = json.loads(top.communicate()[0])
        program.end()
        self.assertGreater(got["stats"]["dropped"], 0)
        if got["dropped_per_second"] > 0:
            self.assertIn("switch events off", got["advice"])

    def test_screen_shows_threads_and_events_and_obeys_keys(self):
        program = self.pace(2, 5000)
        screen = TopScreen(self, 120, 30)
        screen.until_there("emit_at_pace", "THREAD", "pace 0", "pace 1", "pace:beat", "FUNCTION", "q quit")
        # What is shown grows.
        count = next(line for line in screen.text().splitlines() if line.startswith("pace:beat")).split()[-1]
        screen.until(lambda text: count not in text, "another count")
        # Only threads, then only events.
        screen.keys("Tab")
        screen.until(lambda text: "THREAD" in text and "EVENT  " not in text.replace("EVENTS", ""), "threads alone")
        screen.keys("Tab")
        screen.until(lambda text: "EVENT  " in text and "THREAD" not in text, "events alone")
        screen.keys("Tab", "Tab")
        screen.until_there("THREAD", "FUNCTION")
        # A filter, and its end.
        screen.keys("/", "1", "Enter")
        screen.until(lambda text: "pace 1" in text and "pace 0" not in text, "only what has a 1")
        screen.keys("/", "Escape")
        screen.until_there("pace 0", "pace 1")
        screen.keys("s", "s", "s")
        screen.until_there("sort: name")
        # The smallest and the largest that make sense.
        for columns, rows in ((40, 10), (200, 50), (20, 4), (120, 30)):
            screen.tmux("resize-window", "-x", str(columns), "-y", str(rows))
            screen.until(lambda text, rows=rows: len(text.splitlines()) <= rows and "q quit" in text, "the new size")
        screen.until_there("THREAD", "pace:beat", "FUNCTION")
        screen.keys("q")
        screen.until_there("status 0")
        program.communicate("")

    def test_screen_switches_events_off_and_on(self):
        program = self.pace(1, 5000)
        screen = TopScreen(self, 120, 30, "--sort", "name", "--interval", "200ms")
        screen.until_there("pace:beat", "pace:word")
        names = [line.split()[0] for line in screen.text().splitlines() if ":" in line.split(" ")[0]]
        screen.keys(*["Down"] * (names.index("pace:beat") + 1))
        screen.keys("Space")
        screen.until(lambda text: "pace:beat is off" in text and " off" in text, "off")

        def stands(text):
            return any(line.startswith("pace:beat") and "0.00 /s" in line for line in text.splitlines())

        screen.until(stands, "no more beats")
        screen.keys("Space")
        screen.until_there("pace:beat is on")
        screen.until(lambda text: not stands(text), "beats again")
        screen.keys("q")
        program.communicate("")

    def test_screen_waits_for_a_session_that_is_busy(self):
        program = self.pace(1, 100)
        screen = TopScreen(self, 100, 20, "--interval", "200ms")
        screen.until_there("pace 0")
        os.kill(program.pid, signal.SIGSTOP)  # the recorder: nobody answers
        try:
            screen.until_there("it is busy", "pace 0")
        finally:
            os.kill(program.pid, signal.SIGCONT)
        screen.until_there("q quit", "pace 0")
        screen.keys("q")
        screen.until_there("status 0")
        program.communicate("")

    def test_screen_ends_with_the_session(self):
        program = self.pace(1, 100)
        screen = TopScreen(self, 100, 20)
        screen.until_there("pace 0")
        program.communicate("")
        screen.until_there("has ended", "status 0")

    def test_without_a_terminal_it_says_what_to_do(self):
        program = self.pace(1, 100)
        self.assertIn("--once", self.adatrace("top", status=2).stderr.decode())
        program.communicate("")


if __name__ == "__main__":
    unittest.main()
