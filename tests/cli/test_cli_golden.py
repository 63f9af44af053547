#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the reading commands print about traces whose every tick was chosen.

    test_cli_golden.py             compares with golden/
    test_cli_golden.py --update    writes golden/ anew; look at the difference before you commit it
"""

import re
import sys
import unittest

from cli_tool import GOLDEN, Traces, run

OUTPUTS = {
    "decode-mix.txt": "decode mix.adatrace",
    "decode-mix.jsonl": "decode mix.adatrace --format json",
    "decode-mix.csv": "decode mix.adatrace --format csv",
    "decode-slice.txt": "decode mix.adatrace --from 300us --to 0.00035",
    "decode-functions.txt": "decode mix.adatrace --events function:* --thread shop",
    "decode-calls.csv": "decode mix.adatrace --format csv --events function:*",
    "decode-tid.txt": "decode mix.adatrace -t 4300",
    "decode-cut.txt": "decode cut.adatrace",
    "decode-empty.txt": "decode empty.adatrace",
    "report-mix.txt": "report mix.adatrace",
    "report-mix.json": "report mix.adatrace --format json",
    "report-by-calls.txt": "report mix.adatrace --sort calls --limit 2",
    "report-worker.txt": "report mix.adatrace --thread 4243",
    "report-empty.txt": "report empty.adatrace",
    "info-mix.txt": "info mix.adatrace",
    "info-mix.json": "info mix.adatrace --format json",
    "info-verbose.txt": "info mix.adatrace -v",
    "info-whole.json": "info whole.adatrace --format json",
    "info-cut.txt": "info cut.adatrace",
    "info-empty.txt": "info empty.adatrace",
    "verify-whole.txt": "verify whole.adatrace",
    "verify-whole.json": "verify whole.adatrace --format json",
    "help.txt": "--help",
    "help-decode.txt": "decode --help",
}

# How small zstd makes a block depends on its version.
SIZES = [
    (re.compile(r"^(  file +).*( in .* blocks)(, [\d.]+ bytes an event)?", re.M), r"\1...\2"),
    (re.compile(r"^(  (?:zstd -?\d+|stored) +[\d,]+ +[\d,]+).*", re.M), r"\1 ..."),
    (re.compile(r'("bytes": )\d+(,\n *"blocks")'), r"\1...\2"),
]


def steadied(text):
    for pattern, replacement in SIZES:
        text = pattern.sub(replacement, text)
    return text


def printed(words, folder):
    done = run(*words.split(), cwd=folder)
    return done.returncode, steadied(done.stdout), done.stderr


class Golden(unittest.TestCase):
    maxDiff = None

    def test_output_is_that_of_the_golden_file(self):
        with Traces() as folder:
            for name, words in OUTPUTS.items():
                with self.subTest(words):
                    status, stdout, stderr = printed(words, folder)
                    self.assertEqual(status, 0, stderr)
                    self.assertEqual(stdout, (GOLDEN / name).read_text(errors="surrogateescape"))

    def test_no_golden_file_is_left_over(self):
        self.assertEqual({p.name for p in GOLDEN.iterdir()}, set(OUTPUTS))


def update():
    GOLDEN.mkdir(exist_ok=True)
    with Traces() as folder:
        for name, words in OUTPUTS.items():
            status, stdout, stderr = printed(words, folder)
            if status != 0:
                sys.exit(f"{words}: status {status}: {stderr}")
            (GOLDEN / name).write_text(stdout, errors="surrogateescape")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main()
