#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""README.md tells the truth: its transcript is what happens, its program compiles and does what it says.

    test_readme.py             check
    test_readme.py --update    run the transcript and write what it prints into README.md
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import readme_blocks
import recording

PAGE = recording.SOURCE / "README.md"
CHAPTERS = 120


def make_workplace(folder):
    """What the transcript finds: a git repository with some history."""
    stream = []
    for number in range(1, CHAPTERS + 1):
        text = "".join(f"line {n}\n" for n in range(number * 3, number * 3 + number % 17 * 9 + 1))
        stream.append(
            f"commit refs/heads/main\ncommitter A Person <person@example.org> {1700000000 + number} +0000\n"
            f"data <<END\nChange {number}\nEND\n"
            f"M 644 inline chapter-{number % 8}.txt\ndata {len(text)}\n{text}\n")
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input="".join(stream).encode(),
                   check=True)


def environment(folder):
    return {"PATH": f"{recording.ADATRACE.parent}:/usr/bin:/bin", "HOME": str(folder),
            "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}


def perform(transcript, folder):
    """Run every command of a transcript in one shell's manner; the steps as they went."""
    done = []
    for step in readme_blocks.steps(transcript):
        ran = subprocess.run(["bash", "-c", step.command], cwd=folder, env=environment(folder),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False, timeout=120)
        done.append(readme_blocks.Step(step.command, ran.stdout))
    return done


class Readme(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.page = PAGE.read_text(encoding="utf-8")

    def test_transcript_is_what_happens(self):
        make_workplace(self.folder)
        transcripts = readme_blocks.blocks(self.page, "console")
        self.assertTrue(transcripts)
        for transcript in transcripts:
            told = readme_blocks.steps(transcript.text)
            self.assertTrue(told)
            for expected, actual in zip(told, perform(transcript.text, self.folder)):
                with self.subTest(expected.command):
                    self.assertEqual(readme_blocks.shape(expected.output),
                                     readme_blocks.shape(actual.output))

    def test_program_compiles_and_records(self):
        program = readme_blocks.blocks(self.page, "c")[0].text
        lines = [line for line in program.splitlines() if line.strip()]
        self.assertLessEqual(len(lines), 22)
        source = self.folder / "program.c"
        source.write_text(program)
        flags = os.environ.get("ADATRACE_CFLAGS", "").split()
        subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", *flags, source, "-o",
                        self.folder / "program", f"-I{recording.SOURCE}/include",
                        f"-L{recording.BUILD}", "-ladatrace", f"-Wl,-rpath,{recording.BUILD}"],
                       check=True)
        ran = recording.run([self.folder / "program"], cwd=self.folder)
        self.assertEqual(ran.status, 0, ran.stderr)
        traces = list(self.folder.glob("*.adatrace"))
        self.assertEqual(len(traces), 1)
        counted = recording.count(recording.events(traces[0]))
        self.assertGreater(counted.threads.total(), 0)

    def test_files_it_points_to_are_there(self):
        for target in readme_blocks.link_targets(self.page):
            self.assertTrue((recording.SOURCE / target).exists(), target)


def update():
    with tempfile.TemporaryDirectory() as folder:
        make_workplace(folder)
        page = PAGE.read_text(encoding="utf-8")
        texts = []
        for transcript in readme_blocks.blocks(page, "console"):
            done = perform(transcript.text, folder)
            texts.append("".join(f"$ {step.command}\n{step.output}" for step in done))
        PAGE.write_text(readme_blocks.rewritten(page, texts), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main()
