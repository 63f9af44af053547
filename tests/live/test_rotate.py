#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rotation: each file is complete, adds up by itself, and all together are the session."""

import re
import signal
import unittest

import adatrace_decoder
import recording
from load_program import LoadTest


class Rotate(LoadTest):
    def files(self, name="x"):
        return sorted(self.folder.glob(f"{name}.[0-9]*.adatrace"))

    def number(self, path):
        return int(re.search(r"\.(\d{4,})\.adatrace$", path.name)[1])

    def emit_until_file(self, program, number, trace="x"):
        """How much that was: of a slow machine's drain a file may hold more than was asked for, and one may have come
        and gone since we looked."""
        emitted = 0
        while max(map(self.number, self.files(trace)), default=0) < number:
            program.ask("emit", 5000)
            emitted += 5000
            self.assertLess(emitted, 2_000_000)
        return emitted

    def streams(self, files):
        """By thread id, the numbers of all files, one after the other."""
        streams = {}
        for path in files:
            for tid, numbers in self.numbers(path).items():
                streams.setdefault(tid, []).extend(numbers)
        return streams

    def check_sums(self, counts, files):
        ledgers = self.ledgers(files)
        for tid, count in counts.items():
            ledger = ledgers[tid]
            self.assertEqual(ledger["written"] + ledger["dropped"], count)
            self.assertEqual(ledger["stored"] + ledger["overwritten"], ledger["written"])
        return ledgers

    def check_each(self, files):
        """Each file's ledgers against its own events, as another decoder sees them."""
        for path in files:
            self.verify(path, 0, 3)
            trace = adatrace_decoder.Trace(path.read_bytes())
            self.assertEqual(trace.damage, [])
            self.assertIsNotNone(trace.end)
            self.assertEqual([m for m in trace.items["module"] if not m["path"]], [])
            seen, gaps = {}, {}
            for event in trace.events():
                if isinstance(event, adatrace_decoder.Gap):
                    gaps[event.thread] = gaps.get(event.thread, 0) + event.records
                else:
                    seen[event.thread] = seen.get(event.thread, 0) + 1
            self.assertEqual(trace.unknown_events, 0)
            for thread, ledger in trace.items["ledger"].items():
                self.assertEqual(ledger["stored"], seen.get(thread, 0), f"{path}: thread {thread}")
                self.assertEqual(ledger["dropped"], gaps.get(thread, 0), f"{path}: thread {thread}")

    def test_earlier_files_give_way_when_the_session_has_begun_and_not_before(self):
        earlier = [self.folder / f"x.{number:04}.adatrace" for number in (1, 2, 7)]
        for path in earlier:
            path.write_text("kept with care")
        words = ("record", "--force", "--rotate-size", "64K", "-o", self.folder / "x.adatrace", "--")
        program = self.folder / "program"
        program.write_text("#!/an/interpreter/that/is/not/there\n")
        program.chmod(0o700)
        self.adatrace(*words, program, status=127)
        self.assertEqual([path.read_text() for path in earlier], ["kept with care"] * 3)
        self.adatrace(*words, "true")
        self.assertEqual(self.files(), earlier[:1])
        self.verify(earlier[0])

    def test_files_of_four_busy_threads_are_complete_and_add_up(self):
        program = self.load(4, "--rotate-size", "64K", "--policy", "block:60s")
        self.emit_until_file(program, 6)
        counts = program.counts()
        status, said = program.end()
        self.assertEqual(status, 0, said)
        files = self.files()
        self.assertEqual([self.number(f) for f in files], list(range(1, len(files) + 1)))
        self.assertRegex(said, rf"{len(files)} files up to x\.{len(files):04}\.adatrace")
        for path in files:
            self.verify(path)
        self.check_each(files)
        ledgers = self.check_sums(counts, files)
        self.assertTrue(all(ledger["dropped"] == 0 for ledger in ledgers.values()))
        # Nothing twice, nothing left out, over the borders of files.
        streams = self.streams(files)
        for tid, count in counts.items():
            self.assertEqual(streams[tid], list(range(count)))

    def test_losses_under_full_load_stand_in_the_file_where_they_happened(self):
        program = self.load(4, "--rotate-size", "2M", "--ring-size", "16K", "--ring-max", "16K")
        program.ask("go")
        for _ in range(10):
            self.adatrace("rotate")
        program.ask("halt")
        counts = program.counts()
        self.assertEqual(program.end()[0], 0)
        files = self.files()
        self.assertGreater(len(files), 10)
        ledgers = self.check_sums(counts, files)
        self.assertGreater(sum(ledger["dropped"] for ledger in ledgers.values()), 0)
        for path in files:
            self.verify(path, 0, 3)
            info = recording.info(path)
            counted = recording.Counter()
            self.assertEqual(info["events"], sum(t["stored"] for t in info["threads"]))
            for thread in info["threads"]:
                counted[thread["tid"]] = thread["dropped"]
            gaps = recording.Counter()
            for event in recording.events(path, "-e", "adatrace:gap"):
                gaps[event["tid"]] += event["fields"]["records"]
            self.assertEqual(+gaps, +counted)

    def test_keep_deletes_all_but_the_newest(self):
        program = self.load(2, "--rotate-size", "64K", "--keep", "3", "--policy", "block:60s")
        emitted = self.emit_until_file(program, 7)
        status, said = program.end()
        self.assertEqual(status, 0, said)
        files = self.files()
        self.assertEqual(len(files), 3)
        last = self.number(files[-1])
        self.assertEqual([self.number(f) for f in files], [last - 2, last - 1, last])
        self.assertRegex(said, rf"{last - 3} older files were deleted")
        for path in files:
            self.verify(path)
        # The end of the session is there, without a hole.
        for joined in self.streams(files).values():
            self.assertEqual(joined, list(range(joined[0], emitted)))

    def test_time_alone_begins_another_file(self):
        program = self.load(1, "--rotate-time", "100ms")
        program.ask("emit", 10)
        wanted = self.folder / "x.0003.adatrace"
        self.wait_for(wanted.exists)
        program.ask("emit", 10)
        self.assertEqual(program.end()[0], 0)
        self.check_sums({tid: 20 for tid in self.tids()}, self.files())
        for path in self.files():
            self.verify(path)

    def tids(self):
        return {t["tid"] for f in self.files() for t in recording.info(f)["threads"] if t["written"]}

    def test_rotate_asked_for_leaves_a_file_that_had_no_number(self):
        program = self.load(1)
        program.ask("emit", 100)
        said = self.adatrace("rotate").stdout.decode().strip()
        self.assertEqual(said, str(self.folder / "x.0002.adatrace"))
        program.ask("emit", 50)
        counts = program.counts()
        status, words = program.end()
        self.assertEqual(status, 0)
        files = [self.folder / "x.adatrace", self.folder / "x.0002.adatrace"]
        each = sum(path.stat().st_size for path in files) / sum(map(self.taken, files))
        self.assertIn(f", {each:.2f} bytes per event: 2 files up to x.0002.adatrace", words)
        self.check_sums(counts, files)
        self.check_each(files)
        # Names and types of the first are known in the second.
        self.assertEqual([e["fields"]["number"] for e in recording.events(files[1])],
                         list(range(100, 150)) if self.taken(files[0]) == 100 else
                         list(range(self.taken(files[0]), 150)))

    def taken(self, path):
        return recording.info(path)["events"]

    def test_file_that_is_there_already_is_left_alone(self):
        other = self.folder / "x.0002.adatrace"
        other.write_text("somebody else's")
        program = self.load(1, "--rotate-time", "100ms")
        program.ask("emit", 10)
        done = self.adatrace("rotate", status=1)
        self.assertIn("exist", done.stderr.decode())
        program.ask("emit", 10)
        self.assertEqual(program.end()[0], 0)
        self.assertEqual(other.read_text(), "somebody else's")
        self.assertEqual(recording.info(self.folder / "x.0001.adatrace")["events"], 20)
        self.verify(self.folder / "x.0001.adatrace")

    def test_application_that_records_itself_can_be_rotated(self):
        program = self.load_by_itself(2, self.folder / "own.adatrace", 0, 0)
        program.ask("emit", 1000)
        self.adatrace("rotate", program.pid)
        program.ask("emit", 500)
        counts = program.counts()
        self.assertEqual(program.end()[0], 0)
        files = [self.folder / "own.adatrace", self.folder / "own.0002.adatrace"]
        self.check_sums(counts, files)
        for path in files:
            self.verify(path)

    def test_killed_program_leaves_files_that_add_up(self):
        program = self.load(4, "--rotate-size", "256K")
        program.ask("emit", 20_000)
        program.ask("go")
        self.adatrace("rotate")
        kill = signal.SIGKILL
        program.send(kill)
        self.assertEqual(program.end()[0], 128 + kill)
        for path in self.files():
            self.verify(path, 0, 3)
        for ledger in self.ledgers(self.files()).values():
            self.assertEqual(ledger["stored"] + ledger["overwritten"], ledger["written"])


if __name__ == "__main__":
    unittest.main()
