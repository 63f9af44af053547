#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both decoders find the same in files that were cut off, damaged, forged or made later.

Everything is made from the golden files: first what happens to files, bytes that are lost or wrong;
then what only a forger does, blocks of any content whose checksums are right.
"""

import random
import re
import struct
import tempfile
import unittest
from pathlib import Path

import block_sealer
import compare_decoders
import evidence
import recording
from adatrace_blocks import CUT_OFF, DATA, META, START, OtherVersion
from adatrace_decoder import ITEMS, Trace
from test_golden import GOLDEN

KIND_OF = {name: kind for kind, (name, _) in ITEMS.items()}


def bytes_of(kind):
    return (GOLDEN / f"{kind}.adatrace").read_bytes()


def edges_of(data):
    """Where blocks begin."""
    return [offset for offset, _ in Trace(data).blocks]


def items_of(content):
    """[kind, body] of every item."""
    items, at = [], 0
    while at < len(content):
        kind, _reserved, size = struct.unpack_from("<HHI", content, at)
        items.append([kind, content[at + 8:at + 8 + size]])
        at += 8 + size
    return items


def content_of(items):
    return b"".join(struct.pack("<HHI", kind, 0, len(body)) + body for kind, body in items)


def field_renamed(body, name):
    """A TYPE item whose first field has another name; types without fields stay."""
    at = 8 + 8
    for _ in range(4):
        at += 2 + struct.unpack_from("<H", body, at)[0]
    if at == len(body):
        return body
    at += 6
    behind = at + 2 + struct.unpack_from("<H", body, at)[0]
    schema = body[8:at] + struct.pack("<H", len(name)) + name + body[behind:]
    return body[:4] + struct.pack("<I", len(schema)) + schema


def type_named_longest(body):
    """A TYPE item whose provider and name have as many bytes as there can be."""
    schema, at = body[8:16], 16
    for _ in range(2):
        size = struct.unpack_from("<H", body, at)[0]
        schema += struct.pack("<H", 255) + body[at + 2:at + 2 + size].ljust(255, b"+")
        at += 2 + size
    schema += body[at:]
    return body[:4] + struct.pack("<I", len(schema)) + schema


COMPARED = {}  # variants of each class, for docs/RELIABILITY.md


def tearDownModule():
    """Of a run of all that there is."""
    if set(COMPARED) == {"Damaged", "Forged"}:
        evidence.tell("variants", f"both decoders find the same in {COMPARED['Damaged']:,} damaged and "
                      f"{COMPARED['Forged']:,} forged files")


class Variants(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "variant.adatrace"

    def compare(self, data, what, **more):
        """The decoders agree about these bytes; what ours finds in them."""
        self.path.write_bytes(data)
        found = list(compare_decoders.differences(recording.ADATRACE, self.path, **more))
        self.assertEqual(found, [], what)
        COMPARED[type(self).__name__] = COMPARED.get(type(self).__name__, 0) + 1
        trace = Trace(data)
        trace.found = list(trace.events())
        return trace


class Damaged(Variants):
    """No END is left or no index fits, and yet every whole block is read."""

    def test_cut_off_anywhere(self):
        data = bytes_of("processes")
        edges = edges_of(data)
        places = {at + more for at in edges for more in (-1, 0, 1, 40, 79, 80, 81)}
        for size in sorted(places | set(range(0, len(data), 97))):
            trace = self.compare(data[:max(size, 0)], f"the first {size} bytes")
            words = [words for _, words in trace.damage]
            self.assertEqual(words, [] if size in [-1, 0, *edges] else [CUT_OFF], size)

    def test_a_bit_flipped_anywhere(self):
        for kind, step in (("processes", 43), ("gaps", 19), ("clock", 17), ("fields", 101)):
            data = bytes_of(kind)
            for at in range(0, len(data), step):
                flipped = bytearray(data)
                flipped[at] ^= 1 << at % 8
                trace = self.compare(bytes(flipped), f"{kind}: a bit of byte {at} is flipped")
                self.assertEqual(len(trace.damage), 1, at)

    def test_two_bytes_wrong(self):
        data, chance = bytes_of("processes"), random.Random(1)
        for _ in range(60):
            places = [chance.randrange(len(data)) for _ in range(2)]
            wrong = bytearray(data)
            for at in places:
                wrong[at] ^= chance.randrange(1, 256)
            self.compare(bytes(wrong), f"bytes {places} are wrong")

    def test_bytes_lost_or_put_in_between(self):
        data, chance = bytes_of("processes"), random.Random(2)
        for _ in range(40):
            at, size = chance.randrange(len(data)), chance.choice((1, 7, 80, 300, 1000))
            self.compare(data[:at] + data[at + size:], f"{size} bytes are lost at {at}")
            junk = chance.randbytes(size)
            self.compare(data[:at] + junk + data[at:], f"{size} bytes are put in at {at}")

    def test_zeros_at_the_end(self):
        data = bytes_of("cut")
        trace = self.compare(data + bytes(4096), "zeros at the end")
        self.assertEqual(trace.damage, [(len(data), CUT_OFF)])

    def test_another_recording_in_the_middle(self):
        data, foreign = bytes_of("processes"), bytes_of("gaps")
        for edge in edges_of(data)[1:]:
            trace = self.compare(data[:edge] + foreign + data[edge:], f"another at {edge}")
            self.assertEqual(trace.damage, [(edge, "no good header")])

    def test_nothing_readable(self):
        for data in (b"", b"\0" * 1000, b"adatrace", bytes_of("gaps")[1:60]):
            self.assertEqual(self.compare(data, data[:9]).blocks, [])


class Forged(Variants):
    """Blocks that no writer of this version writes; checksums are right and there is no index."""

    def forge(self, kind, edit, what, **more):
        blocks = block_sealer.taken_apart(bytes_of(kind))
        edit(blocks)
        return self.compare(block_sealer.put_together(blocks), what, **more)

    def forge_items(self, kind, edit, what, **more):
        """Like forge(); edits the items of every block that has some."""
        def edit_blocks(blocks):
            for block in blocks:
                if block[0].kind in (START, META):
                    items = [item for item in edit(items_of(block[1])) if item]
                    block[:] = block[0]._replace(records=len(items)), content_of(items)
        return self.forge(kind, edit_blocks, what, **more)

    def test_without_index_and_end_nothing_is_missing(self):
        for kind in ("processes", "gaps", "clock", "fields"):
            trace = self.forge(kind, lambda blocks: None, "only put together again")
            self.assertEqual(repr(trace.found), repr(list(Trace(bytes_of(kind)).events())))

    def test_later_versions_append_to_items_and_add_kinds(self):
        def edit(items):
            longer = [[kind, body + b"later"] for kind, body in items]
            return [[99, b"unknown"], *longer, [0, b""], [65535, bytes(300)]]
        trace = self.forge_items("processes", edit, "unknown items, longer items")
        self.assertEqual(trace.damage, [])
        self.assertEqual(trace.found, list(Trace(bytes_of("processes")).events()))

    def pass_over(self, **change):
        """A DATA block with another header is passed over, and that is no damage."""
        def edit(blocks):
            at = next(n for n, block in enumerate(blocks) if block[0].kind == DATA)
            blocks[at][0] = blocks[at][0]._replace(**change)
        trace = self.forge("processes", edit, str(change))
        self.assertEqual((len(trace.found), trace.damage), (61 - 4, []))

    def test_blocks_of_unknown_kinds_and_flags_are_passed_over(self):
        for change in ({"kind": 0}, {"kind": 6}, {"kind": 255}, {"flags": 1}, {"flags": 128}):
            self.pass_over(**change)

    def test_headers_that_cannot_be_are_damage(self):
        for change in ({"records": 1 << 20 | 1}, {"gaps": 1 << 20 | 1}, {"last_ticks": 1}):
            def edit(blocks):
                blocks[3][0] = blocks[3][0]._replace(**change)
            self.assertEqual(len(self.forge("processes", edit, str(change)).damage), 1)

    def test_a_block_of_another_version_makes_the_file_one_of_it(self):
        for version in (0, 2, 65535):
            for places in ([0], [4], [-1], range(8)):
                blocks = block_sealer.taken_apart(bytes_of("processes"))
                for place in places:
                    blocks[place][0] = blocks[place][0]._replace(version=version)
                self.path.write_bytes(block_sealer.put_together(blocks))
                found = compare_decoders.differences(recording.ADATRACE, self.path)
                self.assertEqual(list(found), [])
                self.assertRaises(OtherVersion, Trace, self.path.read_bytes())

    def test_a_later_version_is_refused_in_words_that_tell_it(self):
        blocks = block_sealer.taken_apart(bytes_of("gaps"))
        blocks = [(header._replace(version=7), content) for header, content in blocks]
        self.path.write_bytes(block_sealer.put_together(blocks))
        for command in ("decode", "report", "info", "verify"):
            told = recording.run([recording.ADATRACE, command, self.path])
            self.assertNotEqual(told.status, 0, command)
            self.assertIn(b"format version 7; this adatrace reads version 1",
                          told.stdout + told.stderr, command)

    def test_other_versions_behind_damage_are_passed_over(self):
        blocks = block_sealer.taken_apart(bytes_of("processes"))
        sealed = [block_sealer.sealed(*block) for block in blocks]
        later = block_sealer.sealed(blocks[4][0]._replace(version=2), blocks[4][1])
        data = b"".join([*sealed[:4], b"damage", later, *sealed[4:]])
        self.assertEqual(len(self.compare(data, "version 2 behind damage").found), 61)

    def test_no_clock_and_no_good_first_block(self):
        blocks = block_sealer.taken_apart(bytes_of("processes"))
        for block in blocks:
            if block[0].kind == META:
                items = [item for item in items_of(block[1]) if item[0] != KIND_OF["clock"]]
                block[:] = block[0]._replace(records=len(items)), content_of(items)
        sealed = [bytearray(block_sealer.sealed(*block)) for block in blocks]
        sealed[2][-1] ^= 1
        trace = self.compare(b"".join(sealed), "time 0 is that of a damaged block")
        self.assertEqual(blocks[2][0].first_ticks, trace.clock.pairs[0][0])

    def test_descriptions_that_are_lost(self):
        for name in ("recording", "clock", "process", "thread", "type", "module", "ledger"):
            def edit(items):
                return [item for item in items if item[0] != KIND_OF[name]]
            trace = self.forge_items("processes", edit, f"no {name}", with_info=False)
            self.assertEqual(trace.unknown_events, 61 if name == "type" else 0)

    def test_items_that_end_too_early(self):
        for kind in KIND_OF.values():
            def edit(items):
                return [[k, body[:-1] if k == kind else body] for k, body in items]
            self.forge_items("processes", edit, f"items of kind {kind} are a byte short")

    def test_long_names_of_fields(self):
        """The longest that there can be; longer ones, for which no reader has room, are refused."""
        events = len(list(Trace(bytes_of("fields")).events()))
        for size in (255, 256, 9000, 60000):
            def edit(items):
                return [[k, field_renamed(body, b"f" * size) if k == KIND_OF["type"] else body]
                        for k, body in items]
            trace = self.forge_items("fields", edit, f"fields with names of {size} bytes")
            self.assertEqual(len(trace.damage), 0 if size == 255 else 1, size)
            self.assertEqual(trace.unknown_events == 0, size == 255, size)
            self.assertEqual(len(trace.found) == events, size == 255, size)
            for command in (["decode", "-F", "csv"], ["info", "-v"], ["report"], ["verify"]):
                told = recording.run([recording.ADATRACE, *command, self.path])
                self.assertIn(told.status, (0, 1, 3), (command, size))

    def test_longest_names_of_types_are_shown_whole(self):
        def edit(items):
            return [[k, type_named_longest(body) if k == KIND_OF["type"] else body] for k, body in items]
        trace = self.forge_items("fields", edit, "types with names of 255 and 255 bytes")
        names = {"{0.provider}:{0.name}".format(item["schema"]) for item in trace.items["type"].values()}
        self.assertEqual({len(name) for name in names}, {511})
        shown = recording.run([recording.ADATRACE, "decode", self.path]).stdout.decode()
        seen = set(re.findall(r"\S{511,}", shown))
        self.assertTrue(seen and seen <= names, seen - names)

    def test_blocks_twice_and_out_of_order(self):
        def twice(blocks):
            blocks[:] = [list(block) for block in blocks for _ in range(2)]
        def reverse(blocks):
            blocks.reverse()
        def early(blocks):
            blocks.insert(1, blocks.pop(5))
        for edit in (twice, reverse, early):
            self.forge("processes", edit, edit.__name__)

    def test_data_of_any_content(self):
        for number, kind in enumerate(("processes", "gaps", "clock", "fields", "encodings")):
            self.forge_content(kind, DATA, 60, random.Random(number))

    def test_metadata_of_any_content(self):
        for number, kind in enumerate(("processes", "gaps", "cut", "fields", "encodings")):
            self.forge_content(kind, META, 60, random.Random(10 + number))

    def forge_content(self, kind, block_kind, times, chance):
        """Bytes of one block wrong, checksums right."""
        for _ in range(times):
            changed = []

            def edit(blocks):
                block = chance.choice([block for block in blocks if block[0].kind == block_kind])
                content = bytearray(block[1])
                for _ in range(chance.choice((1, 1, 1, 2, 4))):
                    at = chance.randrange(len(content))
                    content[at] = chance.choice((content[at] ^ 1 << chance.randrange(8), 0, 255))
                    changed.append((blocks.index(block), at, content[at]))
                block[1] = bytes(content)
            self.forge(kind, edit, f"{kind}: (block, place, byte) {changed}", with_info=False)


if __name__ == "__main__":
    unittest.main()
