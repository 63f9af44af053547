#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace merge with what sessions leave: rotated files and snapshots become what one file would have been."""

import json
import unittest

import recording
from live_program import LiveTest


class Merge(LiveTest):
    def merge(self, *paths):
        out = self.folder / "whole.adatrace"
        said = self.adatrace("merge", *paths, "-f", "-o", out).stderr.decode()
        return out, said

    def threads(self, path):
        """Of each thread: what it has, and its events in order."""
        info = json.loads(self.adatrace("info", "-F", "json", path).stdout)
        ledgers = {t["tid"]: (t["stored"], t["written"], t["dropped"], t["overwritten"]) for t in info["threads"]}
        events = {}
        for event in recording.events(path):
            events.setdefault(event["tid"], []).append((event["event"], json.dumps(event["fields"])))
        return ledgers, events

    def test_rotated_files(self):
        program = self.record("-e", "demand:*", "--rotate-size", "64K", "--level", "0", trace="x.adatrace")
        emitted = 0
        while not (self.folder / "x.0003.adatrace").exists():  # of a slow machine's drain a file may hold much
            program.do("emit", 50_000)
            emitted += 50_000
            self.assertLess(emitted, 10_000_000)
        program.do("threads", 3, 10_000)
        program.do("emit", 1000)
        self.assertEqual(program.end()[0], 0)
        paths = sorted(self.folder.glob("x.*.adatrace"))
        self.assertGreater(len(paths), 2)
        sums, expected = {}, {}
        for path in paths:
            ledgers, events = self.threads(path)
            for tid, ledger in ledgers.items():
                sums[tid] = [a + b for a, b in zip(sums.get(tid, (0, 0, 0, 0)), ledger)]
            for tid, found in events.items():
                expected.setdefault(tid, []).extend(found)
        whole, said = self.merge(*paths[::-1])
        ledgers, events = self.threads(whole)
        self.assertEqual({tid: list(ledger) for tid, ledger in ledgers.items()}, sums)
        self.assertEqual(events, expected)
        self.assertEqual(sum(sum(ledger[1:3]) for ledger in ledgers.values()), emitted + 30_000 + 1000)
        self.assertRegex(said, r"blocks: \d+ as they were\n$")
        lossy = any(ledger[2] for ledger in ledgers.values())
        self.adatrace("verify", whole, status=3 if lossy else 0)

    def snapshot(self, n):
        path = self.folder / f"snapshot-{n}.adatrace"
        self.adatrace("snapshot", "-o", path)
        return path

    def test_snapshots(self):
        """What two of them have comes once, and what no file has is told once."""
        program = self.record("-e", "demand:*", "--flight", "256K", "--level", "0")
        paths, emitted = [], 0
        for n in range(4):
            emitted += program.do("emit", 60_000) or 60_000
            paths.append(self.snapshot(n))
        self.assertEqual(program.end()[0], 0)
        whole, said = self.merge(paths[2], paths[0], paths[3], paths[1])
        ledgers, events = self.threads(whole)
        (stored, written, dropped, overwritten), = ledgers.values()
        self.assertEqual(written + dropped, emitted)
        self.assertEqual(stored + overwritten, written)
        (found,) = events.values()
        self.assertEqual(len([event for event in found if event[0] != recording.GAP]), stored)
        self.assertGreater(stored, max(self.threads(path)[0].popitem()[1][0] for path in paths))
        self.assertIn("came twice", said)
        self.adatrace("verify", whole, status=3 if dropped or overwritten else 0)

    def test_two_sessions_of_this_machine(self):
        paths = []
        for name in ("one", "two"):
            program = self.record("-e", "demand:*", trace=f"{name}.adatrace")
            program.do("emit", 5000)
            self.assertEqual(program.end()[0], 0)
            paths.append(self.folder / f"{name}.adatrace")
        whole, said = self.merge(*paths)
        self.assertNotIn("different clocks", said)
        self.assertRegex(said, r"blocks: \d+ as they were\n$")
        ledgers, _ = self.threads(whole)
        self.assertEqual([ledger[1] for ledger in ledgers.values()], [5000, 5000])
        self.adatrace("verify", whole)


if __name__ == "__main__":
    unittest.main()
