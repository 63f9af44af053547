#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flight recorder and snapshots: the newest records, whole, again and again, in bounded memory.

ADATRACE_SNAPSHOTS says how many are taken under full load, with rings as they are by default; 100 of small rings where
nobody says.
"""

import json
import os
import signal
import unittest
from pathlib import Path

import recording
from load_program import LoadTest

SNAPSHOTS = int(os.environ.get("ADATRACE_SNAPSHOTS", "100"))
RINGS = () if "ADATRACE_SNAPSHOTS" in os.environ else ("--ring-size", "64K", "--ring-max", "64K")
RAW_RECORDS_IN_A_MIB = (1 << 20) // 16  # a call: header word and address


class Flight(LoadTest):
    def snapshot(self, *words):
        said = json.loads(self.adatrace("snapshot", "-F", "json", *words).stdout)
        path = Path(said["path"])
        self.assertEqual(path.stat().st_size, said["bytes"])
        return path

    def snapshots(self, name="x"):
        return sorted(self.folder.glob(f"{name}-snapshot-*.adatrace"))

    def check_newest(self, path, counts):
        """Every thread's newest records are there without a hole, and the ledger has the rest."""
        self.verify(path)
        streams = self.numbers(path)
        ledgers = self.ledgers([path])
        for tid, count in counts.items():
            stream = streams.get(tid, [])
            gaps = [entry for entry in stream if isinstance(entry, tuple)]
            numbers = [entry for entry in stream if not isinstance(entry, tuple)]
            self.assertEqual(numbers, list(range(count - len(numbers), count)))
            self.assertEqual(stream[:len(gaps)], gaps)  # all in front
            self.assertEqual(sum(records for _, records in gaps), count - len(numbers))
            self.assertEqual(ledgers[tid]["written"], count)
            self.assertEqual(ledgers[tid]["overwritten"], count - len(numbers))
            self.assertEqual(ledgers[tid]["stored"], len(numbers))

    # ---- what is kept ----

    def test_newest_records_are_kept_and_nothing_is_written_meanwhile(self):
        program = self.load(3, "--flight", "256K", "--policy", "block:60s")
        program.ask("emit", 50_000)
        self.assertEqual(list(self.folder.glob("*.adatrace")), [])
        first = self.snapshot()
        self.assertEqual(first, self.folder / "x-snapshot-0001.adatrace")
        self.check_newest(first, program.counts())
        program.ask("emit", 100)
        second = self.snapshot()
        self.assertEqual(second, self.folder / "x-snapshot-0002.adatrace")
        self.check_newest(second, program.counts())
        self.assertLess(second.stat().st_size, 256 << 10)
        status, said = program.end()
        self.assertEqual(status, 0)
        self.assertIn("2 snapshots", said)
        self.assertEqual(self.snapshots(), [first, second])

    def test_time_bounds_what_is_kept(self):
        program = self.load(1, "--flight", "300ms")
        program.ask("emit", 1000)
        self.check_newest(self.snapshot(), program.counts())
        # Look until all of it is too old.
        self.wait_for(lambda: recording.info(self.snapshot("-f", "-o", self.folder / "late"))["events"] == 0)
        self.verify(self.folder / "late")
        program.end()

    def test_before_leaves_out_what_is_older(self):
        program = self.load(1, "--flight", "64M")
        program.ask("emit", 1000)
        self.snapshot()
        self.wait_for(lambda: recording.info(
            self.snapshot("-f", "-o", self.folder / "late", "--before", "50ms"))["events"] == 0)
        program.ask("emit", 7)
        late = self.snapshot("-f", "-o", self.folder / "late", "--before", "30s")
        self.assertEqual(recording.info(late)["events"], 1007)
        program.end()

    def test_threads_that_ended_stay_as_long_as_their_records(self):
        program = self.start(recording.ADATRACE, "record", "-e", "demand:*", "-o", self.folder / "x.adatrace",
                             "--flight", "1M", "--")
        program.do("threads", 8, 100)
        snapshot = self.snapshot()
        self.verify(snapshot)
        self.assertEqual(sorted(t["stored"] for t in recording.info(snapshot)["threads"] if t["stored"]), [100] * 8)
        program.end()

    @unittest.skipUnless(recording.HAS_AGENT, recording.NO_AGENT)
    def test_megabyte_holds_ten_times_what_a_ring_would(self):
        program = self.load(1, "-e", "function:*", "--flight", "1M", "--policy", "block:60s")
        program.ask("calls", 3_000_000)
        snapshot = self.snapshot()
        self.verify(snapshot)
        info = recording.info(snapshot)
        self.assertGreater(info["overwritten"], 0)
        self.assertGreater(info["events"], 10 * RAW_RECORDS_IN_A_MIB)
        print(f"1 MiB holds {info['events']} records, {info['events'] / RAW_RECORDS_IN_A_MIB:.1f} times as many")
        # And they can be read: every address has its name.
        names = {e["fields"].get("function") or e["fields"].get("address")
                 for e, _ in zip(recording.events(snapshot, "-e", "function:*"), range(1000))}
        self.assertTrue(names)
        program.end()

    @unittest.skipIf(recording.SANITIZER, "a sanitizer takes memory of its own")
    def test_recorder_takes_no_more_memory_than_was_said(self):
        grown = {}
        for size in ("1M", "17M"):
            program = self.load(2, "--flight", size, "--policy", "block:60s", trace=f"{size}.adatrace")
            program.ask("emit", 2_500_000)  # 40 MB of noise
            snapshot = self.snapshot()
            self.assertLess(snapshot.stat().st_size, int(size[:-1]) << 20)
            self.assertGreater(snapshot.stat().st_size, (int(size[:-1]) << 20) * 8 // 10)
            for line in Path(f"/proc/{program.process.pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):  # rings are shared memory
                    grown[size] = int(line.split()[1])
            program.end()
        # What the one keeps more than the other: 16 MiB, and what the allocator makes of it.
        self.assertLess(grown["17M"] - grown["1M"], 24 << 10)

    # ---- under load ----

    def test_snapshots_under_full_load_are_all_good(self):
        program = self.load(4, "--flight", "256K", "--policy", "block:60s", *RINGS)
        program.ask("go")
        paths = [self.snapshot() for _ in range(SNAPSHOTS)]
        program.ask("halt")
        for path in paths:
            self.verify(path)
        before = {tid: 0 for tid in program.counts()}
        for path in paths[::max(1, SNAPSHOTS // 20)]:
            ledgers = self.ledgers([path])
            for tid, written in before.items():
                self.assertGreaterEqual(ledgers[tid]["written"], written)  # it goes on
                before[tid] = ledgers[tid]["written"]
        last = self.snapshot()
        self.check_newest(last, program.counts())
        self.assertEqual(program.end()[0], 0)

    def test_snapshot_of_a_file_is_the_file_so_far(self):
        program = self.load(2, "--policy", "block:60s")
        for n in range(1, 6):
            program.ask("emit", 3000)
            path = self.snapshot()
            self.verify(path)
            for numbers in self.numbers(path).values():
                self.assertEqual(numbers, list(range(3000 * n)))
        self.assertEqual(program.end()[0], 0)
        self.verify(self.folder / "x.adatrace")
        self.assertEqual(recording.info(self.folder / "x.adatrace")["events"], 30_000)

    def test_rings_of_policy_overwrite_give_their_newest_records_without_a_torn_one(self):
        program = self.load(4, "--policy", "overwrite", "--ring-size", "16K", "--flight", "256K")
        program.ask("go")
        for _ in range(10):
            path = self.snapshot("-f", "-o", self.folder / "again.adatrace")
            self.verify(path, 0, 3)  # 3: what was overwritten in the rings is a loss
            self.check_ascending(path)
        program.ask("halt")
        counts = program.counts()
        newest = self.check_ascending(self.snapshot())
        self.assertEqual(newest, {tid: count - 1 for tid, count in counts.items()})
        self.assertEqual(program.end()[0], 0)

    def check_ascending(self, path):
        """By thread id, the last number. What is missing in between is counted."""
        newest = {}
        for tid, stream in self.numbers(path).items():
            expected = 0
            for entry in stream:
                if isinstance(entry, tuple):
                    expected += entry[1]
                    continue
                self.assertEqual(entry, expected)
                expected += 1
            newest[tid] = expected - 1
        return newest

    # ---- the end of the program ----

    def test_bad_end_leaves_a_last_snapshot(self):
        for how, status in (("crash", 128 + signal.SIGABRT), ("exit 3", 3)):
            program = self.load(2, "--flight", "1M", trace=f"{status}.adatrace")
            program.ask("emit", 500)
            counts = program.counts()
            program.process.stdin.write(how + "\n")
            program.process.stdin.flush()
            ended, said = program.end()
            self.assertEqual(ended, status)
            last, = self.snapshots(str(status))
            self.assertIn(f"the last snapshot: {last}", said)
            self.check_newest(last, counts)

    def test_good_end_leaves_one_only_when_asked_to(self):
        for when, files in (("error", 0), ("never", 0), ("always", 1)):
            program = self.load(1, "--flight", "1M", "--snapshot-on-exit", when, trace=f"{when}.adatrace")
            program.ask("emit", 5)
            self.assertEqual(program.end()[0], 0)
            self.assertEqual(len(self.snapshots(when)), files)

    def test_never_means_never(self):
        program = self.load(1, "--flight", "1M", "--snapshot-on-exit=never")
        program.process.stdin.write("exit 3\n")
        program.process.stdin.flush()
        self.assertEqual(program.end()[0], 3)
        self.assertEqual(self.snapshots(), [])

    # ---- an application of its own ----

    def test_application_takes_snapshots_of_itself(self):
        program = self.load_by_itself(2, self.folder / "own.adatrace", 1 << 20, 0)
        program.ask("emit", 2000)
        self.assertEqual(program.ask("snapshot", self.folder / "mine.adatrace"), ["0"])
        self.check_newest(self.folder / "mine.adatrace", program.counts())
        program.ask("emit", 100_000)
        self.assertEqual(program.ask("snapshot", self.folder / "mine.adatrace"), ["0"])
        self.check_newest(self.folder / "mine.adatrace", program.counts())
        self.assertEqual(self.snapshot(program.pid), self.folder / "own-snapshot-0001.adatrace")
        self.assertEqual(program.ask("snapshot", self.folder / "nowhere" / "mine.adatrace"), ["-2"])
        self.assertFalse((self.folder / "own.adatrace").exists())
        self.assertEqual(program.end()[0], 0)

    # ---- refusals ----

    def test_what_does_not_go_together_is_refused(self):
        for options in (("--flight", "1M", "--rotate-size", "1M"), ("--keep", "2"), ("--flight", "4K"),
                        ("--flight", "much")):
            self.adatrace("record", *options, "--", "true", status=2)
        program = self.load(1, "--flight", "1M")
        done = self.adatrace("rotate", status=1)
        self.assertIn("writes no file", done.stderr.decode())
        taken = self.folder / "taken"
        taken.write_text("mine")
        self.assertIn("exists", self.adatrace("snapshot", "-o", taken, status=1).stderr.decode())
        self.assertEqual(taken.read_text(), "mine")
        program.end()


if __name__ == "__main__":
    unittest.main()
