#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples, from the build tree: untraced, with a session of their own, under the collector."""

import tempfile
import unittest
from pathlib import Path

import example_programs as examples
import recording


class Examples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.trace = Path(folder.name) / "trace.adatrace"

    def program(self, name):
        return recording.BUILD / "examples" / name

    def for_each(self, check):
        for name in examples.EMITTED:
            with self.subTest(name):
                self.trace.unlink(missing_ok=True)
                check(name)

    def test_untraced_does_its_work(self):
        def check(name):
            outcome = recording.run([self.program(name)])
            examples.check_outcome(self, name, outcome)
            self.assertEqual(outcome.stderr, b"")
        self.for_each(check)

    def test_own_session_holds_every_event(self):
        def check(name):
            examples.check_outcome(self, name, recording.run([self.program(name), self.trace]))
            examples.check_trace(self, name, self.trace)
        self.for_each(check)

    def test_own_session_refuses_an_existing_file(self):
        def check(name):
            self.trace.write_text("mine")
            outcome = recording.run([self.program(name), self.trace])
            self.assertEqual(outcome.status, 1)
            self.assertIn(b"exists", outcome.stderr)
            self.assertEqual(self.trace.read_text(), "mine")
        self.for_each(check)

    def test_under_the_collector_the_same_events_once(self):
        def check(name):
            outcome = recording.record(self.trace, [self.program(name)], ["--policy", "block:60s"])
            examples.check_outcome(self, name, outcome)
            examples.check_trace(self, name, self.trace)
        self.for_each(check)

    def test_own_session_under_the_collector_is_joined(self):
        def check(name):
            unused = self.trace.with_name("unused.adatrace")
            outcome = recording.record(self.trace, [self.program(name), unused],
                                       ["--policy", "block:60s"])
            examples.check_outcome(self, name, outcome)
            examples.check_trace(self, name, self.trace)
            self.assertFalse(unused.exists())
        self.for_each(check)

    def test_fields_arrive_as_they_were_given(self):
        examples.check_outcome(self, "shop", recording.run([self.program("shop"), self.trace]))
        decoded = examples.check_trace(self, "shop", self.trace)
        sold = {e["fields"]["order"]: e["fields"] for e in decoded if e["event"] == "shop:sold"}
        self.assertEqual(sorted(sold), list(range(1, 3001)))
        for order, fields in sold.items():
            self.assertEqual(fields["payment"], "card" if order % 3 else "cash")
            self.assertAlmostEqual(fields["price"], 0.05 * (order % 400))
            self.assertEqual(fields["customer"], ("Ann", "Bob", "Chandra", "Dora")[order % 4])
        milestones = [e["text"] for e in decoded if e["event"] == "shop:milestone"]
        self.assertEqual(sorted(milestones), ["order 1000: 33.3 % done", "order 2000: 66.7 % done",
                                              "order 3000: 100.0 % done"])
        self.trace.unlink()
        examples.check_outcome(self, "kitchen", recording.run([self.program("kitchen"), self.trace]))
        decoded = examples.check_trace(self, "kitchen", self.trace)
        grams = [e["fields"]["grams"] for e in decoded if e["event"] == "kitchen:cooked"]
        self.assertEqual(grams, [[120, 80, n] for n in range(1, 501) if n % 50])
        smoke = [e["fields"]["smoke"] for e in decoded if e["event"] == "kitchen:burnt"]
        self.assertEqual(smoke, [n % 100 == 0 for n in range(50, 501, 50)])


if __name__ == "__main__":
    unittest.main()
