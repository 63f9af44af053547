#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace replay: the same events of the same threads, as far apart as they were, wherever to."""

import json
import os
import subprocess
import time
import unittest

import recording
from live_program import PATIENCE_S, LiveTest

MAKE_TRACE = recording.BUILD / "tests" / "cli" / "make_trace"
US, MS = 1_000, 1_000_000


class Replay(LiveTest):
    def made(self, kind, *words):
        path = self.folder / f"{kind}.adatrace"
        subprocess.run([MAKE_TRACE, kind, path, *map(str, words)], check=True)
        return path

    def events(self, path, *words):
        lines = self.adatrace("decode", path, "-F", "json", *words).stdout.decode().splitlines()
        return [json.loads(line) for line in lines]

    def replay(self, *words, status=0):
        """What it says."""
        return self.adatrace("replay", *words, status=status).stderr.decode()

    @staticmethod
    def by_thread(events):
        """Of each thread, in its order: what can be the same again."""
        threads = {}
        for event in events:
            fields = {name: value for name, value in event["fields"].items() if name != "duration"}
            threads.setdefault(event["thread"], []).append((event["event"], event.get("phase"), event.get("text"), fields))
        return threads

    def test_same_events_of_the_same_threads(self):
        for kind, records in (("mix", 1), ("calls", 20_000), ("heap", 20_000)):
            path = self.made(kind, records)
            said = self.replay(path, "-o", self.folder / "again.adatrace", "--force", "-s", "max", "-p", "block")
            played = [event for event in self.events(path) if event["event"] != recording.GAP]
            found = self.events(self.folder / "again.adatrace")
            if kind == "mix":  # two threads have the same name
                self.assertEqual(len(found), len(played))
                self.assertEqual(sorted(map(str, sum(self.by_thread(found).values(), []))),
                                 sorted(map(str, sum(self.by_thread(played).values(), []))))
            else:
                self.assertEqual(self.by_thread(found), self.by_thread(played))
            self.assertIn(f"{len(played):,} emitted, 0 dropped", said)
            self.adatrace("verify", self.folder / "again.adatrace")

    def test_durations_stay(self):
        path = self.made("mix")
        self.replay(path, "-o", self.folder / "again.adatrace", "-e", "memory:*")
        before, after = (sorted(e["fields"]["duration"] for e in self.events(trace) if "duration" in e["fields"])
                         for trace in (path, self.folder / "again.adatrace"))
        self.assertEqual(len(after), 8)
        for one, other in zip(before, after):
            self.assertAlmostEqual(one, other, delta=1 + one // 1000)

    def test_symbols_of_the_original(self):
        path = self.made("mix")
        self.replay(path, "-o", self.folder / "again.adatrace")
        symbols = [{str(event.get("symbols")) for event in self.events(trace)}
                   for trace in (path, self.folder / "again.adatrace")]
        self.assertEqual(*symbols)
        self.assertIn("{'function': 'fib'}", symbols[1])
        self.assertRegex(str(self.info("again.adatrace")["notes"]), "replayed from .*mix.adatrace on 20")
        self.replay(path, "-o", "/dev/null")

    def spread(self, speed):
        path = self.made("mix")
        self.replay(path, "-o", self.folder / "again.adatrace", "--force", "-s", speed)
        found = self.events(self.folder / "again.adatrace")
        return found[-1]["ts_ns"] - found[0]["ts_ns"]

    def test_spacing(self):
        """890 us from the first to the last; how exactly, a loaded machine cannot tell."""
        self.assertGreaterEqual(self.spread("0.001"), 600 * MS)
        self.assertLess(self.spread("max"), 400 * MS)

    def test_ledger_tells_of_drops(self):
        path = self.made("heap", 400_000)
        said = self.replay(path, "-o", self.folder / "again.adatrace", "-s", "max", "-r", "4K")
        self.assertRegex(said, r"400,000 events of 2 threads in .*: [\d,]+ emitted, [\d,]+ dropped\n")
        info = self.info("again.adatrace")
        self.assertEqual(info["events"] + info["dropped"], 400_000)

    def test_into_a_running_session(self):
        path = self.made("mix")
        program = self.record("--name", "host", trace="session.adatrace")
        program.do("emit", 10)
        said = self.replay(path, "--into", "host")
        self.assertIn("session host: 35 events of 3 threads", said)
        program.do("emit", 10)
        self.assertEqual(program.end()[0], 0)
        found = self.events(self.folder / "session.adatrace")
        here = [event for event in found if event["pid"] == program.pid and event["event"].startswith("demand:")]
        there = [event for event in found if event["pid"] != program.pid]
        self.assertEqual(len(here), 20)
        played = [event for event in self.events(path) if event["event"] != recording.GAP]
        self.assertEqual(sorted(map(str, sum(self.by_thread(there).values(), []))),
                         sorted(map(str, sum(self.by_thread(played).values(), []))))
        self.adatrace("verify", self.folder / "session.adatrace")

    def test_into_what_takes_nobody_in(self):
        path = self.made("mix")
        self.assertIn("no session", self.replay(path, "--into", "nobody", status=1))
        program = self.start()
        program.do("start", self.folder / "own.adatrace", "own")
        self.assertIn("records itself", self.replay(path, "--into", "own", status=1))

    def test_command_gets_what_decode_prints(self):
        path = self.made("mix")
        said = self.replay(path, "--exec", f"cat > {self.folder}/lines")
        self.assertIn("36 events to the command", said)
        self.assertEqual((self.folder / "lines").read_bytes(), self.adatrace("decode", path, "-F", "json").stdout)
        self.replay(path, "-s", "max", "-t", "shop", "-x", f"cat > {self.folder}/lines")
        self.assertEqual((self.folder / "lines").read_bytes(),
                         self.adatrace("decode", path, "-F", "json", "-t", "shop").stdout)

    def test_command_ends_as_it_likes(self):
        path = self.made("heap", 200_000)
        self.assertEqual(self.replay(path, "-s", "max", "-x", "cat > /dev/null; exit 7", status=7).count("\n"), 1)
        self.assertIn("stopped reading", self.replay(path, "-s", "max", "-x", "head -n 1 > /dev/null"))
        self.replay(path, "-s", "max", "-x", "no-such-command-at-all", status=127)

    def test_interrupted_it_ends_the_file(self):
        path = self.made("mix")
        out = self.folder / "again.adatrace"
        with subprocess.Popen([recording.ADATRACE, "replay", path, "-o", out, "-s", "0.000001"], env=self.env,
                              stderr=subprocess.PIPE, text=True) as replay:
            deadline = time.monotonic() + PATIENCE_S
            while not (self.list()["sessions"] and self.list()["sessions"][0]["written"]):
                self.assertLess(time.monotonic(), deadline)
            replay.terminate()
            said = replay.communicate(timeout=PATIENCE_S)[1]
        self.assertIn("stopped before the end", said)
        self.assertEqual(replay.returncode, 0, said)
        self.adatrace("verify", out)

    def test_misuse(self):
        path = self.made("mix")
        for words in (("-s", "0"), ("-s", "fast"), ("-s", "-1"), ("-o", "x", "-x", "cat"), ("-i", "a", "-x", "b")):
            self.replay(path, *words, status=2)
        (self.folder / "there").write_text("precious")
        self.assertIn("exists already", self.replay(path, "-o", self.folder / "there", status=1))
        self.assertEqual((self.folder / "there").read_text(), "precious")
        self.assertIn("--ring-size", self.replay(path, "-o", self.folder / "new", "-r", "1", status=1))
        self.assertFalse(os.path.exists(self.folder / "new"))

    def test_any_byte_wrong_never_crashes(self):
        good = self.made("mix").read_bytes()
        path = self.folder / "hostile.adatrace"
        for at in range(0, len(good), 101):
            path.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1:])
            done = recording.run([recording.ADATRACE, "replay", path, "-s", "max", "-f", "-o", self.folder / "out"],
                                 env=self.env, timeout=PATIENCE_S)
            self.assertIn(done.status, (0, 1), (at, done.stderr))


if __name__ == "__main__":
    unittest.main()
