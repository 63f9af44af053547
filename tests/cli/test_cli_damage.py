#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged, cut off and lossy traces: what does not come out of the file is counted, placed, and said."""

import json
import re
import unittest

import evidence
from cli_tool import make_trace, run
from test_cli_reading import WithTraces

RECORDS = 60000


class Damage(WithTraces):
    """One byte of a data block is another one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = make_trace("heap", cls.folder / "heap.adatrace", RECORDS)
        cls.bad = cls.folder / "bad.adatrace"
        cls.blocks = json.loads(run("info", "-v", "-F", "json", cls.whole).stdout)["blocks"]

    def damage(self, block, at=None, size=None):
        """Flip a byte of the block; keep `size` bytes of the file."""
        content = bytearray(self.whole.read_bytes())
        content[block["offset"] + (block["bytes"] * 2 // 3 if at is None else at)] ^= 0x55
        self.bad.write_bytes(content[:size])

    def assert_told(self, block, unread=1):
        """decode shows all but the block's records, and those as a gap in their place."""
        done = run("decode", "-F", "json", self.bad)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, rf"is damaged .*: {block['events']:,} records in {unread} block could not be read")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        gaps = [event for event in events if event["event"] == "adatrace:gap"]
        self.assertEqual([gap["fields"] for gap in gaps],
                         [{"kind": "damaged", "records": block["events"], "bytes": 0, "first_ns": block["start_ns"],
                           "last_ns": block["end_ns"]}])
        self.assertEqual(gaps[0]["tid"], block["tid"])
        self.assertEqual(len(events) - 1 + gaps[0]["fields"]["records"], RECORDS)
        own = [event["ts_ns"] for event in events if event["tid"] == block["tid"]]
        self.assertEqual(own, sorted(own))

    def test_a_damaged_block_is_a_gap_of_its_records(self):
        self.assertGreater(len(self.blocks), 3)
        for block in self.blocks:
            for at in (None, 20):  # its content, its header: the index tells what stood there
                self.damage(block, at)
                self.assert_told(block)
        evidence.tell("damage-is-told", f"{2 * len(self.blocks)} damaged blocks of {RECORDS:,} events, each a gap of its records")

    def test_without_an_index_the_header_tells(self):
        for block in self.blocks:
            with self.subTest(offset=block["offset"]):
                self.damage(block, size=-200)
                self.assert_told(block)

    def test_all_readers_tell_the_same(self):
        self.damage(self.blocks[1])
        for form in ("text", "json", "csv"):
            alone, together = (run("decode", "-F", form, "-j", jobs, self.bad) for jobs in (1, 4))
            self.assertEqual((alone.stdout, alone.stderr), (together.stdout, together.stderr))
            self.assertEqual(alone.stderr.count("\n"), 1)

    def test_text_shows_a_gap_without_a_number_that_nobody_knows(self):
        self.damage(self.blocks[1])
        gaps = [line for line in run("decode", self.bad).stdout.splitlines() if "----" in line]
        self.assertEqual(len(gaps), 1)
        self.assertIn(f"---- {self.blocks[1]['events']:,} records damaged here, from ", gaps[0])

    def test_what_is_not_read_is_not_spoken_of(self):
        block = self.blocks[-1]
        self.damage(block)
        done = run("decode", "--to", f"{self.blocks[0]['end_ns'] // 2}", self.bad)
        self.assertEqual(done.stderr, "")
        self.assertNotIn("----", done.stdout)

    def test_report_counts_them(self):
        for block in self.blocks:
            self.damage(block)
            done = run("report", "-F", "json", self.bad)
            report = json.loads(done.stdout)
            self.assertEqual((done.returncode, done.stderr.count("could not be read")), (0, 1))
            self.assertIs(report["complete"], False)
            self.assertEqual(report["events"] + block["events"], RECORDS)
            missing = {thread["tid"]: thread["missing_here"] for thread in report["threads"]}
            self.assertEqual(missing.pop(block["tid"]), block["events"])
            self.assertEqual(set(missing.values()), {0})
            lost = {thread["tid"]: thread["lost"] for thread in report["threads"]}
            self.assertEqual(lost, {tid: block["events"] if tid == block["tid"] else 0 for tid in lost})
            self.assertEqual((report["lost"], report["lost_exact"]), (block["events"], True))
            text = run("report", self.bad).stdout
            self.assertIn(f", {block['events']:,} records in damaged blocks\n", text)
            self.assertNotIn("nothing lost", text)
            self.assertRegex(text, rf"\n +[\d,]+ +{block['events']:,} +\S+ \S+ +4242 +{block['tid']} ")

    def test_info_says_nothing_of_what_it_has_not_read(self):
        self.damage(self.blocks[0])
        shown = run("info", self.bad).stdout
        self.assertIn("yes: ended properly, nothing lost\n", shown)
        self.assertNotIn("undamaged", shown)

    def test_damaged_metadata_leaves_losses_unknown(self):
        content = bytearray(self.whole.read_bytes())
        content[100] ^= 0x55  # in the first block, which has no events
        self.bad.write_bytes(content)
        shown = run("info", self.bad).stdout
        self.assertRegex(shown, r"no: blocks are damaged; .*not known\n")
        self.assertNotIn("nothing lost", shown + run("report", self.bad).stdout)
        self.assertIs(json.loads(run("report", "-F", "json", self.bad).stdout)["lost_exact"], False)

    def test_verify_says_how_much_can_be_read(self):
        self.damage(self.blocks[1])
        done = run("verify", self.bad)
        self.assertEqual(done.returncode, 1)
        found = re.search(r": damaged: (\d+) of (\d+) blocks can be read\n$", done.stdout)
        self.assertTrue(found, done.stdout)
        self.assertEqual(int(found[1]) + 1, int(found[2]))
        shown = json.loads(run("verify", "-F", "json", self.bad).stdout)
        self.assertEqual((shown["verdict"], shown["blocks_read"] + 1), ("damaged", shown["blocks"]))
        self.assertEqual(shown["findings"][0]["offset"], self.blocks[1]["offset"])


class Loss(WithTraces):
    def test_nothing_that_can_be_read_is_unreadable(self):
        (self.folder / "nothing").write_bytes(b"")
        (self.folder / "short").write_bytes((self.folder / "mix.adatrace").read_bytes()[:90])
        for name in ("nothing", "short"):
            done = run("verify", name, cwd=self.folder)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertTrue(done.stdout.endswith(f"{name}: unreadable\n"), done.stdout)
            self.assertNotIn("offset", done.stdout)
            self.assertEqual(run("decode", name, cwd=self.folder).returncode, 1)

    def test_a_recording_that_was_cut_off_does_not_know_its_losses(self):
        content = (self.folder / "whole.adatrace").read_bytes()
        blocks = json.loads(self.good("info", "-v", "-F", "json", "whole.adatrace"))["blocks"]
        lost = set()
        for size in range(blocks[0]["offset"], len(content) - 1, 50):
            (self.folder / "killed").write_bytes(content[:size])
            shown = (run("info", "killed", cwd=self.folder).stdout, run("report", "killed", cwd=self.folder).stdout)
            for text in shown:
                self.assertNotIn("nothing lost", text)
                self.assertRegex(text, "losses not known|what else was lost is not known")
            report = json.loads(self.good("report", "-F", "json", "killed"))
            self.assertIs(report["lost_exact"], False)
            lost.update(thread["lost"] for thread in report["threads"])
        self.assertEqual(lost, {None, 0})  # of a thread whose ledger is cut off nobody knows

    def test_verify_speaks_of_a_thread_without_an_offset(self):
        done = run("verify", "mix.adatrace", cwd=self.folder)
        self.assertEqual(done.stdout.splitlines()[0],
                         r"mix.adatrace: lossy: wor\x1bker "  '"1"/4243: 12 records dropped, 0 overwritten, 0 damaged')
        finding = json.loads(run("verify", "-F", "json", "mix.adatrace", cwd=self.folder).stdout)["findings"][0]
        self.assertEqual((finding["offset"], finding["pid"], finding["tid"]), (None, 4242, 4243))

    def test_memory_says_that_allocations_may_be_missing(self):
        lossy, whole = (self.good("report", f"{name}.adatrace") for name in ("mix", "whole"))
        self.assertIn("in the parent, or whose allocation was not recorded\n", lossy)
        self.assertIn("12 records are missing: what was live, and the peak, can be more or less\n", lossy)
        self.assertNotIn("missing", whole)


if __name__ == "__main__":
    unittest.main()
