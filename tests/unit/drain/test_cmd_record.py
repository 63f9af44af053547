#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace record: whose exit status it has, what it says, what it leaves, and how it is ended."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

import recording

PATIENCE_S = 60


class Record(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.trace = self.folder / "x.adatrace"

    def record(self, *command, options=(), **where):
        return recording.run([recording.ADATRACE, "record", "-o", self.trace, *options, "--", *command], **where)

    def program(self, name, content, mode=0o755):
        path = self.folder / name
        path.write_text(content)
        path.chmod(mode)
        return path

    def assert_good(self):
        self.assertEqual(recording.verify(self.trace).status, 0)

    def info(self):
        return recording.run([recording.ADATRACE, "info", self.trace]).stdout.decode()


class Waiting(Record):
    def test_every_strategy_records_everything(self):
        for wait in ("sleep", "sleep:1ms", "spin", "yield", "block", "block:2ms"):
            with self.subTest(wait):
                self.trace.unlink(missing_ok=True)
                done = self.record("sh", "-c", "exit 7", options=["--wait", wait])
                self.assertEqual(done.status, 7)
                self.assert_good()

    def test_blocking_drain_hears_of_the_end(self):
        # It would sleep for a second; three runs have to take less than three.
        since = time.monotonic()
        for _ in range(3):
            self.trace.unlink(missing_ok=True)
            self.assertEqual(self.record("true", options=["--wait", "block"]).status, 0)
        self.assertLess(time.monotonic() - since, 2.5)

    def test_what_is_no_strategy_is_refused(self):
        for wait in ("spin:1ms", "block:2s", "sleep:0", "nap"):
            done = self.record("true", options=["--wait", wait])
            self.assertEqual(done.status, 2)
            self.assertIn("sleep:TIME", done.stderr.decode())


class Configured(Record):
    def ring_bytes(self, *options, **variables):
        self.trace.unlink(missing_ok=True)
        environment = {**os.environ, "XDG_CONFIG_HOME": str(self.folder), **variables}
        self.assertEqual(self.record("true", options=options, env=environment).status, 0)
        return {thread["ring_bytes"] for thread in recording.info(self.trace)["threads"]}

    def test_file_environment_and_line_reach_the_rings(self):
        (self.folder / "adatrace").mkdir()
        (self.folder / "adatrace" / "adatrace.ini").write_text("[record]\nring-size = 100K\n")
        self.assertEqual(self.ring_bytes(), {128 << 10})
        self.assertEqual(self.ring_bytes(ADATRACE_RING_SIZE="64K"), {64 << 10})
        self.assertEqual(self.ring_bytes("-r", "32K", ADATRACE_RING_SIZE="64K"), {32 << 10})
        self.assertEqual(self.ring_bytes("--preset", "low-overhead"), {1 << 20})

    def test_presets_record_everything(self):
        for preset in ("low-latency", "high-throughput", "low-overhead"):
            self.ring_bytes("--preset", preset)
            self.assert_good()


class Statuses(Record):
    def test_status_is_the_programs(self):
        for status in (0, 1, 77, 126, 127, 255):
            with self.subTest(status):
                self.trace.unlink(missing_ok=True)
                self.assertEqual(self.record("sh", "-c", f"exit {status}").status, status)
                self.assert_good()

    def test_signal_is_128_and_its_number(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            with self.subTest(number):
                self.trace.unlink(missing_ok=True)
                self.assertEqual(self.record("sh", "-c", f"kill -{int(number)} $$").status, 128 + number)
                self.assert_good()

    def test_program_that_cannot_be_run_is_said_and_leaves_no_file(self):
        text = self.program("text", "no program\n", 0o644)
        bad = self.program("bad", "#!/nowhere/interpreter\n")
        for command, status, word in (("no-such-program", 127, b"PATH"), ("", 127, b"adatrace: '' is not"),
                                      ("./no-such-program", 127, b"No such file"),
                                      ("/", 126, b"Is a directory"), (text, 126, b"Permission denied"),
                                      (bad, 127, b"interpreter")):
            with self.subTest(command):
                outcome = self.record(command, cwd=self.folder)
                self.assertEqual(outcome.status, status)
                self.assertIn(word, outcome.stderr)
                self.assertEqual(outcome.stderr.count(b"\n"), 1)
                self.assertFalse(self.trace.exists())

    def test_program_of_another_machine_gets_one_sentence(self):
        foreign = self.folder / "foreign"
        head = bytearray(Path("/bin/true").read_bytes())
        head[18:20] = (43).to_bytes(2, sys.byteorder)  # EM_SPARCV9
        foreign.write_bytes(head)
        foreign.chmod(0o755)
        outcome = self.record(foreign)
        self.assertEqual(outcome.status, 126)
        self.assertEqual(outcome.stderr, f"adatrace: cannot run {foreign}: Exec format error\n".encode())

    def test_script_without_an_interpreter_is_the_shells(self):
        outcome = self.record(self.program("plain", "echo $0 $1\nexit 3\n"), "word")
        self.assertEqual(outcome.status, 3)
        self.assertIn(b"plain word", outcome.stdout)


class Output(Record):
    def test_default_name_is_the_programs(self):
        outcome = recording.run([recording.ADATRACE, "record", "--", "true"], cwd=self.folder)
        self.assertEqual(outcome.status, 0)
        self.assertTrue((self.folder / "true.adatrace").exists())

    def test_file_is_replaced_by_force_only(self):
        self.trace.write_bytes(b"precious")
        marker = self.folder / "ran"
        outcome = self.record("touch", marker)
        self.assertNotEqual(outcome.status, 0)
        self.assertIn(b"--force", outcome.stderr)
        self.assertEqual(self.trace.read_bytes(), b"precious")
        self.assertFalse(marker.exists())
        self.assertEqual(self.record("touch", marker, options=["--force"]).status, 0)
        self.assertTrue(marker.exists())
        self.assert_good()

    def test_recording_that_does_not_begin_replaces_nothing(self):
        self.trace.write_bytes(b"precious")
        outcome = self.record("true", options=["--force"], env=dict(os.environ, ADATRACE_RUNTIME_DIR="/nowhere"))
        self.assertNotEqual(outcome.status, 0)
        self.assertEqual(self.trace.read_bytes(), b"precious")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), [self.trace.name])

    def test_place_that_cannot_be_written_is_said_before_the_program_runs(self):
        marker = self.folder / "ran"
        for path in ("/nowhere/x.adatrace", "/dev/full", self.folder):
            with self.subTest(path):
                outcome = recording.run([recording.ADATRACE, "record", "-o", path, "--", "touch", marker])
                self.assertNotEqual(outcome.status, 0)
                self.assertIn(str(path).encode(), outcome.stderr)
                self.assertFalse(marker.exists())

    def test_summary_is_one_line(self):
        outcome = self.record("true")
        self.assertEqual(outcome.stderr.count(b"\n"), 1)
        for word in (b"events", b"dropped", b"bytes per event", str(self.trace).encode()):
            self.assertIn(word, outcome.stderr)

    @unittest.skipUnless(recording.HAS_AGENT, recording.NO_AGENT)
    def test_patterns_that_nothing_matches_are_said(self):
        said = self.record("true", options=("-e", "nosuch:*", "-e", "memroy:*")).stderr
        self.assertIn(b"0 events", said)
        self.assertIn(b"no event was recorded that matches 'nosuch:*,memroy:*'; ", said)
        for options in ((), ("-e", "process:*"), ("-e", "nosuch:*,process:*")):
            said = self.record("true", options=("--force", *options)).stderr
            self.assertNotIn(b"matches", said)

    def test_more_drain_threads_leave_as_good_a_file(self):
        done = self.record("sh", "-c", "for i in 1 2 3 4 5; do true | cat; done",
                           options=("--drain-threads", "3"))
        self.assertEqual(done.status, 0)
        self.assert_good()
        for number in ("0", "17", "two"):
            self.assertEqual(self.record("true", options=("--drain-threads", number)).status, 2)

    def test_trace_can_go_into_a_pipe(self):
        outcome = recording.run([recording.ADATRACE, "record", "-o", "/dev/stdout", "--", "sh", "-c", "exit 4"])
        self.assertEqual(outcome.status, 4)
        self.trace.write_bytes(outcome.stdout)
        self.assert_good()


class Transparency(Record):
    def test_program_sees_its_own_descriptors_signals_and_folder(self):
        script = self.program("see", "ls /proc/$$/fd; grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; pwd; umask; ulimit -n\n"
                                     "cat")
        plain = recording.run(["sh", script], stdin=b"words", cwd=self.folder)
        traced = self.record("sh", script, stdin=b"words", cwd=self.folder)
        self.assertEqual(traced.stdout, plain.stdout)

    def test_untraceable_program_runs_and_is_noted(self):
        source = self.folder / "static.c"
        source.write_text("int main(void) { return 5; }\n")
        static = self.folder / "static"
        if subprocess.run(["cc", "-static", "-o", static, source], capture_output=True, check=False).returncode:
            self.skipTest("no static libc")
        outcome = self.record(static)
        self.assertEqual(outcome.status, 5)
        self.assertIn(b"statically linked; events of its own are\n", outcome.stderr)
        self.assertIn("statically linked", self.info())
        self.trace.unlink()
        outcome = self.record("sh", "-c", f"{static}; {static}; exit 6")
        self.assertEqual(outcome.status, 6)
        self.assertEqual(self.info().count("statically linked"), 1)

    def test_background_child_does_not_hold_the_recording_up(self):
        start = time.monotonic()
        outcome = self.record("sh", "-c", "(exec sleep 20) >/dev/null 2>&1 & exit 2")
        self.assertEqual(outcome.status, 2)
        self.assertLess(time.monotonic() - start, 15)
        self.assert_good()

    def test_session_folder_goes_away(self):
        outcome = self.record("sh", "-c", 'echo "$ADATRACE_SESSION"')
        socket = Path(outcome.stdout.decode().strip())
        self.assertTrue(socket.is_absolute())
        self.assertFalse(socket.parent.exists())


class Lines(Record):
    LEAK = """#include <stdlib.h>
void *kept[2];
__attribute__((noinline)) static void leak(int i)
{
    if (i)
        kept[1] = malloc(100);
    else
        kept[0] = malloc(50);
}
int main(void)
{
    leak(0);
    leak(1);
    return 0;
}
"""

    @unittest.skipUnless(recording.HAS_AGENT, recording.NO_AGENT)
    def test_report_names_the_lines_that_allocate(self):
        (self.folder / "leak.c").write_text(self.LEAK)
        subprocess.run(["cc", "-g", "-O1", "-o", "leak", "leak.c"], cwd=self.folder, check=True)
        self.assertEqual(self.record(self.folder / "leak").status, 0)
        report = json.loads(recording.run([recording.ADATRACE, "report", "-F", "json", self.trace]).stdout)
        caller = next(c for c in report["memory"]["callers"] if c["name"] == "leak")
        self.assertEqual((Path(caller["file"]).name, caller.get("line"), caller.get("places")), ("leak.c", 6, 2))
        text = recording.run([recording.ADATRACE, "report", self.trace]).stdout.decode()
        self.assertRegex(text, r"allocated by +line\n(.*\n)*.* leak +\S*leak\.c:6 and 1 more\n")
        lines = {event["lines"]["caller"].rsplit("/", 1)[-1] for event in recording.events(self.trace)
                 if "caller" in event.get("lines", {})}
        self.assertLessEqual({"leak.c:6", "leak.c:8"}, lines)


class Signals(Record):
    STUBBORN = "trap '' TERM INT HUP; echo ready; while :; do sleep 0.05; done"

    def start(self, *command):
        process = subprocess.Popen([recording.ADATRACE, "record", "-o", self.trace, "--", *command],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def test_signal_to_the_recorder_ends_the_program(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                self.trace.unlink(missing_ok=True)
                process = self.start("sh", "-c", "echo ready; exec sleep 100")
                process.send_signal(number)
                self.assertEqual(process.wait(PATIENCE_S), 128 + number)
                self.assert_good()

    def test_second_time_is_harder(self):
        process = self.start("sh", "-c", self.STUBBORN)
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        self.assertEqual(process.wait(PATIENCE_S), 128 + signal.SIGKILL)
        self.assertIn(recording.verify(self.trace).status, (0, 3))

    def in_terminal(self, command, keys_after=b"ready", kind="xterm"):
        """Run in a terminal of its own, press Ctrl-C once; status and all that was shown."""
        child, terminal = pty.fork()
        if child == 0:
            termios.tcsetwinsize(0, (24, 80))
            os.execve(recording.ADATRACE, [str(word) for word in (
                recording.ADATRACE, "record", "-o", self.trace, "--", *command)], {**os.environ, "TERM": kind})
        shown, pressed, deadline = b"", False, time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    part = os.read(terminal, 4096)
                except OSError:
                    break
                if not part:
                    break
                shown += part
            if not pressed and keys_after in shown:
                os.write(terminal, b"\x03")
                pressed = True
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(terminal)
        return status, shown

    def test_interrupt_key_ends_the_program_and_leaves_a_good_file(self):
        status, shown = self.in_terminal(["sh", "-c", "echo ready; exec sleep 100"])
        self.assertEqual(status, 130, shown)
        self.assertIn(b"bytes per event", shown)
        self.assert_good()

    def test_interrupt_key_is_the_programs_to_ignore(self):
        status, shown = self.in_terminal(["sh", "-c", "trap '' INT; echo ready; sleep 0.5; exit 8"])
        self.assertEqual(status, 8, shown)
        self.assert_good()

    def test_terminal_shows_progress(self):
        status, shown = self.in_terminal(["sh", "-c", "sleep 1.5; echo ready; exec sleep 100"])
        self.assertEqual(status, 130, shown)
        self.assertRegex(shown, rb"\x1b\[\d+Gadatrace: 1\.00 s .*events.*dropped\x1b8")

    def test_terminal_that_erases_nothing_shows_none(self):
        shown = self.in_terminal(["sh", "-c", "sleep 1.5; echo ready; exec sleep 100"], kind="dumb")[1]
        self.assertIn(b"bytes per event", shown)
        self.assertNotIn(b"\x1b", shown)


if __name__ == "__main__":
    unittest.main()
