#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A flight recorder on a real server: redis-server under redis-benchmark. A command that is slow, made
so on purpose, is caught with what led to it."""

import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import recording
from live_program import PATIENCE_S
from load_program import LoadTest

SLOW_S = 0.3


class Redis(LoadTest):
    def serve(self, *options):
        self.socket = self.folder / "s"
        command = [recording.ADATRACE, "record", "--flight", "1M", *options, "-o", self.folder / "redis.adatrace", "--",
                   "redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
                   "--enable-debug-command", "yes", "--dir", self.folder]
        self.server = subprocess.Popen([str(w) for w in command], env=self.env, text=True, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.stop)
        self.wait_for(self.socket.exists)
        self.wait_for(lambda: self.client("ping").returncode == 0)

    def stop(self):
        if self.server.poll() is None:
            self.client("shutdown", "nosave")
        try:
            self.said = self.server.communicate(timeout=PATIENCE_S)[1]
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.communicate()
            raise

    def client(self, *words):
        return subprocess.run(["redis-cli", "-s", str(self.socket), *words], capture_output=True,
                              timeout=PATIENCE_S, check=False)

    def test_huge_value_is_caught_by_a_trigger_with_what_led_to_it(self):
        self.serve("--trigger", "memory:*.size > 32M && thread == \"redis-server\"", "--after", "1ms")
        load = subprocess.Popen(["redis-benchmark", "-s", str(self.socket), "-n", "10000000", "-c", "5", "-q",
                                 "-t", "set,get"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_for(lambda: self.client("dbsize").stdout.strip() == b"1")
            self.assertEqual(self.client("setrange", "huge", "50000000", "x").returncode, 0)
            self.wait_for(lambda: list(self.folder.glob("*-snapshot-*")))
        finally:
            load.terminate()
            load.wait(timeout=PATIENCE_S)
        self.stop()
        self.assertEqual((self.server.returncode, self.said.count("; wrote ")), (0, 1), self.said)
        snapshot = self.folder / "redis-snapshot-0001.adatrace"
        self.verify(snapshot)
        events = recording.events(snapshot, "-e", "memory:*", "-t", "redis-server")
        huge = [place for place, event in enumerate(events) if event["fields"].get("size", 0) > 32 << 20]
        self.assertGreater(huge[0], 1000)  # what led to it

    def test_slow_command_is_caught_with_what_led_to_it(self):
        self.serve()
        load = subprocess.Popen(["redis-benchmark", "-s", str(self.socket), "-n", "10000000", "-c", "5", "-q",
                                 "-t", "set,get"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_for(lambda: self.client("dbsize").stdout.strip() == b"1")
            self.assertEqual(self.client("debug", "sleep", str(SLOW_S)).returncode, 0)
            snapshot = Path(json.loads(self.adatrace("snapshot", "-F", "json").stdout)["path"])
        finally:
            load.terminate()
            load.wait(timeout=PATIENCE_S)
        self.verify(snapshot)
        # The thread that answers is silent while it is slow; before and behind it is busy.
        times = [event["ts_ns"] for event in recording.events(snapshot, "-e", "memory:malloc", "-t", "redis-server")]
        silences = [(after - before, place) for place, (before, after) in enumerate(zip(times, times[1:]))]
        silence, place = max(silences)
        self.assertGreaterEqual(silence, SLOW_S * 1e9 * 0.99)
        self.assertLess(silence, PATIENCE_S * 1e9)
        led_to_it = sum(time > times[place] - 1_000_000_000 for time in times[:place + 1])
        self.assertGreater(led_to_it, 100)
        self.assertLess(place + 1, len(times))
        self.stop()
        self.assertEqual(self.server.returncode, 0)
        self.assertIn("none of them written but in 1 snapshot", self.said)


if __name__ == "__main__":
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        print("redis is not there", file=sys.stderr)
        sys.exit(recording.SKIPPED)
    unittest.main()
