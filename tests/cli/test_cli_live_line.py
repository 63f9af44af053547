#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The line that says how far a recording has come shares the terminal with the program: it takes no place that
the program writes in, and is gone at the end. The terminal is tmux."""

import re
import tempfile
import unittest
from pathlib import Path

import recording
from screen import Screen

COLUMNS, ROWS = 100, 12
LINE = re.compile(r"^ *(adatrace: (\d+)\.\d+ s  [\d,.]+ events .* dropped)$", re.M)
FULL = "i=0; while [ $i -lt 30 ]; do echo row $i; i=$((i + 1)); done; "  # the cursor stands on the last row


class LiveLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def record(self, script, columns=COLUMNS, rows=ROWS):
        return Screen(self, columns, rows, recording.ADATRACE, "record", "-o", self.folder / "x.adatrace", "--",
                      "sh", "-c", script, environment={"ADATRACE_RUNTIME_DIR": str(self.folder)})

    def seconds(self, screen, count):
        """What stands there when the line has come to so many seconds."""
        return screen.until(lambda text: any(int(match[2]) >= count for match in LINE.finditer(text)),
                            f"a line of {count} s").split("\n")

    def at_the_end(self, screen):
        return screen.until_there("bytes per event", "status ").split("\n")

    def ask(self, before):
        screen = self.record(before + 'printf "your name? "; read name; echo "hello $name"; sleep 1.5')
        rows = self.seconds(screen, 2)
        column, row = screen.cursor()
        self.assertEqual((rows[row], column), ("your name?", len("your name? ")), rows)
        self.assertRegex(rows[ROWS - 1], LINE)
        screen.keys("Ada", "Enter")
        rows = self.at_the_end(screen)
        self.assertEqual(rows[rows.index("hello Ada") - 1], "your name? Ada")
        self.assertNotRegex("\n".join(rows), LINE)

    def test_question_stays_and_is_answered_where_it_stands(self):
        self.ask("")

    def test_question_on_the_last_row_stays_as_well(self):
        self.ask(FULL)

    def test_half_a_line_is_gone_on_with(self):
        screen = self.record(FULL + "printf 'half a line'; sleep 2.2; echo ', and whole'")
        rows = self.at_the_end(screen)
        row = rows.index("half a line, and whole")
        self.assertRegex(rows[row + 1], r"^adatrace: \d+ events, .* bytes per event: ")
        self.assertNotRegex("\n".join(rows), LINE)

    def test_what_is_written_meanwhile_stands_whole(self):
        screen = self.record("i=0; while [ $i -lt 40 ]; do echo row $i; sleep 0.06; i=$((i + 1)); done", rows=60)
        rows = self.at_the_end(screen)
        self.assertEqual([row for row in rows if row.startswith("row")], [f"row {i}" for i in range(40)])
        self.assertNotRegex("\n".join(rows), LINE)

    def test_line_is_no_wider_than_the_terminal(self):
        screen = self.record("sleep 3", columns=30)
        rows = screen.until_there("adatrace: 1.00 s  ").split("\n")
        self.assertRegex(rows[ROWS - 1], r"^adatrace: 1\.00 s  \d+ events")
        self.assertEqual((set(rows[:ROWS - 1]), screen.cursor()), ({""}, (0, 0)))

    def test_colour_of_the_program_stays(self):
        screen = self.record(r"printf '\033[31mred'; sleep 1.5; printf ' too\033[m\n'")
        self.at_the_end(screen)
        self.assertIn("\x1b[31mred too\n\x1b[39m", screen.tmux("capture-pane", "-p", "-e"))

    def test_terminal_of_a_few_rows_is_the_programs(self):
        screen = self.record("printf 'one\ntwo\nthree'; sleep 1.5; echo; sleep 0.2; echo four", rows=4)
        screen.until_there("one\ntwo\nthree\n")
        screen.until_there("\nfour\n")
        self.assertNotIn(" 0 dropped\n", screen.tmux("capture-pane", "-p", "-S", "-"))


if __name__ == "__main__":
    unittest.main()
