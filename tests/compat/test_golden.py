#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traces of the past stay readable: golden/NAME.adatrace is what golden/NAME.json and .jsonl say.

    test_golden.py             both decoders read them, and today's writer makes the same
    test_golden.py --renew     make the files anew; only for a feature that has none yet

The traces are made by make_golden; committed ones are never made anew by a later version, a new
feature gets a new file.
"""

import io
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path

import adatrace_columns as columns
import adatrace_decoder as decoder
import compare_decoders
import recording

ADATRACE = recording.ADATRACE
MAKE_GOLDEN = recording.BUILD / "tests" / "compat" / "make_golden"
GOLDEN = Path(__file__).resolve().parent / "golden"
KINDS = ("fields", "encodings", "gaps", "processes", "clock", "cut")


def decoded(path, *options):
    """What adatrace_decoder.py prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        decoder.main([*options, str(path)])
    return printed.getvalue()


def made_by_todays_writer(kind, folder):
    path = Path(folder) / f"{kind}.adatrace"
    subprocess.run([MAKE_GOLDEN, kind, path], check=True)
    return path


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


class Golden(unittest.TestCase):
    maxDiff = 4000

    def test_both_decoders_read_the_golden_files(self):
        for kind in KINDS:
            with self.subTest(kind):
                path = GOLDEN / f"{kind}.adatrace"
                self.assertEqual(decoded(path), path.with_suffix(".jsonl").read_text())
                self.assertEqual(decoded(path, "--metadata"), path.with_suffix(".json").read_text())
                self.assertEqual(list(compare_decoders.differences(ADATRACE, path)), [])

    def test_todays_writer_makes_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            for kind in KINDS:
                with self.subTest(kind):
                    path = made_by_todays_writer(kind, folder)
                    self.assertEqual(decoded(path), (GOLDEN / f"{kind}.jsonl").read_text())
                    self.assertEqual(list(compare_decoders.differences(ADATRACE, path)), [])

    def test_every_golden_file_is_tested(self):
        self.assertEqual({path.stem for path in GOLDEN.iterdir()}, set(KINDS))

    def test_all_encodings_are_among_them(self):
        decoder.Columns, Observed.met = Observed, set()
        self.addCleanup(setattr, decoder, "Columns", columns.Columns)
        decoded(GOLDEN / "encodings.adatrace")
        everything = {str(encoding) for encoding in range(6)} | {"inner 0", "inner 1"}
        self.assertEqual(Observed.met, everything | {"1 byte indexes", "2 byte indexes"})


def renew():
    GOLDEN.mkdir(exist_ok=True)
    for kind in KINDS:
        path = GOLDEN / f"{kind}.adatrace"
        if path.exists():
            continue
        made_by_todays_writer(kind, GOLDEN)
        path.with_suffix(".jsonl").write_text(decoded(path))
        path.with_suffix(".json").write_text(decoded(path, "--metadata"))


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        renew()
    else:
        unittest.main()
