#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`adatrace cut`: a slice has what `decode --from --to` shows, and is a whole trace by itself."""

import json
import os
import resource
import subprocess
import tempfile
import unittest
from pathlib import Path

from cli_tool import make_trace, run


def events_of(path, *words):
    done = run("decode", path, "-F", "json", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def info_of(path):
    return json.loads(run("info", path, "-F", "json").stdout)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def made(self, kind, records=None, name=None, **where):
        return make_trace(kind, self.folder / f"{name or kind}.adatrace", records, **where)

    def cut(self, path, name, *words):
        slice_path = self.folder / f"{name}.adatrace"
        done = run("cut", path, "-o", slice_path, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return slice_path

    def assert_whole(self, path, status=0):
        done = run("verify", path)
        self.assertEqual(done.returncode, status, done.stdout)


class Slices(Folder):
    def test_has_the_events_of_that_time_with_their_times(self):
        heap = self.made("heap", 200_000)
        for start, end in (("0", "1us"), ("3ms", "4ms"), ("2.0", "3.0"), ("4999us", "20ms"), ("7ms", "7.1ms")):
            words = ("--from", start, "--to", end)
            piece = self.cut(heap, f"slice-{start}-{end}", *words)
            self.assertEqual(events_of(piece), events_of(heap, *words), words)
            self.assert_whole(piece)

    def test_most_blocks_of_a_slice_stay_as_they_were(self):
        calls = self.made("calls", 400_000)
        done = run("cut", calls, "--from", "1ms", "--to", "6ms", "-o", self.folder / "slice.adatrace")
        self.assertRegex(done.stderr, r"blocks: 1[0-9] as they were, 2 written anew\n$")

    def test_only_its_losses_and_its_threads(self):
        mix = self.made("mix")
        before = self.cut(mix, "before", "--to", "405us")
        self.assert_whole(before)
        loss = self.cut(mix, "loss", "--from", "405us", "--to", "505us")
        self.assert_whole(loss, 3)
        (thread,) = [thread for thread in info_of(loss)["threads"] if thread["tid"] == 4243]
        self.assertEqual((thread["stored"], thread["written"], thread["dropped"]), (1, 1, 12))
        child = self.cut(mix, "child", "--from", "600us")
        self.assertIn(4300, [thread["tid"] for thread in info_of(child)["threads"]])
        self.assertNotIn(4243, [thread["tid"] for thread in info_of(child)["threads"]])
        self.assertEqual([process["pid"] for process in info_of(child)["processes"]], [4242, 4300])

    def test_exits_of_calls_that_were_open_before(self):
        mix = self.made("mix")
        text = run("decode", mix, "--from", "40us").stdout
        piece = self.cut(mix, "open", "--from", "40us")
        self.assertEqual(run("decode", piece).stdout, text)
        self.assertEqual(run("report", piece).returncode, 0)

    def test_symbols_that_it_needs_and_no_others(self):
        mix = self.made("mix")
        piece = self.cut(mix, "child", "--from", "605us", "--to", "645us")
        self.assertIn("fib", run("decode", piece).stdout)
        self.assertIn(b"fib", piece_bytes(piece))
        self.assertNotIn(b"parse(char", piece_bytes(piece))

    def test_filters(self):
        mix = self.made("mix")
        for words in (("-t", "shop"), ("-t", "4243"), ("-e", "memory:*"), ("-t", "shop", "-e", "memory:*", "--from", "100us")):
            piece = self.cut(mix, "filtered", *words, "--force")
            self.assertEqual(events_of(piece), events_of(mix, *words), words)
        piece = self.cut(mix, "process", "-p", "4300")
        self.assertEqual({json.loads(line)["pid"] for line in events_of(piece)}, {4300})
        self.assertEqual(len(events_of(self.cut(mix, "name", "-p", "sh*"))), len(events_of(mix)))
        self.assertEqual(events_of(self.cut(mix, "other", "-p", "bash")), [])

    def test_all_of_it_is_a_copy(self):
        for kind in ("mix", "whole", "empty"):
            path = self.made(kind)
            copy = self.cut(path, f"{kind}-all")
            self.assertEqual(events_of(copy), events_of(path))
            one, other = info_of(path), info_of(copy)
            for part in ("threads", "processes", "event_types", "modules"):
                self.assertEqual(one.get(part), other.get(part), part)

    def test_slice_of_a_slice(self):
        heap = self.made("heap", 100_000)
        once = self.cut(heap, "once", "--from", "1ms", "--to", "3ms")
        twice = self.cut(once, "twice", "--from", "1.5ms", "--to", "9ms")
        words = ("--from", "1.5ms", "--to", "3ms")
        self.assertEqual(events_of(twice), events_of(heap, *words))
        self.assert_whole(twice)

    def test_nothing_happened_then(self):
        mix = self.made("mix")
        piece = self.cut(mix, "nothing", "--from", "5s", "--to", "6s")
        self.assertEqual(events_of(piece), [])
        self.assert_whole(piece)

    def test_says_what_it_is(self):
        mix = self.made("mix")
        notes = [note["text"] for note in info_of(self.cut(mix, "noted", "--from", "1us", "--to", "2us"))["notes"]]
        self.assertRegex(notes[-1], r"^cut from .*mix\.adatrace on \d{4}-\d\d-\d\d at \d\d:\d\d:\d\d UTC: "
                                    r"0\.000001000 s to 0\.000002000 s$")

    def test_cut_off_input(self):
        cut_off = self.made("cut")
        piece = self.cut(cut_off, "piece", "--from", "100us")
        self.assertEqual(events_of(piece), events_of(cut_off, "--from", "100us"))
        self.assert_whole(piece, 3)  # 12 records were dropped; nothing else is wrong with it


class Damage(Folder):
    def test_damaged_blocks_become_gaps(self):
        heap = self.made("heap", 100_000)
        data = bytearray(heap.read_bytes())
        data[len(data) // 2] ^= 0x55
        heap.write_bytes(data)
        piece = self.cut(heap, "piece")
        self.assert_whole(piece, 3)
        gaps = [json.loads(line) for line in events_of(piece) if "adatrace:gap" in line]
        lost = sum(gap["fields"]["records"] for gap in gaps)
        self.assertGreater(lost, 0)
        self.assertEqual(sum(t["stored"] + t["damaged"] for t in info_of(piece)["threads"]), 100_000)

    def test_any_byte_wrong_never_crashes(self):
        mix = self.made("mix").read_bytes()
        path, out = self.folder / "hostile.adatrace", self.folder / "out.adatrace"
        for at in range(0, len(mix), 37):
            path.write_bytes(mix[:at] + bytes([mix[at] ^ 0xFF]) + mix[at + 1:])
            done = run("cut", path, "--from", "50us", "--to", "450us", "-o", out, "--force")
            self.assertIn(done.returncode, (0, 1), (at, done.stderr))
            if done.returncode == 0:
                self.assertIn(run("verify", out).returncode, (0, 1, 3), at)


class Output(Folder):
    def test_never_over_another_file_without_being_told(self):
        mix = self.made("mix")
        (self.folder / "there").write_text("precious")
        done = run("cut", mix, "-o", self.folder / "there")
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists already", done.stderr)
        self.assertEqual((self.folder / "there").read_text(), "precious")
        self.assertEqual(run("cut", mix, "-f", "-o", self.folder / "there").returncode, 0)
        self.assertEqual(sorted(os.listdir(self.folder)), ["mix.adatrace", "there"])

    def test_default_name_and_itself(self):
        mix = self.made("mix")
        self.assertEqual(run("cut", mix, cwd=self.folder).returncode, 0)
        self.assertTrue((self.folder / "mix.cut.adatrace").exists())
        events = events_of(mix)
        self.assertEqual(run("cut", mix, "-o", mix, "--force").returncode, 0)
        self.assertEqual(events_of(mix), events)

    def test_no_room(self):
        heap = self.made("heap", 300_000)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
        try:
            done = run("cut", heap, "-o", self.folder / "full.adatrace")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("nothing was written", done.stderr)
        self.assertEqual(os.listdir(self.folder), ["heap.adatrace"])

    def test_bad_input_is_refused_in_words(self):
        (self.folder / "text").write_text("no trace at all")
        for words in ((self.folder / "text",), (self.folder / "missing",), (self.folder,)):
            done = run("cut", *words, "-o", self.folder / "out")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "not an adatrace file|cannot open|is a folder")
        mix = self.made("mix")
        self.assertEqual(run("cut", mix, "--from", "2s", "--to", "1s").returncode, 2)
        self.assertEqual(run("cut", mix, "-o", self.folder / "no" / "such" / "folder").returncode, 1)
        self.assertFalse((self.folder / "out").exists())


def piece_bytes(path):
    """Everything in a trace, unpacked; the metadata of small ones is stored in the clear."""
    return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout


if __name__ == "__main__":
    unittest.main()
