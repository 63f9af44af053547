#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace tail: events of a running session in time, in order, and with what was missed."""

import json
import os
import re
import select
import signal
import subprocess
import time
import unittest

import recording
from live_program import PATIENCE_S, LiveTest

PACE = recording.BUILD / "tests" / "live" / "emit_at_pace"


def latest_s():
    """How late an event may be: 200 ms, but on a machine where everybody waits for a processor."""
    return 0.2 if os.getloadavg()[0] < 2 * os.cpu_count() else 3


class Tail:
    """A tail that is known to listen: something was emitted again and again until it came."""

    def __init__(self, test, program, *words, stdout=subprocess.PIPE):
        self.process = subprocess.Popen([str(recording.ADATRACE), "tail", *map(str, words)], env=test.env,
                                        stdout=stdout, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.kill)
        self.read, began = "", time.monotonic()
        while not self.lines():
            if program:
                program.do("emit", 1)
            self.pump()
            assert time.monotonic() - began < PATIENCE_S, "nothing came"
            assert self.process.poll() is None, self.process.stderr.read()
        self.taken = self.read.rfind("\n") + 1

    def line(self):
        """The next line, those before it were taken or came while it was found out that it listens."""
        began = time.monotonic()
        while (end := self.read.find("\n", self.taken)) < 0:
            assert self.pump(PATIENCE_S), "it ended"
            assert time.monotonic() - began < PATIENCE_S, "no line comes"
        line, self.taken = self.read[self.taken:end], end + 1
        return line

    def pump(self, patience_s=0.01):
        """False: nothing comes any more."""
        ready, _, _ = select.select([self.process.stdout], [], [], patience_s)
        read = os.read(self.process.stdout.fileno(), 1 << 20).decode() if ready else None
        self.read += read or ""
        return read != ""

    def lines(self):
        return self.read.count("\n")

    def end(self):
        """All lines, what was said on stderr, and the exit status."""
        out, said = self.process.communicate(timeout=PATIENCE_S)
        return (self.read + out).splitlines(), said, self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


def events(lines):
    return [json.loads(line) for line in lines]


def missed(lines):
    return sum(e["fields"]["records"] for e in events(lines) if e["event"] == "adatrace:missed")


class TailTest(LiveTest):
    def record_pace(self, threads, rate, *options):
        command = [recording.ADATRACE, "record", "-o", self.folder / "x.adatrace", "-e", "pace:*", *options, "--",
                   PACE, threads, rate]
        process = subprocess.Popen(list(map(str, command)), env=self.env, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (process.kill(), process.communicate()) if process.returncode is None else None)
        self.assertRegex(process.stdout.readline(), "ready")
        return process

    def test_lines_are_those_that_decode_prints_later(self):
        program = self.record("-e", "demand:*")
        program.do("emit", 50)
        tail = Tail(self, program, "-F", "json")
        program.do("emit", 1000)
        program.do("threads", 3, 100)
        program.end()
        lines, said, status = tail.end()
        self.assertEqual((status, said), (0, ""))
        got = events(lines)
        decoded = events(self.adatrace("decode", "-F", "json", self.folder / "x.adatrace").stdout.decode().splitlines())
        # From the first that came on, nothing is missing. Times may differ by what the clock pairs at the end
        # of the recording know better.
        self.assertGreaterEqual(len(got), 1301)

        def content(events_):
            return sorted((e["tid"], e["event"], str(e["fields"]), e["thread"]) for e in events_)

        later = decoded[-len(got):]
        self.assertEqual(content(got), content(later))
        for mine, theirs in zip(sorted(e["ts_ns"] for e in got), sorted(e["ts_ns"] for e in later)):
            self.assertLess(abs(mine - theirs), 100_000)

    def test_events_come_within_200_ms_and_in_order(self):
        program = self.record_pace(3, 3000)
        tail = Tail(self, None, "-F", "json", "-e", "pace:beat")
        late, last, in_order, threads = [], 0, True, {}
        until = time.monotonic() + 3
        while time.monotonic() < until:
            event = json.loads(tail.line())
            late.append(time.monotonic_ns() - event["fields"]["sent_ns"])
            in_order &= event["ts_ns"] >= last
            last = event["ts_ns"]
            number = event["fields"]["number"]
            self.assertGreater(number, threads.get(event["tid"], -1))
            threads[event["tid"]] = number
        program.communicate("")
        self.assertEqual(len(threads), 3)
        self.assertTrue(in_order)
        late.sort()
        print(f"{len(late)} events: median {late[len(late) // 2] / 1e6:.1f} ms, "
              f"p99 {late[len(late) * 99 // 100] / 1e6:.1f} ms late")
        self.assertLess(late[len(late) * 99 // 100] / 1e9, latest_s())

    def test_where_prints_only_what_fits(self):
        program = self.record("-e", "demand:*")
        tail = Tail(self, program, "-F", "json", "--where", "demand:event.number in (0, 3)")
        already = tail.lines()
        program.do("emit", 1000)
        program.do("emit", 3)
        program.end()
        lines, said, status = tail.end()
        self.assertEqual((status, said), (0, ""))
        numbers = [event["fields"]["number"] for event in events(lines)]
        self.assertLessEqual(set(numbers), {0, 3})
        self.assertEqual(numbers[-3:], [0, 3, 0])
        self.assertGreaterEqual(len(numbers), already + 3)

    def test_where_that_fits_no_type_ends_it_with_the_place(self):
        program = self.record("-e", "demand:*")
        program.do("emit", 1)
        tail = subprocess.Popen([str(recording.ADATRACE), "tail", "--where", "demand:event.nuber > 1"],
                                env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (tail.kill(), tail.communicate()) if tail.returncode is None else None)
        deadline = time.monotonic() + PATIENCE_S
        while tail.poll() is None:
            self.assertLess(time.monotonic(), deadline)
            program.do("emit", 1)
        out, said = tail.communicate()
        self.assertEqual((tail.returncode, out), (2, ""))
        self.assertIn("demand:event has no field `nuber`; did you mean `number`?", said)
        self.assertEqual(said.splitlines()[-1], "               ^~~~~")

    def test_idle_session_is_heard_soon(self):
        program = self.record("-e", "demand:*")
        tail = Tail(self, program, "-F", "json")
        slowest = 0
        for _ in range(10):
            time.sleep(0.3)  # what is measured: the drain would sleep half a second
            began = time.monotonic()
            program.do("emit", 1)
            tail.line()
            slowest = max(slowest, time.monotonic() - began)
        self.assertLess(slowest, latest_s())
        program.end()

    def test_who_does_not_read_misses_and_is_told_how_much(self):
        program = self.record("-e", "demand:*", "--policy", "block")
        tail = Tail(self, program, "-F", "json")
        already = self.list("--interval", "0s")["sessions"][0]["written"]
        for _ in range(10):
            program.do("emit", 300_000)  # 48 MB; the buffer holds 8
        program.end()
        lines, said, status = tail.end()
        self.assertEqual(status, 0)
        gone = missed(lines)
        self.assertGreater(gone, 1_000_000)
        printed = sum(e["event"] == "demand:event" for e in events(lines))
        # Of those emitted before it listened some came: how many, `already` and the lines tell.
        self.assertLessEqual(3_000_000, printed + gone)
        self.assertLessEqual(printed + gone, 3_000_000 + already)
        self.assertIn("too slow for", said)
        self.assertEqual(self.info()["dropped"], 0)
        self.assertEqual(self.info()["events"], 3_000_000 + already)

    def test_who_is_stopped_or_killed_hurts_nobody(self):
        program = self.record("-e", "demand:*", "--policy", "block")
        stopped, killed = Tail(self, program, "-F", "json"), Tail(self, program, "-F", "json")
        stopped.process.send_signal(signal.SIGSTOP)
        killed.kill()
        before = self.list("--interval", "0s")["sessions"][0]["written"]
        for _ in range(5):
            program.do("emit", 300_000)
        program.end()
        info = self.info()
        self.assertEqual((info["events"], info["dropped"]), (before + 1_500_000, 0))
        stopped.process.send_signal(signal.SIGCONT)
        lines, _, status = stopped.end()
        self.assertEqual(status, 0)
        self.assertGreater(missed(lines), 0)

    def test_threads_that_began_while_nobody_read_are_known_later(self):
        program = self.record("-e", "demand:*", "--policy", "block", "--ring-size", "1M", "--ring-max", "1M")
        tail = Tail(self, program, "-F", "json")
        tail.process.send_signal(signal.SIGSTOP)
        # What tells of the threads is written over by what they write; they live on. A ring that does not grow is
        # told of once.
        program.do("hold", 3, 400_000)
        tail.process.send_signal(signal.SIGCONT)
        # Of a thread that was done long before the others all may be written over: each says something more.
        program.do("again", 1_000_000)
        seen = set()
        while len(seen) < 3:
            event = json.loads(tail.line())
            if event["event"] == "demand:event" and event["tid"] != program.pid:
                self.assertEqual((event["pid"], event["thread"]), (program.pid, "emit_on_demand"))
                if event["fields"]["number"] == 1_000_000:
                    seen.add(event["tid"])
        program.end()
        lines, said, status = tail.end()
        self.assertEqual(status, 0)
        self.assertIn("too slow for", said)
        self.assertNotIn("not known", said)

    def test_it_ends_after_a_count_a_time_a_signal_and_with_the_session(self):
        program = self.record_pace(1, 1000)
        self.assertEqual(len(self.adatrace("tail", "-n", "7").stdout.splitlines()), 7)
        began = time.monotonic()
        self.adatrace("tail", "--for", "300ms")
        self.assertLess(time.monotonic() - began, 30)
        asked, ended = Tail(self, None), Tail(self, None)
        asked.process.send_signal(signal.SIGINT)
        self.assertEqual(asked.end()[2], 0)
        program.communicate("")
        lines, said, status = ended.end()
        self.assertEqual((status, said), (0, ""))
        self.assertRegex(lines[-1], r"pace 0/\d+ +([<>] )?pace:")

    def test_collector_that_is_killed_ends_it(self):
        program = self.record("-e", "demand:*")
        tail = Tail(self, program)
        program.process.kill()
        self.assertEqual(tail.end()[2], 0)

    def test_only_some_events_and_threads(self):
        program = self.record_pace(2, 2000)
        words = events(self.adatrace("tail", "-F", "json", "-n", "5", "-e", "pace:word").stdout.decode().splitlines())
        self.assertEqual({e["event"] for e in words}, {"pace:word"})
        self.assertEqual({e["fields"]["text"] for e in words}, {"a hundred more"})
        one = events(self.adatrace("tail", "-F", "json", "-n", "50", "-t", "pace 1").stdout.decode().splitlines())
        self.assertEqual({e["thread"] for e in one}, {"pace 1"})
        program.communicate("")

    def test_text_follows_scopes(self):
        program = self.record_pace(1, 2000)
        text = self.adatrace("tail", "-n", "400").stdout.decode()
        program.communicate("")
        self.assertRegex(text, r"> pace:mark\n.*  pace:word  number=\d+  text=\"a hundred more\"\n.*< pace:mark  \d")

    def test_csv_repeats_its_heading_when_columns_come(self):
        program = self.record("-e", "demand:*")
        tail = Tail(self, program, "-F", "csv")
        program.end()
        lines, _, _ = tail.end()
        heading = lines[0].split(",")
        self.assertEqual(heading[:6], ["ts_ns", "pid", "tid", "thread", "event", "phase"])
        for line in lines:
            self.assertEqual(len(re.findall(r'"[^"]*"|[^,]+|(?<=,)(?=,)|(?<=,)$', line)), len(heading), line)

    def test_application_that_records_itself_is_followed(self):
        program = self.start()
        program.do("start", self.folder / "own.adatrace", "own")
        tail = Tail(self, program, "own", "-F", "json")
        program.do("emit", 100)
        program.do("stop")
        lines, said, status = tail.end()
        self.assertEqual((status, said), (0, ""))
        self.assertGreaterEqual(len(lines), 101)
        program.end()

    def test_nothing_to_follow(self):
        self.assertIn("no session", self.adatrace("tail", status=1).stderr.decode())


if __name__ == "__main__":
    unittest.main()
