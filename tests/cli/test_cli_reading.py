#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reading traces: output that programs can rely on, bad files, ends of pipes, terminals."""

import csv
import io
import json
import os
import subprocess
import tempfile
import unittest
from collections import Counter
from pathlib import Path

from cli_tool import ADATRACE, PLAIN, Traces, make_trace, on_terminal, run


class WithTraces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        traces = Traces()
        cls.folder = traces.__enter__()
        cls.addClassCleanup(traces.__exit__)

    def good(self, *words, **more):
        done = run(*words, cwd=self.folder, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


def no_twice(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key stands twice: {keys}")
    return dict(pairs)


class Json(WithTraces):
    def lines(self, *words):
        return [json.loads(line, object_pairs_hook=no_twice, parse_constant=self.fail)
                for line in self.good("decode", "mix.adatrace", "-F", "json", *words).splitlines()]

    def test_every_line_is_an_object_with_what_is_promised(self):
        for event in self.lines():
            self.assertLessEqual({"ts_ns", "pid", "tid", "event", "fields"}, set(event))
            self.assertIsInstance(event["fields"], dict)

    def test_output_is_utf8_whatever_the_trace_holds(self):
        done = subprocess.run([ADATRACE, "decode", "mix.adatrace", "-F", "json"], cwd=self.folder,
                              capture_output=True, env=PLAIN, check=True)
        done.stdout.decode("utf-8", errors="strict")

    def test_integers_of_64_bits_lose_nothing(self):
        fields = self.lines("-e", "test:kinds")[0]["fields"]
        self.assertEqual(fields["u64"], 2**64 - 1)
        self.assertEqual(fields["i64"], -2**63)
        self.assertEqual(fields["i24"], -2)
        self.assertEqual(fields["where"], "0x7f000000beef")
        self.assertEqual(fields["grid"], [1, -2, 3])
        self.assertIs(fields["yes"], True)

    def test_numbers_that_json_lacks_are_words(self):
        events = [e for e in self.lines("-e", "test:kinds") if e["event"] == "test:kinds"]
        self.assertEqual([e["fields"]["f64"] for e in events], [1.5, "nan", "-inf"])
        self.assertEqual([e["fields"]["colour"] for e in events], ["red", 'gr"een', 3])

    def test_strings_come_back_and_bytes_are_hexadecimal(self):
        fields = self.lines("-e", "test:text")[0]["fields"]
        self.assertEqual(fields["text"], 'tab\t"quote" \\xffé \x1b[31m, end')
        self.assertEqual(fields["data"], "0001fe")

    def test_code_addresses_have_their_line_where_it_is_known(self):
        calls = [e for e in self.lines("-e", "memory:malloc") if "symbols" in e]
        self.assertEqual({e["symbols"]["caller"]: e.get("lines") for e in calls},
                         {"serve+0x1b": {"caller": "shop.c:22"}, "shop+0x1400": None})

    def test_formatted_event_has_its_text(self):
        event = self.lines("-e", "app:log")[0]
        self.assertEqual(event["text"], "order 42:  33.2 % of 'tea'")

    def test_gap_stands_in_its_place_and_counts(self):
        events = self.lines("-t", "4243")
        gaps = [n for n, e in enumerate(events) if e["event"] == "adatrace:gap"]
        self.assertEqual(len(gaps), 1)
        gap = events[gaps[0]]
        self.assertEqual(gap["fields"], {"kind": "dropped", "records": 12, "bytes": 288,
                                         "first_ns": 410000, "last_ns": 490000})
        self.assertEqual(events[gaps[0] - 1]["ts_ns"], 400000)
        self.assertEqual(events[gaps[0] + 1]["ts_ns"], 500000)

    def test_time_never_goes_back_over_threads(self):
        times = [event["ts_ns"] for event in self.lines()]
        self.assertEqual(times, sorted(times))

    def test_time_of_a_slice_includes_its_start_and_not_its_end(self):
        times = [e["ts_ns"] for e in self.lines("--from", "300us", "--to", "330us")]
        self.assertEqual(times, [300000, 310000, 320000])

    def test_globs_select_and_leave_out(self):
        names = Counter(e["event"] for e in self.lines("-e", "memory:*", "-e", "!*:free")
                        if e["event"] != "adatrace:gap")
        self.assertEqual(names, {"memory:malloc": 4, "memory:realloc": 1, "memory:calloc": 1})


class Csv(WithTraces):
    def rows(self, *words):
        text = self.good("decode", "mix.adatrace", "-F", "csv", *words)
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))

    def test_rows_are_as_wide_as_the_header(self):
        for row in self.rows():
            self.assertNotIn(None, row)
            self.assertNotIn(None, row.values())

    def test_fields_stand_in_columns_of_their_name(self):
        rows = {row["event"]: row for row in self.rows("-e", "test:*,memory:malloc")}
        self.assertEqual(rows["test:kinds"]["u64"], str(2**64 - 1))
        self.assertEqual(rows["test:kinds"]["size"], "")
        self.assertEqual(rows["memory:malloc"]["caller_symbol"], "serve+0x1b")
        self.assertEqual(rows["adatrace:gap"]["gap_records"], "12")

    def test_no_two_columns_have_one_name(self):
        for trace in ("mix.adatrace", "whole.adatrace"):
            header = self.good("decode", trace, "-F", "csv").split("\n", 1)[0].split(",")
            self.assertEqual(len(header), len(set(header)), header)

    def test_a_field_called_as_a_fixed_column_stands_beside_it(self):
        rows = {row["event"]: row for row in self.rows()}
        self.assertIn("quote", rows["test:text"]["field.text"])
        self.assertEqual(rows["test:text"]["text"], "")
        self.assertEqual((rows["app:log"]["text"], rows["app:log"]["field.text"]),
                         ("order 42:  33.2 % of 'tea'", ""))

    def test_a_trace_without_losses_has_no_columns_for_gaps(self):
        self.assertNotIn("gap", self.good("decode", "whole.adatrace", "-F", "csv"))


class Sums(WithTraces):
    def report(self, *words):
        return json.loads(self.good("report", "mix.adatrace", "-F", "json", *words))

    def test_functions_add_up_in_spite_of_recursion_inlining_and_longjmp(self):
        functions = {f["name"]: f for f in self.report("-t", "4242")["functions"]}
        figures = {name: (f["calls"], f["total_ns"], f["self_ns"], f["unfinished"])
                   for name, f in functions.items()}
        self.assertEqual(figures, {
            "main": (1, 890000, 770000, 0),
            "serve": (1, 110000, 50000, 1),
            "fib": (3, 40000, 40000, 0),
            "shop+0x1400": (1, 10000, 10000, 0),
            'std::map<int, "x">::parse(char const*)': (1, 20000, 20000, 1),
        })

    def test_memory_is_followed_over_threads_and_processes(self):
        memory = self.report()["memory"]
        parent, child = memory["processes"]
        self.assertEqual(parent["allocated_bytes"], 100 + 300 + 4096 + 64)
        self.assertEqual((parent["frees"], parent["unknown_frees"]), (3, 1))
        self.assertEqual((parent["live_blocks"], parent["live_bytes"]), (2, 4096 + 64))
        self.assertEqual(parent["peak_bytes"], 300 + 4096 + 64)
        self.assertEqual((child["allocations"], child["live_bytes"]), (1, 10))
        failed = {f["name"]: f["failed"] for f in memory["functions"]}
        self.assertEqual(failed["malloc"], 1)
        callers = {c["name"]: c["bytes"] for c in memory["callers"]}
        self.assertEqual(callers, {"serve": 410, "shop+0x1400": 4096, "(not known)": 64})
        lines = {c["name"]: (c["file"], c.get("line"), c["places"]) for c in memory["callers"]}
        self.assertEqual(lines, {"serve": ("shop.c", 22, 1), "shop+0x1400": (None, None, 0),
                                 "(not known)": (None, None, 0)})

    def test_a_large_heap_is_followed_over_threads_as_it_comes(self):
        records = 4_000_000  # more than the reader collects at once
        trace = make_trace("heap", self.folder / "heap.adatrace", records)
        memory = json.loads(self.good("report", trace, "-F", "json"))["memory"]
        blocks = records // 2
        self.assertEqual((memory["allocations"], memory["frees"]), (blocks, blocks))
        self.assertEqual((memory["live_blocks"], memory["live_bytes"]), (0, 0))
        self.assertEqual((memory["unknown_frees"], memory["missed_frees"]), (0, 0))
        self.assertEqual(memory["peak_bytes"], 16 + 511)
        trace.unlink()

    def test_scopes_and_spans_are_paired(self):
        report = self.report()
        self.assertEqual([(s["name"], s["count"], s["total_ns"]) for s in report["scopes"]],
                         [("shop:checkout", 1, 50000)])
        self.assertEqual([(s["name"], s["count"], s["total_ns"]) for s in report["spans"]],
                         [("net:request", 1, 435000)])

    def test_info_counts_what_decode_shows(self):
        info = json.loads(self.good("info", "mix.adatrace", "-F", "json"))
        shown = Counter(json.loads(line)["tid"] for line in
                        self.good("decode", "mix.adatrace", "-F", "json").splitlines())
        shown[4243] -= 1  # the gap
        self.assertEqual({t["tid"]: t["stored"] for t in info["threads"]}, shown)
        self.assertEqual((info["events"], info["dropped"]), (shown.total(), 12))
        self.assertIs(info["complete"], False)

    def test_info_verbose_tells_how_every_block_was_compressed(self):
        info = json.loads(self.good("info", "mix.adatrace", "-v", "-F", "json"))
        blocks, levels = info["blocks"], info["levels"]
        self.assertEqual(len(blocks), info["file"]["data_blocks"])
        self.assertEqual(sum(block["events"] for block in blocks), info["events"])
        for level in levels:
            same = [block for block in blocks if block["level"] == level["level"]]
            self.assertEqual((len(same), sum(block["events"] for block in same),
                              sum(block["bytes"] for block in same)),
                             (level["blocks"], level["events"], level["bytes"]))
        self.assertEqual(sum(level["blocks"] for level in levels), len(blocks))

    def test_only_a_whole_trace_is_complete(self):
        whole = json.loads(self.good("info", "whole.adatrace", "-F", "json"))
        self.assertIs(whole["complete"], True)
        cut = json.loads(self.good("info", "cut.adatrace", "-F", "json"))
        self.assertIs(cut["complete"], False)


class Files(WithTraces):
    def refused(self, *words, status=1, cwd=None):
        done = run(*words, cwd=cwd or self.folder)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_what_is_no_trace_gets_one_sentence(self):
        foreign = self.folder / "foreign"
        foreign.write_text("This is a text that has nothing to do with traces.\n" * 100)
        (self.folder / "nothing").write_bytes(b"")
        (self.folder / "directory").mkdir(exist_ok=True)
        for command in ("decode", "report", "info"):
            for name in ("absent", "nothing", "foreign", "directory", "/dev/null"):
                with self.subTest(f"{command} {name}"):
                    self.assertIn(name, self.refused(command, name))

    def test_a_name_cannot_steer_the_terminal(self):
        for command in ("decode", "report", "info", "verify"):
            said = self.refused(command, "\x1b[31mred\n\x9b\u009b.adatrace")
            self.assertIn(r"\x1b[31mred\n", said)
            self.assertRegex(said, r"^[\x20-\x7e]+\n$")

    def test_verify_tells_by_status(self):
        for name, status in (("whole.adatrace", 0), ("mix.adatrace", 3), ("cut.adatrace", 3),
                             ("empty.adatrace", 0), ("foreign", 1), ("absent", 1)):
            (self.folder / "foreign").write_text("not a trace\n")
            with self.subTest(name):
                done = run("verify", name, cwd=self.folder)
                self.assertEqual(done.returncode, status, done.stdout + done.stderr)

    def test_verify_names_the_place_of_damage(self):
        whole = (self.folder / "whole.adatrace").read_bytes()
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 0x40
        (self.folder / "damaged").write_bytes(damaged)
        done = run("verify", "damaged", cwd=self.folder)
        self.assertIn(done.returncode, (1, 3))
        self.assertRegex(done.stdout, r"^damaged: offset \d+: ")

    def test_a_cut_trace_shows_what_is_there_and_says_so(self):
        done = run("decode", "cut.adatrace", cwd=self.folder)
        self.assertEqual(done.returncode, 0)
        self.assertIn("cut off", done.stderr)
        self.assertEqual(done.stdout.splitlines(),
                         self.good("decode", "mix.adatrace").splitlines())

    def test_any_cut_is_read_or_refused_in_words(self):
        whole = (self.folder / "mix.adatrace").read_bytes()
        piece = self.folder / "piece"
        for size in range(0, len(whole), 37):
            piece.write_bytes(whole[:size])
            for command in ("decode", "report", "info"):
                done = run(command, piece)
                self.assertIn(done.returncode, (0, 1), (command, size, done.stderr))
                self.assertNotEqual(done.stderr, "")

    def test_the_only_trace_of_a_folder_needs_no_naming(self):
        with tempfile.TemporaryDirectory() as folder:
            make_trace("whole", Path(folder) / "lone.adatrace")
            done = run("info", cwd=folder)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stderr, "adatrace: reading lone.adatrace\n")
        self.assertIn("mix.adatrace", self.refused("info", status=2) + "mix.adatrace")
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("no *.adatrace", self.refused("info", status=2, cwd=folder))

    def test_empty_selections_say_why(self):
        done = run("decode", "whole.adatrace", "-t", "nobody", "-e", "nothing:*", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("no thread", done.stderr)
        self.assertIn("no event", done.stderr)
        self.assertIn("--from", self.refused("decode", "whole.adatrace", "--from", "2s", "--to",
                                             "1s", status=2))

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            for words in (["decode", "whole.adatrace"], ["report", "whole.adatrace"],
                          ["info", "whole.adatrace"], ["verify", "whole.adatrace"], ["--help"]):
                done = run(*words, cwd=self.folder, stdout=full)
                self.assertEqual(done.returncode, 1, words)
                self.assertIn("No space left", done.stderr)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        trace = make_trace("calls", self.folder / "long.adatrace", 300000)
        decode = subprocess.Popen([ADATRACE, "decode", trace], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=PLAIN)
        first = decode.stdout.readline()
        decode.stdout.close()
        self.assertEqual(decode.stderr.read(), b"")
        self.assertEqual(decode.wait(timeout=60), 0)
        self.assertIn(b"> ", first)
        decode.stderr.close()


class Terminal(WithTraces):
    ESCAPE = "\x1b["

    def shown(self, *words, **environment):
        return on_terminal([str(ADATRACE), *words], cwd=self.folder, **environment)

    def test_colours_on_a_terminal_only(self):
        for words in (["decode", "mix.adatrace"], ["report", "mix.adatrace"],
                      ["info", "mix.adatrace"], ["--help"]):
            with self.subTest(words):
                self.assertIn(self.ESCAPE, self.shown(*words))
                self.assertNotIn(self.ESCAPE, self.good(*words))

    def test_no_color_and_dumb_terminals_get_none(self):
        for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn(self.ESCAPE, self.shown("decode", "mix.adatrace", **more))
        self.assertIn(self.ESCAPE, self.shown("decode", "mix.adatrace", NO_COLOR=""))

    def test_the_trace_itself_cannot_steer_the_terminal(self):
        self.assertNotIn("\x1b", self.shown("decode", "mix.adatrace", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.shown("report", "mix.adatrace", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.shown("info", "-v", "mix.adatrace", NO_COLOR="1"))

    def test_bars_use_what_the_locale_can_write(self):
        self.assertIn("█", self.shown("report", "mix.adatrace", LC_ALL="C.UTF-8"))
        self.assertIn("#", self.shown("report", "mix.adatrace", LC_ALL="C"))


class ClosedStreams(unittest.TestCase):
    def test_no_file_of_ours_takes_their_place(self):
        """What is said would go into it. To the program they are as closed as they were."""
        script = ('exec "$0" record -o x.adatrace -- '
                  "sh -c 'readlink /proc/$PPID/fd/0 /proc/$PPID/fd/2; true >&2 || echo closed' <&- 2>&-")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["sh", "-c", script, str(ADATRACE)], cwd=folder, stdout=subprocess.PIPE, text=True,
                                  env={**PLAIN, "XDG_RUNTIME_DIR": folder}, timeout=60, check=False)
        self.assertEqual(done.stdout.splitlines(), ["/dev/null", "/dev/null", "closed"])


if __name__ == "__main__":
    os.environ.pop("NO_COLOR", None)
    unittest.main()
