#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace record --trigger: snapshots of what happened, with what led to it and why they were taken."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

import recording
from live_program import PATIENCE_S, LiveTest

SHOP = recording.BUILD / "tests" / "live" / "trigger_shop"
FLIGHT = ("--flight", "64M")
SOON = ("--after", "1ms")


class TriggerTest(LiveTest):
    def snapshots(self):
        return sorted(self.folder.glob("*-snapshot-*.adatrace"))

    def wait_for_snapshots(self, count):
        """They appear before they are complete: those are complete that have been told."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.snapshots()) < count:
            self.assertLess(time.monotonic(), deadline, f"no {count} snapshots within {PATIENCE_S} s")
            time.sleep(0.005)

    def notes(self, snapshot):
        return [note["text"] for note in self.info(snapshot)["notes"]]

    def reason(self, snapshot):
        """The newest note about a trigger."""
        return [note for note in self.notes(snapshot) if note.startswith("trigger ")][-1]

    def events(self, snapshot, *words):
        done = self.adatrace("decode", "-F", "json", *words, self.folder / snapshot)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def shop(self, *options, program=(), status=0):
        """The shop under these triggers; what adatrace said, and its snapshots."""
        done = recording.run([recording.ADATRACE, "record", "-o", self.folder / "shop.adatrace",
                              *options, "--", SHOP, *program], env=self.env, timeout=PATIENCE_S)
        self.assertEqual(done.status, status, done.stderr.decode())
        for snapshot in self.snapshots():
            self.assertEqual(recording.verify(snapshot).status, 0, snapshot)
        return done.stderr.decode(), self.snapshots()


class Events(TriggerTest):
    def test_the_one_slow_order_is_caught_with_what_led_to_it(self):
        trigger = "shop:order.latency_us > 50ms && state == new"
        said, snapshots = self.shop(*FLIGHT, *SOON, "--trigger", trigger)
        self.assertEqual(len(snapshots), 1)
        note = self.reason(snapshots[0])
        self.assertTrue(note.startswith(f"trigger {trigger}: shop:order of thread trigger_shop/"), note)
        self.assertIn('id 700, latency_us 61000, state new, customer "Ann"', note)
        self.assertIn(f"{note}; wrote {snapshots[0]}", said)
        orders = [event["fields"]["id"] for event in self.events(snapshots[0], "-e", "shop:order")]
        self.assertLessEqual(set(range(701)), set(orders))
        # What it did while it was slow, by the names of its functions.
        slow = self.events(snapshots[0], "--where", "slow(spend_ms) > 20ms")
        self.assertEqual(len(slow), 1 if recording.HAS_AGENT else 0)

    def test_snapshot_goes_back_no_further_than_asked(self):
        program = self.record(*FLIGHT, "--after", "0s", "--before", "50ms", "--cool-down", "0s",
                              "--trigger", "signal", "--trigger", "demand:event.number == 7")
        program.do("emit", 5)
        os.kill(program.process.pid, signal.SIGUSR1)  # what is there is a block by itself now
        self.wait_for_snapshots(1)
        time.sleep(0.1)  # so that the first five are too old
        program.do("emit", 8)
        self.wait_for_snapshots(2)
        self.assertEqual(program.end()[0], 0)
        kept = self.events(self.snapshots()[1], "--where", "demand:event")
        self.assertEqual([event["fields"]["number"] for event in kept], list(range(8)))

    def test_recording_into_a_file_has_snapshots_as_well(self):
        _, snapshots = self.shop(*SOON, "--trigger", "shop:order.latency_us > 50ms")
        self.assertEqual(len(snapshots), 1)
        self.assertIn("id 700", self.reason(snapshots[0]))
        # The note stands in the recording, too.
        self.assertEqual(self.reason("shop.adatrace"), self.reason(snapshots[0]))
        self.assertEqual(len(self.events("shop.adatrace", "-e", "shop:order")), 1000)

    def test_counter_fires_when_it_crosses_the_limit_and_not_again(self):
        _, snapshots = self.shop(*FLIGHT, "--after", "0s", "--cool-down", "0s", "--max-snapshots", "0",
                                 "--trigger", "shop:open.value >= 50")
        self.assertEqual(len(snapshots), 1)
        self.assertRegex(self.reason(snapshots[0]), r"shop:open of thread .*: value 50$")

    def test_triggers_that_are_not_met_write_nothing(self):
        said, snapshots = self.shop(*FLIGHT, "--trigger", "shop:order.latency_us > 1s",
                                    "--trigger", "slow(spend_ms) > 1h", "--trigger", "crash",
                                    "--trigger", "failure", "--trigger", "drop", "--trigger", "signal")
        self.assertEqual(snapshots, [])
        self.assertNotIn("adatrace: trigger", said)


class Calls(TriggerTest):
    @unittest.skipUnless(recording.HAS_AGENT, recording.NO_AGENT)
    def test_slow_function_is_caught_by_its_name(self):
        _, snapshots = self.shop(*FLIGHT, *SOON, "--trigger", "slow(spend_ms) > 20ms")
        self.assertEqual(len(snapshots), 1)
        took = re.search(r"function:exit of thread .*, (?:still open )?after (\d+)\.\d{3} ms", self.reason(snapshots[0]))
        self.assertGreaterEqual(int(took.group(1)), 20)  # of 30: when it has become certain, or when it ended

    def test_slow_scope_is_caught_by_its_name(self):
        _, snapshots = self.shop(*FLIGHT, *SOON, "-e", "shop:*", "--trigger", "slow(checkout) > 25ms")
        self.assertEqual(len(snapshots), 1)
        self.assertRegex(self.reason(snapshots[0]), r"shop:checkout of thread .* after \d+\.\d{3} ms")

    def hang(self, *options):
        """The shop, in a call that does not end before its input does."""
        program = subprocess.Popen(
            list(map(str, (recording.ADATRACE, "record", "-o", self.folder / "shop.adatrace", *FLIGHT, *SOON, *options,
                           "--", SHOP, "hang"))), env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(lambda: (program.kill(), program.communicate()) if program.returncode is None else None)
        self.assertEqual(program.stdout.readline(), b"hangs\n")
        return program

    def test_call_that_does_not_end_is_caught_while_it_hangs(self):
        names = ["slow(stillness) > 150ms"] + ["slow(stand_still) > 150ms"] * recording.HAS_AGENT
        for trigger in names:
            with self.subTest(trigger=trigger):
                before = len(self.snapshots())
                program = self.hang("--trigger", trigger, "--force")
                self.wait_for_snapshots(before + 1)
                self.assertIsNone(program.poll())
                program.communicate(timeout=PATIENCE_S)
                # Its end is not told again.
                snapshots = self.snapshots()
                self.assertEqual(len(snapshots), before + 1)
                took = re.search(r" still open after (\d+)\.\d{3} ms", self.reason(snapshots[-1]))
                self.assertGreaterEqual(int(took.group(1)), 150)
                self.assertEqual(recording.verify(snapshots[-1]).status, 0)

    def test_what_its_end_may_still_change_waits_for_the_end(self):
        program = self.hang("--cool-down", "0s", "--max-snapshots", "0", "--trigger", "slow(stillness) < 1h",
                            "--trigger", "slow(stillness) > 100ms")
        self.wait_for_snapshots(1)
        self.assertIn("slow(stillness) > 100ms: ", self.reason(self.snapshots()[0]))
        program.communicate(timeout=PATIENCE_S)
        self.assertEqual(len(self.snapshots()), 2)
        self.assertRegex(self.reason(self.snapshots()[1]), r"slow\(stillness\) < 1h: .*, after ")


class Ends(TriggerTest):
    def test_crash_is_kept_with_the_last_events(self):
        _, snapshots = self.shop(*FLIGHT, "--trigger", "crash", program=["abort"], status=128 + signal.SIGABRT)
        self.assertEqual(len(snapshots), 1)  # and not another one because the program failed
        self.assertIn(f": status 0, signal {int(signal.SIGABRT)}", self.reason(snapshots[0]))
        orders = [event["fields"]["id"] for event in self.events(snapshots[0], "-e", "shop:order")]
        self.assertEqual(orders, list(range(1000)))

    def test_error_exit_is_a_failure_and_no_crash(self):
        options = (*FLIGHT, "--snapshot-on-exit", "never")
        _, snapshots = self.shop(*options, "--trigger", "crash", program=["status", "3"], status=3)
        self.assertEqual(snapshots, [])
        _, snapshots = self.shop(*options, "--trigger", "failure", program=["status", "3"], status=3)
        self.assertEqual(len(snapshots), 1)
        self.assertIn("trigger failure: adatrace:exit of process ", self.reason(snapshots[0]))
        self.assertIn(": status 3, signal 0", self.reason(snapshots[0]))

    def test_end_is_never_passed_over_for_the_cool_down(self):
        _, snapshots = self.shop(*FLIGHT, "--cool-down", "1h", "--after", "1h", "--trigger", "failure",
                                 "--trigger", "shop:order.id == 5", program=["status", "4"], status=4)
        self.assertEqual([self.reason(s).split(":")[0] for s in snapshots],
                         ["trigger shop", "trigger failure"])


class HowOften(TriggerTest):
    def test_cool_down_passes_over_what_comes_too_soon(self):
        program = self.record(*FLIGHT, "--after", "0s", "--cool-down", "1h",
                              "--trigger", "demand:event.number == 0")
        program.do("emit", 1)
        self.wait_for_snapshots(1)
        program.do("emit", 1)
        program.do("emit", 1)
        status, said = program.end()
        self.assertEqual((status, said.count("; wrote ")), (0, 1), said)
        self.assertEqual(len(self.snapshots()), 1)

    def test_no_more_snapshots_than_allowed(self):
        program = self.record(*FLIGHT, "--after", "0s", "--cool-down", "0s", "--max-snapshots", "2",
                              "--trigger", "demand:event.number == 0")
        for count in 1, 2:
            program.do("emit", 1)
            self.wait_for_snapshots(count)
        program.do("emit", 1)
        status, said = program.end()
        self.assertEqual((status, said.count("; wrote ")), (0, 2), said)
        self.assertEqual(len(self.snapshots()), 2)

    def test_drop_is_caught(self):
        program = self.record(*FLIGHT, *SOON, "--ring-size", "4K", "--ring-max", "4K", "--trigger", "drop",
                              "-e", "demand:*")
        program.do("emit", 1_000_000)
        program.do("emit", 1)
        status, said = program.end()
        self.assertEqual((status, said.count("; wrote ")), (0, 1), said)
        self.assertRegex(self.reason(self.snapshots()[0]), r"adatrace:gap of thread .* kind dropped(;|$)")

    def test_signal_to_adatrace_asks_for_a_snapshot(self):
        program = self.record(*FLIGHT, "--after", "0s", "--trigger", "signal")
        program.do("emit", 10)
        os.kill(program.process.pid, signal.SIGUSR1)
        self.wait_for_snapshots(1)
        self.assertEqual(program.do("emit", 10), 0)  # the program has got no signal
        status, said = program.end()
        self.assertEqual((status, said.count("; wrote ")), (0, 1), said)
        self.assertIn("trigger signal: adatrace:signal at ", self.reason(self.snapshots()[0]))


class Mistakes(TriggerTest):
    def test_wrong_expression_is_refused_in_its_place_and_nothing_runs(self):
        mark = self.folder / "ran"
        done = recording.run([recording.ADATRACE, "record", "-o", self.folder / "x.adatrace", "--trigger",
                              "drop", "--trigger", "shop:order.latency_us > 50 ms", "--", "touch", mark],
                             env=self.env, timeout=PATIENCE_S)
        self.assertEqual(done.status, 2)
        self.assertEqual(done.stderr.decode().splitlines(), [
            "adatrace: --trigger: a unit stands right behind its number, without a space",
            "  shop:order.latency_us > 50 ms",
            "                             ^~"])
        self.assertEqual([mark.exists(), (self.folder / "x.adatrace").exists()], [False, False])

    def test_wrong_field_is_told_when_its_type_comes_up(self):
        said, snapshots = self.shop(*FLIGHT, *SOON, "--trigger", "shop:order.latency > 50ms",
                                    "--trigger", "shop:order.id == 700")
        self.assertIn("shop:order has no field `latency`; did you mean `latency_us`?", said)
        self.assertEqual(len(snapshots), 1)


if __name__ == "__main__":
    unittest.main()
