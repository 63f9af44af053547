#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Help, man pages and completion come from one table: here each is held against the others."""

import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from cli_tool import ADATRACE, BUILD, PLAIN, on_terminal, run

COMPLETION = BUILD / "docs" / "completion" / "adatrace"
MAN = BUILD / "docs" / "man"

# Asks bash's completion the way a shell does: words, the last one unfinished.
ASK = r'''
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_adatrace adatrace "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
'''


def commands():
    text = run("--help").stdout
    listed = text.split("Commands:")[1].split("Options:")[0]
    return re.findall(r"^  (\w+) ", listed, re.M)


def options_of(text):
    """{long: (short, takes a value)} from the Options section of a --help."""
    section = text.split("Options:")[1].split("\n\n")[0]
    found = {}
    for short, name, value in re.findall(r"^  (?:-(\w), |    )--([\w-]+)( \S+)?", section, re.M):
        found[name] = (short, bool(value))
    return found


def help_of(command):
    return run(command, "--help").stdout


class Help(unittest.TestCase):
    def test_asked_for_it_goes_to_stdout(self):
        for words in (["--help"], ["-h"], ["help"], *([c, "--help"] for c in commands()),
                      *(["help", c] for c in commands())):
            done = run(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)
            self.assertTrue(done.stdout.startswith("usage: adatrace"), words)

    def test_both_ways_to_ask_give_the_same(self):
        for command in commands():
            self.assertEqual(run("help", command).stdout, help_of(command))

    def test_lines_fit_a_terminal(self):
        for text in (run("--help").stdout, *map(help_of, commands())):
            for line in text.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_version_is_one_line(self):
        self.assertRegex(run("--version").stdout, r"^adatrace \d+\.\d+\.\d+\n$")

    def test_full_disk_is_not_success(self):
        with open("/dev/full", "w") as full:
            self.assertEqual(run("--help", stdout=full).returncode, 1)


class Misuse(unittest.TestCase):
    CASES = {
        "": "usage: adatrace",
        "\x1b[31mred": r"there is no command '\x1b[31mred'",
        "decode a \x1b[31mred": r"'\x1b[31mred' is too much",
        "frobnicate": "there is no command 'frobnicate'",
        "reprot": "did you mean 'report'?",
        "--vresion": "did you mean --version?",
        "decode --fromat json": "did you mean --format?",
        "decode --format": "--format needs a value: --format text|json|csv",
        "decode --format=xml": "it takes one of text|json|csv",
        "decode --from yesterday": "it takes a time such as 1.5s",
        "decode a b": "'b' is too much",
        "report --sort": "--sort needs a value",
        "report --limit -3": "it takes a whole number",
        "info -x": "there is no option -x",
        "info --verbose=perhaps": "it takes yes or no",
        "info --help=1": "--help takes no value",
        "config nothing": "there is no command 'nothing'",
        "config --format yaml": "it takes one of text|json",
        "config record --wait nap": "--wait nap: it takes spin",
        "config decode --preset flight": "there is no option --preset",
        "info --config /nowhere": "/nowhere: there is no such file",
        "verify --bogus": "there is no option --bogus",
        "help nothing": "there is no command 'nothing'",
        "help decode info": "'info' is too much",
        "--print-completion fish": "bash only",
        "--print-man nothing": "there is no command 'nothing'",
    }

    def test_gets_words_on_stderr_and_status_2(self):
        for words, expected in self.CASES.items():
            with self.subTest(words):
                done = run(*words.split())
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(expected, done.stderr)
                self.assertNotIn("\x1b", done.stderr)
                self.assertTrue(done.stderr.startswith(("adatrace", "usage: adatrace")))


class ManPages(unittest.TestCase):
    def page(self, name):
        return MAN / f"{name}.1"

    def pages(self):
        return {"adatrace": run("--help").stdout,
                **{f"adatrace-{c}": help_of(c) for c in commands()}}

    def rendered(self, path):
        done = subprocess.run(["man", "-l", "--warnings=w", "-Tutf8", path], capture_output=True,
                              env={**PLAIN, "MANWIDTH": "80", "LC_ALL": "C.UTF-8",
                                   "MAN_KEEP_FORMATTING": ""}, text=True, check=True)
        self.assertEqual(done.stderr, "", path)
        return re.sub(r".\x08|\x1b\[[\d;]*m", "", done.stdout).replace("\u2010", "-")

    def test_built_pages_are_what_the_command_prints(self):
        self.assertEqual({p.name for p in MAN.iterdir()}, {f"{n}.1" for n in self.pages()})
        for name in self.pages():
            printed = run("--print-man", name.removeprefix("adatrace-")).stdout
            self.assertEqual(self.page(name).read_text(), printed)

    @unittest.skipUnless(shutil.which("man"), "there is no man(1)")
    def test_pages_render_without_a_warning(self):
        for name in self.pages():
            text = self.rendered(self.page(name))
            for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SEE ALSO"):
                self.assertRegex(text, rf"(?m)^{heading}$", name)

    @unittest.skipUnless(shutil.which("man"), "there is no man(1)")
    def test_pages_have_every_option_of_the_help_and_no_other(self):
        for name, help_text in self.pages().items():
            section = self.rendered(self.page(name)).split("\nOPTIONS\n")[1]
            section = re.split(r"\n[A-Z]", section)[0]
            found = re.findall(r"^ {7}(?:-\w, )?--([\w-]+)", section, re.M)
            self.assertEqual(found, list(options_of(help_text)), name)


class Completion(unittest.TestCase):
    def offered(self, *words, cwd=None):
        done = subprocess.run(["bash", "--norc", "-c", ASK, "ask", str(COMPLETION), "adatrace",
                               *words], capture_output=True, text=True, env=PLAIN, cwd=cwd,
                              check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_built_script_is_what_the_command_prints(self):
        self.assertEqual(COMPLETION.read_text(), run("--print-completion", "bash").stdout)

    def test_commands_are_offered_first(self):
        self.assertEqual(self.offered(""), {*commands(), "--version", "--help", "-h"})
        self.assertEqual(self.offered("dec"), {"decode"})
        self.assertEqual(self.offered("help", ""), set(commands()))

    def test_options_of_each_command_are_those_of_its_help(self):
        for command in commands():
            offered = self.offered(command, "--")
            self.assertEqual(offered, {f"--{name}" for name in options_of(help_of(command))})
            short = {f"-{s}" for s, _ in options_of(help_of(command)).values() if s}
            self.assertLessEqual(short, self.offered(command, "-"))

    def test_behind_config_and_a_command_are_that_command_s_options(self):
        self.assertEqual(self.offered("config", ""), set(commands()))
        self.assertEqual(self.offered("config", "report", "--so"), {"--sort"})
        self.assertEqual(self.offered("config", "decode", "--format", ""), {"text", "json", "csv"})
        self.assertIn("--changed", self.offered("config", "--"))

    def test_values_are_offered_after_their_option(self):
        self.assertEqual(self.offered("decode", "--format", ""), {"text", "json", "csv"})
        self.assertEqual(self.offered("decode", "-F", "j"), {"json"})
        self.assertEqual(self.offered("decode", "--format", "=", "c"), {"csv"})
        self.assertEqual(self.offered("decode", "--format", "="), {"text", "json", "csv"})
        self.assertIn("p99", self.offered("report", "a.adatrace", "--sort", ""))

    @unittest.skipUnless("record" in commands(), "record is not built")
    def test_words_are_offered_where_more_than_words_is_accepted(self):
        self.assertEqual(self.offered("record", "--policy", ""), {"drop", "overwrite", "block"})
        self.assertEqual(self.offered("record", "--wait", "s"), {"sleep", "spin"})

    @unittest.skipUnless("record" in commands(), "record is not built")
    def test_programs_are_offered_and_no_words_of_the_shell(self):
        self.assertIn("ls", self.offered("record", "--", "l"))
        for word in ("local", "let", "while", "echo"):
            self.assertEqual(word in self.offered("record", "--", word), shutil.which(word) is not None, word)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "own").touch()
            self.assertEqual(self.offered("record", "--", "./o", cwd=folder), {"./own"})

    def test_traces_and_folders_are_offered_as_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("one.adatrace", "two.adatrace", "other.txt"):
                (Path(folder) / name).touch()
            (Path(folder) / "sub").mkdir()
            self.assertEqual(self.offered("info", "", cwd=folder),
                             {"one.adatrace", "two.adatrace", "sub"})

    @unittest.skipUnless("list" in commands(), "list is not built")
    def test_sessions_are_offered_by_name_and_process_id(self):
        name = "my shop $(>hit)"
        with tempfile.TemporaryDirectory() as folder:
            environment = {**PLAIN, "XDG_RUNTIME_DIR": folder}
            with subprocess.Popen([str(ADATRACE), "record", "-n", name, "-o", f"{folder}/x.adatrace", "--", "cat"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  env=environment) as recording:
                recording.stdin.write(b"up\n")
                recording.stdin.flush()
                self.assertEqual(recording.stdout.read(3), b"up\n")  # then the session can be found
                done = subprocess.run(["bash", "--norc", "-c", ASK, "ask", str(COMPLETION), str(ADATRACE),
                                       "pause", ""], capture_output=True, text=True, env=environment,
                                      check=True, cwd=folder)
                recording.stdin.close()
            self.assertFalse((Path(folder) / "hit").exists(), "what the name says was run")
        offered = done.stdout.splitlines()
        self.assertIn([name], map(shlex.split, offered))
        self.assertTrue(any(word.isdigit() for word in offered), offered)

    @unittest.skipUnless("record" in commands(), "record is not built")
    def test_behind_the_program_files_are_offered(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "input.txt").touch()
            self.assertEqual(self.offered("record", "-o", "x", "sort", "in", cwd=folder),
                             {"input.txt"})
            self.assertEqual(self.offered("record", "--", "sort", "in", cwd=folder),
                             {"input.txt"})
            self.assertIn("--policy", self.offered("record", "--pol"))

    def test_a_real_shell_completes(self):
        shown = on_terminal(
            ["bash", "--norc", "--noprofile", "-i"], PS1="READY ", TERM="dumb",
            PATH=f"{ADATRACE.parent}:{PLAIN['PATH']}", INPUTRC="/dev/null",
            send=[("READY ", f"source {COMPLETION}; echo LOA''DED\n"),
                  ("LOADED\r\nREADY ", "adatrace ver\t--for\tj\tnothing\n"),
                  ("nothing: ", "exit\n")])
        self.assertRegex(shown, "adatrace verify --format json +nothing")


if __name__ == "__main__":
    unittest.main()
