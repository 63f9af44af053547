#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`adatrace recover`: cut-off traces made whole, in words and as JSON; nothing is replaced unasked."""

import json
import os
import tempfile
import unittest
from pathlib import Path

from cli_tool import make_trace, run


class Recover(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.runtime = self.folder / "runtime"
        self.runtime.mkdir()

    def tool(self, *words):
        return run(*words, cwd=self.folder, ADATRACE_RUNTIME_DIR=str(self.runtime))

    def cut_off(self, part, name="shop"):
        """A trace of which only so much of the bytes is there, and the whole one."""
        whole = make_trace("calls", self.folder / "whole.adatrace", 200_000)
        path = self.folder / f"{name}.adatrace"
        path.write_bytes(whole.read_bytes()[:int(whole.stat().st_size * part)])
        return path, whole

    def events(self, path):
        return self.tool("decode", path, "-F", "json").stdout.splitlines()

    def said(self, *words):
        done = self.tool("recover", "-F", "json", *words)
        return done.returncode, json.loads(done.stdout)

    def test_cut_anywhere_has_the_same_events_and_is_whole(self):
        for part in (0.999, 0.9, 0.5, 0.1):
            path, _ = self.cut_off(part)
            status, said = self.said("shop.adatrace", "--force")
            self.assertEqual((status, said["files"][0]["state"]), (0, "saved"))
            saved = self.folder / "shop.recovered.adatrace"
            self.assertEqual(self.tool("verify", saved).returncode, 0)
            events = self.events(path)
            self.assertEqual(self.events(saved), events)
            self.assertEqual(said["files"][0]["events"], len(events))
            self.assertGreater(len(said["files"][0]["not_known"]), 0)

    def test_says_what_is_saved_and_what_cannot_be_known(self):
        self.cut_off(0.5)
        done = self.tool("recover", "shop.adatrace")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^shop\.adatrace: [\d,]+ events of \d+ threads? in \d+ process(es)?, .*, in "
                                      r"shop\.recovered\.adatrace\n")
        self.assertRegex(done.stdout, r"    not known: .* in the last second, and what was in the rings")

    def test_replaces_nothing_unasked(self):
        self.cut_off(0.5)
        kept = self.folder / "shop.recovered.adatrace"
        kept.write_text("somebody's")
        done = self.tool("recover", "shop.adatrace")
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists already", done.stderr)
        self.assertEqual(kept.read_text(), "somebody's")
        self.assertEqual(self.tool("recover", "shop.adatrace", "-o", "other").returncode, 0)
        self.assertEqual(self.tool("recover", "shop.adatrace", "--force").returncode, 0)
        self.assertEqual(self.tool("verify", kept).returncode, 0)

    def test_files_of_one_name_do_not_replace_each_other(self):
        path, _ = self.cut_off(0.5)
        for folder in ("one", "two"):
            (self.folder / folder).mkdir()
            (self.folder / folder / path.name).write_bytes(path.read_bytes()[:-5000 if folder == "two" else None])
        (self.folder / "shop.recovered.adatrace").write_text("of last time")
        status, said = self.said("--force", "one/shop.adatrace", "two/shop.adatrace")
        self.assertEqual((status, [file["state"] for file in said["files"]]), (1, ["saved", "failed"]))
        self.assertEqual(said["files"][1]["why"], "shop.recovered.adatrace is what was just saved of one/shop.adatrace: "
                                                  "-o FILE names another")
        self.assertEqual(len(self.events(self.folder / "shop.recovered.adatrace")), said["files"][0]["events"])

    def test_leaves_alone_what_is_whole(self):
        self.cut_off(0.5)
        before = set(os.listdir(self.folder))
        done = self.tool("recover", "whole.adatrace")
        self.assertEqual((done.returncode, done.stdout), (0, "whole.adatrace: is whole, there is nothing to recover\n"))
        self.assertEqual(set(os.listdir(self.folder)), before)

    def test_refuses_in_words_and_goes_on_with_the_next(self):
        self.cut_off(0.5)
        (self.folder / "text").write_text("hello, this is no trace")
        status, said = self.said("text", "absent", "shop.adatrace")
        self.assertEqual(status, 1)
        self.assertEqual([file["state"] for file in said["files"]], ["failed", "failed", "saved"])
        self.assertIn("not an adatrace file", said["files"][0]["why"])
        self.assertEqual(self.tool("recover", "text", "absent", "-o", "one").returncode, 2)
        self.assertEqual(self.tool("recover").returncode, 2)

    def test_damage_in_the_middle_becomes_a_gap(self):
        path, whole = self.cut_off(1.0)
        content = bytearray(whole.read_bytes())
        content[len(content) // 2:len(content) // 2 + 100] = bytes(100)
        path.write_bytes(content)
        status, said = self.said("shop.adatrace")
        self.assertEqual((status, said["files"][0]["state"]), (0, "saved"))
        self.assertEqual(said["files"][0]["damaged_blocks"], 1)
        self.assertLess(said["files"][0]["events"], 200_000)
        self.assertIn(self.tool("verify", self.folder / "shop.recovered.adatrace").returncode, (0, 3))

    def test_segment_that_is_none(self):
        (self.folder / "segment").write_bytes(b"\0ADASEG1" + bytes(8000))
        done = self.tool("recover", "segment")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "segment: ")
        self.assertFalse((self.folder / "segment.recovered.adatrace").exists())

    def test_clears_away_folders_of_dead_sessions(self):
        self.cut_off(0.5)
        dead = self.runtime / "adatrace-abcdef"
        dead.mkdir(mode=0o700)
        os.utime(dead, (0, 0))
        done = self.tool("recover", "whole.adatrace")
        self.assertIn("1 folder of dead sessions removed", done.stdout)
        self.assertEqual(list(self.runtime.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
