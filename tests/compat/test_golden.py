#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traces of every format version stay readable, and a version's bytes stay what they are.

    test_golden.py             golden/vN/ of all versions are read; today's writer makes the newest ones' bytes
    test_golden.py --renew     make files that are missing; only for a feature that has none yet
    test_golden.py --update    what the commands print, anew; look at the difference before you commit it

Of each KIND in golden/vN: the trace KIND.adatrace; KIND.jsonl and KIND.json, what the second decoder finds in
it; KIND.txt, what the commands print about it. Traces are made by make_golden, and never made anew: a new
feature gets a new file, a change of what is there a new version and a new folder (docs/FORMAT.md, section 7).
ADATRACE_COMMAND and ADATRACE_MAKE_GOLDEN may be those of another machine (tests/machines).
"""

import io
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import adatrace_blocks as blocks
import adatrace_columns as columns
import adatrace_decoder as decoder
import compare_decoders
import evidence
import recording

ADATRACE = recording.ADATRACE
MAKE_GOLDEN = os.environ.get("ADATRACE_MAKE_GOLDEN",
                             recording.BUILD / "tests" / "compat" / "make_golden")
VERSIONS = sorted((Path(__file__).resolve().parent / "golden").iterdir(),
                  key=lambda folder: int(folder.name[1:]))
GOLDEN = VERSIONS[-1]
KINDS = ("fields", "encodings", "gaps", "processes", "clock", "cut", "session")
PRINTED = ("decode", "report", "info", "verify")
CHANGED = ("the writer makes other bytes than format version {} has: undo that, or give the format a new "
           "version as section 7 of docs/FORMAT.md says")


def decoded(path, *options):
    """What adatrace_decoder.py prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        decoder.main([*options, str(path)])
    return printed.getvalue()


def printed_about(path):
    """What the commands print about it, one after another."""
    text = ""
    for command in PRINTED:
        done = subprocess.run([ADATRACE, command, path.name], cwd=path.parent, capture_output=True,
                              encoding="utf-8", errors="surrogateescape", check=False)
        text += f"$ adatrace {command} {path.name}\n{done.stdout}{done.stderr}[{done.returncode}]\n"
    return text


def version_of(path):
    return struct.unpack_from("<H", path.read_bytes(), 16)[0]


def number_of(path):
    """The one that its writer picked at random."""
    return struct.unpack_from("<I", path.read_bytes(), 72)[0]


def made_by_todays_writer(kind, folder, number=0):
    path = Path(folder) / f"{kind}.adatrace"
    subprocess.run([MAKE_GOLDEN, kind, path, f"{number:x}"], check=True)
    return path


def blocks_in(path):
    """(header, content) of every block of a file that is not damaged."""
    data = path.read_bytes()
    return [(header, blocks.content_of(data, offset, header))
            for offset, header, _ in blocks.blocks_of(data) if header]


def but_for_zstd(path):
    """Without what depends on how well zstd packs: sizes, and where blocks begin."""
    for header, content in blocks_in(path):
        if header.kind == blocks.END:
            content = content[:32] + content[40:]
        if header.kind != blocks.INDEX:
            yield header._replace(frame_bytes=0, frame_crc=0, header_crc=0), content


class Observed(columns.Columns):
    """Notes the encodings that it meets."""

    met = set()

    def column(self, n, width, inner=False):
        Observed.met.add(("inner " if inner else "") + f"{self.data[self.offset]}")
        return super().column(n, width, inner)

    def text_column(self, n):
        Observed.met.add(str(self.data[self.offset]))
        return super().text_column(n)

    def dictionary(self, read_values, n):
        entries = int.from_bytes(self.data[self.offset:self.offset + 4], "little")
        Observed.met.add(f"{1 if entries <= 256 else 2} byte indexes")
        return super().dictionary(read_values, n)


TRACES = [path for folder in VERSIONS for path in sorted(folder.glob("*.adatrace"))]
SHOWN = Counter()  # for docs/RELIABILITY.md: what has passed


def tearDownModule():
    """Only of all of it, and of this machine (tests/machines has others)."""
    whole = SHOWN["read"] == SHOWN["printed"] == len(TRACES) and SHOWN["made"] == len(KINDS)
    if whole and "ADATRACE_MAKE_GOLDEN" not in os.environ:
        evidence.tell("golden", f"{len(TRACES)} traces of {len(VERSIONS)} version(s): {SHOWN['events']:,} events and "
                      f"gaps, the same for both decoders; {len(TRACES) * len(PRINTED)} outputs as they always were; "
                      f"{len(KINDS)} files made anew, {SHOWN['same']:,} of {SHOWN['bytes']:,} bytes compared as they "
                      "are, and all when unpacked")


class EveryVersion(unittest.TestCase):
    maxDiff = 4000

    def test_both_decoders_read_the_golden_files(self):
        for path in TRACES:
            with self.subTest(path):
                found = decoded(path)
                self.assertEqual(found, path.with_suffix(".jsonl").read_text())
                self.assertEqual(decoded(path, "--metadata"), path.with_suffix(".json").read_text())
                self.assertEqual(list(compare_decoders.differences(ADATRACE, path)), [])
                SHOWN.update(read=1, events=len(found.splitlines()))

    def test_the_commands_print_what_they_have_always_printed(self):
        for path in TRACES:
            with self.subTest(path):
                self.assertEqual(printed_about(path),
                                 path.with_suffix(".txt").read_text(errors="surrogateescape"))
                SHOWN.update(printed=1)

    def test_a_folder_has_files_of_its_version_and_no_others(self):
        for path in TRACES:
            self.assertEqual(path.parent.name, f"v{version_of(path)}")
        for folder in VERSIONS:
            kinds = {path.stem for path in folder.glob("*.adatrace")}
            self.assertEqual({path.name for path in folder.iterdir()},
                             {f"{kind}.{end}" for kind in kinds
                              for end in ("adatrace", "json", "jsonl", "txt")} | {"zstd"})


class TodaysWriter(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_writes_the_version_that_the_newest_folder_has(self):
        made = made_by_todays_writer("gaps", self.folder)
        self.assertEqual(f"v{version_of(made)}", GOLDEN.name, "a new version needs a new folder")
        self.assertLessEqual(set(KINDS), {path.stem for path in GOLDEN.glob("*.adatrace")})

    def test_makes_the_same_bytes(self):
        same_zstd = blocks.zstd_version() == (GOLDEN / "zstd").read_text().strip()
        for kind in KINDS:
            with self.subTest(kind):
                path = GOLDEN / f"{kind}.adatrace"
                made = made_by_todays_writer(kind, self.folder, number_of(path))
                changed = CHANGED.format(version_of(path))
                self.assertTrue(list(but_for_zstd(made)) == list(but_for_zstd(path)), changed)
                if same_zstd:
                    self.assertTrue(made.read_bytes() == path.read_bytes(), changed)
                size = made.stat().st_size
                SHOWN.update(made=1, bytes=size, same=size if same_zstd else 0)


class Everything(unittest.TestCase):
    """What a version has is in its files; this of the newest one."""

    def test_all_encodings_are_among_them(self):
        decoder.Columns, Observed.met = Observed, set()
        self.addCleanup(setattr, decoder, "Columns", columns.Columns)
        decoded(GOLDEN / "encodings.adatrace")
        everything = {str(encoding) for encoding in range(6)} | {"inner 0", "inner 1"}
        self.assertEqual(Observed.met, everything | {"1 byte indexes", "2 byte indexes"})

    def test_all_items_blocks_types_and_gaps_are_among_them(self):
        block_kinds, items, phases, fields, gaps = set(), set(), set(), set(), set()
        for kind in KINDS:
            path = GOLDEN / f"{kind}.adatrace"
            trace = decoder.Trace(path.read_bytes())
            block_kinds |= {header.kind for header, _ in blocks_in(path)}
            items |= {name for name, found in trace.items.items() if found}
            items |= {field for field in trace.items["recording"][0] if field in decoder.LATER}
            for item in trace.items["type"].values():
                phases.add(item["schema"].phase)
                fields |= {(field.kind, field.width) for field in item["schema"].fields}
            gaps |= {event.kind for event in trace.events() if isinstance(event, decoder.Gap)}
        self.assertEqual(block_kinds, {1, 2, 3, 4, 5})
        self.assertEqual(items, {name for name, _ in decoder.ITEMS.values()} | set(decoder.LATER))
        self.assertEqual(phases, set(range(12)))
        self.assertEqual(fields, {(kind, width) for kind in range(1, 8) for width in range(1, 9)} |
                         {(8, 4), (8, 8), (9, 0), (10, 0)})
        self.assertEqual(gaps, {1, 2, 3})


def renew():
    for kind in KINDS:
        path = GOLDEN / f"{kind}.adatrace"
        if path.exists():
            continue
        made_by_todays_writer(kind, GOLDEN, int.from_bytes(os.urandom(4), "little"))
        path.with_suffix(".jsonl").write_text(decoded(path))
        path.with_suffix(".json").write_text(decoded(path, "--metadata"))


def update():
    for path in (path for folder in VERSIONS for path in folder.glob("*.adatrace")):
        path.with_suffix(".txt").write_text(printed_about(path), errors="surrogateescape")


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        renew()
        update()
    elif sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main()
