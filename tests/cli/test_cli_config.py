#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Options from files, the environment, presets and the command line: which one counts, and that
`adatrace config` says the same as what the commands do."""

import json
import tempfile
import unittest
from pathlib import Path

from cli_tool import run

def presets():
    text = run("record", "--help").stdout
    return text.split("--preset ")[1].split()[0].split("|")


class Config(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "adatrace" / "adatrace.ini"
        self.file.parent.mkdir()

    def adatrace(self, *words, **environment):
        return run(*words, cwd=self.folder, XDG_CONFIG_HOME=str(self.folder), **environment)

    def shown(self, *words, **environment):
        """{option: what is shown of it} of the only command that is shown."""
        done = self.adatrace("config", "--format", "json", *words, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        document = json.loads(done.stdout)
        self.assertEqual(len(document["commands"]), 1)
        return {option["option"]: option for option in document["commands"][0]["options"]}


class Layers(Config):
    def test_each_source_is_stronger_than_the_one_before(self):
        self.assertEqual(self.shown("record")["ring-size"]["source"], "default")
        self.file.write_text("ring-size = 1M\n[record]\nring-size = 2M\n")
        steps = [("2M", "file", {}, ()),
                 ("8M", "environment", {"ADATRACE_RING_SIZE": "8M"}, ()),
                 ("16M", "command line", {"ADATRACE_RING_SIZE": "8M"}, ("-r", "16M"))]
        for value, source, environment, words in steps:
            found = self.shown("record", *words, **environment)["ring-size"]
            self.assertEqual((found["value"], found["source"]), (value, source))
        found = self.shown("record")["ring-size"]
        self.assertEqual((found["file"], found["line"]), (str(self.file), 3))

    def test_values_are_shown_as_they_are_used(self):
        found = self.shown("record", "--ring-size", "5M", "--policy", "block", "--wait", "block:2000us")
        self.assertEqual(found["ring-size"]["value"], "8M")
        self.assertEqual(found["ring-size"]["given"], "5M")
        self.assertEqual(found["ring-max"]["value"], "32M")
        self.assertEqual(found["policy"]["value"], "block:1s")
        self.assertEqual(found["wait"]["value"], "block:2ms")
        self.assertEqual(self.shown("record", "--ring-size", "64M")["ring-max"]["value"], "64M")

    def test_commands_do_what_is_shown(self):
        self.file.write_text("format = json\n")
        done = self.adatrace("verify", "/nowhere.adatrace", ADATRACE_FORMAT="yaml")
        self.assertEqual(done.returncode, 2)
        self.assertIn("ADATRACE_FORMAT yaml: it takes one of text|json", done.stderr)
        self.file.write_text("[info]\nfrmat = json\n")
        done = self.adatrace("info", "/nowhere.adatrace")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{self.file}:2: there is no option frmat; did you mean format?", done.stderr)
        self.assertEqual(self.adatrace("help").returncode, 0)
        self.assertEqual(self.adatrace("info", "--help").returncode, 0)

    def test_size_out_of_range_names_place_and_range(self):
        self.file.write_text("\n\nring-size = 3G\n")
        done = self.adatrace("record", "true")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{self.file}:3: ring-size 3G: it takes a size from 4K to 1G", done.stderr)

    def test_current_folder_is_not_looked_at(self):
        (self.folder / "adatrace.ini").write_text("ring-size = 8M\n")
        self.assertEqual(self.shown("record")["ring-size"]["source"], "default")
        found = self.shown("--config", "adatrace.ini", "record")["ring-size"]
        self.assertEqual((found["value"], found["file"]), ("8M", "adatrace.ini"))


class Presets(Config):
    def test_every_preset_is_a_set_of_options_that_are_taken(self):
        self.assertGreaterEqual(len(presets()), 3)
        for preset in presets():
            found = self.shown("--preset", preset, "--changed")
            self.assertEqual(found.pop("preset")["value"], preset)
            self.assertGreaterEqual(len(found), 2, preset)
            for option in found.values():
                self.assertEqual((option["preset"], option["source"]), (preset, "command line"))
            # What is shown can be said by hand, and means the same.
            words = [f"--{name}={option['value']}" for name, option in found.items()]
            said = self.shown("record", *words, "--changed")
            self.assertEqual({n: o["value"] for n, o in said.items()},
                             {n: o["value"] for n, o in found.items()})

    def test_options_beside_a_preset_count_more(self):
        found = self.shown("record", "--wait", "yield", "--preset", "low-overhead")
        self.assertEqual((found["wait"]["value"], found["wait"]["preset"]), ("yield", None))
        self.assertEqual(found["ring-size"]["preset"], "low-overhead")
        self.file.write_text("wait = yield\npreset = low-overhead\n")
        self.assertEqual(self.shown("record")["wait"]["value"], "yield")
        # But what is said in a weaker place does not.
        self.assertEqual(self.shown("--preset", "low-overhead")["wait"]["value"], "block")


class Shown(Config):
    def test_without_a_command_all_are_shown_with_every_option(self):
        document = json.loads(self.adatrace("config", "--format", "json").stdout)
        shown = {c["command"]: {o["option"] for o in c["options"]} for c in document["commands"]}
        self.assertIn("record", shown)
        self.assertNotIn("help", shown)
        for command, options in shown.items():
            words = set(run("--print-man", command).stdout.split("\\fB\\-\\-")[1:])
            listed = {w.split("\\fR")[0].replace("\\-", "-") for w in words}
            self.assertEqual(options, listed - {"help", "config"}, command)

    def test_every_value_can_be_shown(self):
        document = json.loads(self.adatrace("config", "--format", "json").stdout)
        for command in document["commands"]:
            for option in command["options"]:
                self.assertIsNone(option["given"])
                self.assertEqual(option["source"], "default")

    def test_text_has_the_same_as_json(self):
        done = self.adatrace("config", "record", "-r", "5M", "--changed")
        self.assertRegex(done.stdout, r"ring-size +8M +command line\n")
        self.assertIn(f"{self.file}: not there\n", done.stdout)
        self.assertNotIn("policy", done.stdout)

    def test_variable_that_no_option_has_is_named(self):
        done = self.adatrace("config", ADATRACE_RNIG_SIZE="8M", ADATRACE_LEVEL="3")
        self.assertIn("ADATRACE_RNIG_SIZE: no option is called so", done.stdout)
        self.assertNotIn("ADATRACE_LEVEL:", done.stdout)
        document = json.loads(self.adatrace("config", "-F", "json", ADATRACE_RNIG_SIZE="8M").stdout)
        self.assertEqual(document["unknown_variables"], ["ADATRACE_RNIG_SIZE"])

    def test_no_option_takes_the_name_of_a_variable_of_ours(self):
        # The way to the collector is told by this one.
        self.assertNotIn('"ADATRACE_SESSION"', self.adatrace("config", "-F", "json").stdout)


if __name__ == "__main__":
    unittest.main()
