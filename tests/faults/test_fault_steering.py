#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that watch and steer a running session, with every call failing once.

They do what they always do, or a sentence says why not and the status is 1. The session notices
nothing of it: it answers the next one, and at its end nothing is missing.
"""

import errno
import json
import os
import re
import shutil
import subprocess
import time
import unittest
from dataclasses import replace
from pathlib import Path

import fault_plan
import fault_sweep
import recording

ADATRACE = recording.ADATRACE
PACE = recording.BUILD / "tests" / "live" / "emit_at_pace"
RATE = 500  # events a second
PATIENCE_S = 60


# What a kernel says of sockets with somebody behind them: not that there is nobody, which means that a session has died
# or has just ended.
SOCKET_ERRORS = {"connect": errno.EAGAIN, "send": errno.ENOBUFS}  # and never ECONNRESET


def possible(sites):
    for fault in fault_sweep.faults(sites, fault_sweep.arguments.all):
        if fault.error != errno.ECONNRESET:
            yield replace(fault, error=SOCKET_ERRORS.get(fault.call, fault.error))


class Session:
    """A program at a steady pace, recorded, for as long as somebody wants to look at it."""

    def __init__(self, folder, env):
        self.folder, self.env = folder, env
        folder.mkdir()
        self.process = subprocess.Popen([ADATRACE, "record", "-o", folder / "s.adatrace", "--", PACE, "1", str(RATE)],
                                        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        began = time.monotonic()
        while not self.listed():
            assert time.monotonic() - began < PATIENCE_S, "there is no session"
            time.sleep(0.02)

    def ask(self, *words):
        return recording.run([ADATRACE, *words], env=self.env, timeout=PATIENCE_S)

    def listed(self):
        return json.loads(self.ask("list", "-F", "json").stdout)["sessions"]

    def answers(self):
        return self.process.poll() is None and self.ask("set", "min-level=debug").status == 0

    def end(self):
        """What the program has emitted, and the files with it."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0
        return int(re.search(rb"emitted (\d+)", said)[1]), sorted(self.folder.iterdir())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


class Steering(fault_sweep.Sweeping):
    key = "faults-steering"

    def setUp(self):
        super().setUp()
        self.bench = fault_plan.Bench(self.folder, "*", "adatrace")
        self.sessions_begun = 0
        self.session_begin()

    def session_begin(self):
        self.sessions_begun += 1
        self.session = Session(self.folder / f"session-{self.sessions_begun}", self.environment)
        self.addCleanup(self.session.kill)

    def clean(self):
        """The session stays where it is."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        self.sessions.mkdir(mode=0o700, exist_ok=True)

    def judge_with(self, good):
        """Status 0 and what `good` finds nothing wrong with, or status 1 and a sentence; the session answers."""
        def judge(done, base, fault):
            if not self.session.answers():
                return "the session does not answer any more"
            if done.status == 0:
                return good(done)
            return self.refusal_problem(done, fault)
        return judge

    def refusal_problem(self, done, fault):
        if done.status != 1 and not (done.status == 2 and fault.call in ("open", "fopen")):
            return f"status {done.status}"
        return None if done.stderr.startswith(fault_sweep.OWN) else "no sentence"

    def sweep_words(self, *words, judge=None, good=None):
        self.sweep(self.bench, [ADATRACE, *words], judge or self.judge_with(good), binary=ADATRACE, cwd=self.out,
                   chosen=possible)

    def session_is_whole(self):
        """Everything that was emitted is in the files, whoever looked on."""
        emitted, files = self.session.end()
        found = 0
        for path in files:
            self.assertEqual(recording.verify(path).status, 0, path)
            self.assertEqual(recording.info(path)["dropped"], 0)
            found += sum(event["event"] == "pace:beat" for event in recording.events(path))
        self.assertEqual(found, emitted)
        self.assertGreater(found, 0)

    # ---- what it says when it went well ----

    @staticmethod
    def is_as_told(*lines):
        def good(done):
            said = done.stdout.decode().splitlines()
            return None if said in [list(line) for line in lines] else f"status 0, and says {said}"
        return good

    def test_switching(self):
        for words, told in (
                (["enable", "pace:*"], [["emit_at_pace: 4 event types match, 0 changed"]]),
                (["disable", "nobody:*"], [["emit_at_pace: no event type matches yet; one that comes will be off"]]),
                (["set", "level=3", "min-level=debug"], [["level=3 min-level=debug"], ["level=3", "min-level=debug"]])):
            with self.subTest(words):
                self.sweep_words(*words, good=self.is_as_told(*told))
        self.session_is_whole()

    def test_pausing(self):
        for word, already in (("pause", "is paused already"), ("resume", "was not paused")):
            with self.subTest(word):
                self.sweep_words(word, good=self.is_as_told([f"emit_at_pace: {word}d"], [f"emit_at_pace: {already}"]))
        self.assertIs(self.session.listed()[0]["paused"], False)

    def test_list(self):
        def good(done):
            told = json.loads(done.stdout)
            names = [one["name"] for one in told["sessions"]]
            if names == [] and told["mute"] == 1 and b"1 more session: no answer" in done.stderr:
                return None
            return None if names == ["emit_at_pace"] and not told["mute"] else f"lists {names}, {told['mute']} mute"
        self.sweep_words("list", "-F", "json", good=good)
        self.session_is_whole()

    def test_tail(self):
        def good(done):
            events = [json.loads(line) for line in done.stdout.splitlines()]
            numbers = [event["fields"]["number"] for event in events if event["event"] == "pace:beat"]
            if len(events) != 5 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
                return f"status 0 with {events}"
            return None
        self.sweep_words("tail", "-n", "5", "-F", "json", "-e", "pace:beat", good=good)
        self.session_is_whole()

    def test_top(self):
        def command(interval):
            return [ADATRACE, "top", "--once", "-i", interval, "-F", "json"]

        def good(done):
            told = json.loads(done.stdout)
            names = {thread["name"] for thread in told["thread_rates"]}
            events = {event["event"]: event["seen"] for event in told["events"]}
            if "pace 0" not in names or not told["missed"] and not events.get("pace:beat"):
                return f"status 0 with {names} and {events}, {told['missed']} missed"
            return None

        def judge(done, base, fault):
            problem = self.judge_with(good)(done, base, fault)
            if problem and fault and done.status == 0:  # on a busy machine the drain may not have come by
                problem = good(self.bench.run(fault, command("2s"), env=self.environment, cwd=self.out))
            return problem
        self.sweep_words(*command("100ms")[1:], judge=judge)
        self.session_is_whole()

    def test_snapshot(self):
        path = self.out / "new.adatrace"

        def good(done):
            told = json.loads(done.stdout)
            if told != {"path": str(path), "bytes": path.stat().st_size}:
                return f"says {told}"
            if recording.verify(path).status or not recording.info(path)["events"]:
                return f"verify {recording.verify(path).status}"
            return None

        def judge(done, base, fault):
            problem = self.judge_with(good)(done, base, fault)
            others = [other for other in os.listdir(self.out) if other != path.name]
            if not problem and others and fault.call != "unlink":
                return f"left {others}"
            return problem
        self.sweep_words("snapshot", "-F", "json", "-o", path, judge=judge)
        self.session_is_whole()

    def test_rotate(self):
        def good(done):
            path = Path(done.stdout.decode().rstrip("\n"))
            return None if path in self.session.folder.iterdir() else f"says {path}"
        self.sweep_words("rotate", good=good)
        self.session_is_whole()

    def test_stop(self):
        """It has ended and its file is complete, or it answers as if nobody had asked."""
        def judge(done, _, fault):
            if self.session.answers():
                return "says that it has ended" if done.status == 0 else self.refusal_problem(done, fault)
            trace = self.session.folder / "s.adatrace"
            self.assertEqual((self.session.listed(), recording.verify(trace).status), ([], 0))
            self.session.kill()
            self.session_begin()
            if fault and fault.call == "fflush":  # it cannot say so any more
                return self.refusal_problem(done, fault)
            if done.status:
                return None if b"it may have done what" in done.stderr else f"has stopped it, and status {done.status}"
            return self.is_as_told([f"emit_at_pace: ended; {trace} is complete"], ["emit_at_pace: ended"])(done)
        self.sweep_words("stop", judge=judge)


if __name__ == "__main__":
    fault_sweep.main()
