#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`adatrace merge`: what was one recording becomes one again; what was several stands side by side."""

import json
import unittest
from pathlib import Path

from cli_tool import run
from test_cli_cut import Folder, events_of, info_of


def parts_of(path, *names):
    info = info_of(path)
    return {name: info.get(name) for name in names or ("threads", "processes", "modules")}


class Merging(Folder):
    def merge(self, name, *paths):
        out = self.folder / f"{name}.adatrace"
        done = run("merge", *paths, "-o", out, "--force")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.said = done.stderr
        return out

    def slices(self, path, *bounds):
        bounds = [None, *bounds, None]
        for n, (start, end) in enumerate(zip(bounds, bounds[1:])):
            words = (["--from", start] if start else []) + (["--to", end] if end else [])
            yield self.cut(path, f"{Path(path).stem}-part-{n}", *words, "--force")


class OneSession(Merging):
    def test_slices_become_the_whole_again(self):
        heap = self.made("heap", 80_000, session="1", boot="b")
        for bounds in (("4ms",), ("1us", "3.77ms", "3.78ms"), ("2ms", "4ms", "6ms")):
            slices = list(self.slices(heap, *bounds))
            for order in (slices, slices[::-1]):
                whole = self.merge("whole", *order)
                self.assertEqual(events_of(whole), events_of(heap), bounds)
                self.assert_whole(whole)
                for one, other in zip(info_of(whole)["threads"], info_of(heap)["threads"]):
                    self.assertEqual((one["tid"], one["stored"], one["written"], one["dropped"]),
                                     (other["tid"], other["stored"], other["written"], other["dropped"]))

    def test_losses_at_the_edge_come_once(self):
        mix = self.made("mix", session="1", boot="b")
        for bound in ("300us", "410us", "450us", "490us", "500us"):
            whole = self.merge("whole", *self.slices(mix, bound))
            self.assertEqual(events_of(whole), events_of(mix), bound)
            self.assertEqual(run("decode", whole).stdout, run("decode", mix).stdout)
            (worker,) = [t for t in info_of(whole)["threads"] if t["tid"] == 4243]
            self.assertEqual((worker["dropped"], worker["written"]), (12, 14))
            self.assert_whole(whole, 3)

    def test_slices_that_overlap(self):
        heap = self.made("heap", 80_000, session="1", boot="b")
        first = self.cut(heap, "first", "--to", "7ms")
        second = self.cut(heap, "second", "--from", "1ms")
        inside = self.cut(heap, "inside", "--from", "3ms", "--to", "3.5ms")
        whole = self.merge("whole", inside, second, first)
        self.assertRegex(self.said, "came twice")
        self.assertEqual(events_of(whole), events_of(heap))
        self.assert_whole(whole)
        self.assertEqual([t["written"] for t in info_of(whole)["threads"]], [40_000, 40_000])

    def test_threads_apart(self):
        mix = self.made("mix", session="1", boot="b")
        ones = [self.cut(mix, f"thread-{tid}", "-t", tid) for tid in ("4242", "4243", "4300")]
        whole = self.merge("whole", *ones)
        self.assertEqual(events_of(whole), events_of(mix))

    def test_slices_of_different_events_stay_apart(self):
        """Where two files of a session overlap, the one is taken for the other: not here."""
        mix = self.made("mix", session="1", boot="b")
        memory = self.cut(mix, "memory", "-e", "memory:*")
        others = self.cut(mix, "others", "-e", "!memory:*")
        both = self.merge("both", memory, others)
        self.assertEqual(len([e for e in events_of(both) if "adatrace:gap" not in e]), 35)

    def test_of_a_single_file(self):
        for kind in ("mix", "whole", "empty"):
            path = self.made(kind)
            whole = self.merge(f"{kind}-merged", path)
            self.assertEqual(events_of(whole), events_of(path))
            self.assertEqual(parts_of(whole), parts_of(path))


class Several(Merging):
    def test_same_boot_keeps_the_blocks_and_the_ticks(self):
        heap = self.made("heap", 60_000, boot="b", session="1")
        calls = self.made("calls", 60_000, boot="b", session="2")
        both = self.merge("both", heap, calls)
        self.assertRegex(self.said, r"blocks: \d+ as they were\n$")
        self.assert_whole(both)
        self.assert_union(both, heap, calls)
        self.assertEqual(len(info_of(both)["processes"]), 2)
        self.assertEqual(len(info_of(both)["threads"]), 3)

    def assert_union(self, both, *paths):
        def plain(event):
            return event["ts_ns"], event["event"], json.dumps(event["fields"], sort_keys=True), json.dumps(
                event.get("symbols"), sort_keys=True), event["thread"]
        found = [json.loads(line) for line in events_of(both)]
        self.assertEqual([e["ts_ns"] for e in found], sorted(e["ts_ns"] for e in found))
        expected = [json.loads(line) for path in paths for line in events_of(path)]
        self.assertEqual(sorted(map(plain, found)), sorted(map(plain, expected)))

    def test_numbers_of_types_that_differ(self):
        one = self.made("mix", name="one", boot="b", session="1")
        other = self.made("mix", name="other", boot="b", session="2", last=1)
        both = self.merge("both", one, other)
        self.assertRegex(self.said, r"3 as they were, 3 with other numbers\n$")
        self.assert_union(both, one, other)
        self.assertEqual({t["dropped"] for t in info_of(both)["threads"]}, {0, 12})

    def test_another_machine_with_another_clock(self):
        one = self.made("heap", 20_000, name="one", host="a", boot="a", session="1")
        other = self.made("calls", 20_000, name="other", host="b", boot="b", session="2", rate=400, later=5_000_000)
        both = self.merge("both", other, one)
        self.assertIn("different clocks", self.said)
        self.assert_whole(both)
        shifted = [json.loads(line) for line in events_of(other)]
        found = [json.loads(line) for line in events_of(both)]
        of_other = [e for e in found if e["event"].startswith("function:")]
        self.assertEqual([e["ts_ns"] - 5_000_000 for e in of_other], [e["ts_ns"] for e in shifted])
        of_one = [e for e in found if e["event"].startswith("memory:")]
        self.assertEqual([e["ts_ns"] for e in of_one], [json.loads(line)["ts_ns"] for line in events_of(one)])
        self.assertEqual([e["ts_ns"] for e in found], sorted(e["ts_ns"] for e in found))
        self.assertEqual(info_of(both)["machine"]["host"], "a, b")
        self.assertRegex(str(info_of(both)["notes"]), "time of day, within 80 ns")

    def test_durations_and_gaps_of_another_clock(self):
        one = self.made("whole", host="a", boot="a", session="1")
        other = self.made("mix", host="b", boot="b", session="2", rate=250)
        both = self.merge("both", one, other)
        self.assert_union(both, one, other)
        self.assert_whole(both, 3)

    def test_same_boot_with_another_source(self):
        one = self.made("heap", 20_000, name="one", boot="b", session="1")
        other = self.made("whole", name="other", boot="b", session="2", clock="monotonic", rate=500)
        both = self.merge("both", one, other)
        self.assert_union(both, one, other)
        self.assertRegex(str(info_of(both)["notes"]), "monotonic clock, within 80 ns")

    def test_joined_files_can_be_cut_and_joined_again(self):
        one = self.made("mix", name="one", boot="b", session="1")
        other = self.made("heap", 5_000, name="other", boot="b", session="2")
        both = self.merge("both", one, other)
        again = self.merge("again", *self.slices(both, "200us", "430us"))
        self.assertEqual(events_of(again), events_of(both))


class Input(Merging):
    def test_cut_off_file_is_taken_as_far_as_it_goes(self):
        heap = self.made("heap", 80_000, session="1", boot="b")
        first, second = self.slices(heap, "5ms")
        data = first.read_bytes()
        first.write_bytes(data[:len(data) * 2 // 3])
        stored = len(events_of(first)) + len(events_of(second))
        whole = self.merge("whole", first, second)
        self.assertIn("cut off", self.said)
        self.assertEqual(len(events_of(whole)), stored)
        self.assert_whole(whole)
        self.assertRegex(str(info_of(whole)["notes"]), "cut off")

    def test_the_same_file_twice_is_refused(self):
        mix = self.made("mix")
        done = run("merge", mix, mix, "-o", self.folder / "twice")
        self.assertEqual(done.returncode, 1)
        self.assertIn("are the same recording", done.stderr)
        self.assertFalse((self.folder / "twice").exists())

    def test_bad_words_and_bad_files(self):
        mix = self.made("mix")
        (self.folder / "text").write_text("no trace at all")
        self.assertEqual(run("merge", mix).returncode, 2)
        self.assertEqual(run("merge", "-o", self.folder / "out").returncode, 2)
        done = run("merge", mix, self.folder / "text", "-o", self.folder / "out")
        self.assertEqual((done.returncode, (self.folder / "out").exists()), (1, False))
        self.assertIn("not an adatrace file", done.stderr)
        done = run("merge", mix, "-o", mix)
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists already", done.stderr)

    def test_any_byte_wrong_never_crashes(self):
        good = self.made("mix", name="good", session="1", boot="b")
        mix = self.made("mix", session="2", boot="b", last=1).read_bytes()
        path, out = self.folder / "hostile.adatrace", self.folder / "out.adatrace"
        for at in range(0, len(mix), 41):
            path.write_bytes(mix[:at] + bytes([mix[at] ^ 0xFF]) + mix[at + 1:])
            done = run("merge", good, path, "-o", out, "--force")
            self.assertIn(done.returncode, (0, 1), (at, done.stderr))
            if done.returncode == 0:
                self.assertIn(run("verify", out).returncode, (0, 1, 3), at)


if __name__ == "__main__":
    unittest.main()
