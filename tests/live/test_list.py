#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace list: finds what runs, counts what it has written, and clears away what was killed."""

import errno
import os
import unittest

import recording
from live_program import LiveTest


class List(LiveTest):
    def one(self, *words):
        sessions = self.list("--interval", "0s", *words)["sessions"]
        self.assertEqual(len(sessions), 1)
        return sessions[0]

    def test_nothing_runs(self):
        self.assertEqual(self.adatrace("list").stdout, b"no session runs\n")
        self.assertEqual(self.list(), {"removed": 0, "mute": 0, "sessions": []})

    def test_recording_is_found_by_its_name_with_exact_counts(self):
        program = self.record("--name", "left", "-e", "demand:*")
        program.do("emit", 1000)
        program.do("threads", 3, 10)
        session = self.one()
        self.assertEqual(session["name"], "left")
        self.assertEqual(session["kind"], "record")
        self.assertEqual(session["pid"], program.pid)
        self.assertEqual(session["file"], str(self.folder / "x.adatrace"))
        self.assertIn("emit_on_demand", session["command"])
        self.assertEqual(session["written"], 1030)
        self.assertEqual(session["dropped"], 0)
        self.assertEqual(session["threads_ever"], 4)
        # The main thread; the others have ended, or are about to.
        main = [t for t in session["threads"] if t["tid"] == program.pid]
        self.assertEqual([t["written"] for t in main], [1000])
        text = self.adatrace("list").stdout.decode()
        self.assertRegex(text, rf"{program.pid}  left .* 1,030 ")
        self.assertEqual(program.end()[0], 0)
        self.assertEqual(self.list()["sessions"], [])
        self.assertEqual(list(self.sessions.iterdir()), [])

    def test_rates_are_of_the_interval(self):
        program = self.record("-e", "demand:*")
        program.do("emit", 1000)
        session = self.list("--interval", "50ms")["sessions"][0]
        self.assertEqual(session["per_second"]["written"], 0)
        self.assertGreaterEqual(session["per_second"]["over_ns"], 50_000_000)
        program.end()

    def test_paused_session_is_shown_so(self):
        program = self.record("--name", "p")
        self.assertFalse(self.one()["paused"])
        self.adatrace("pause", "p")
        self.assertTrue(self.one()["paused"])
        self.assertRegex(self.adatrace("list").stdout.decode(), r"  paused  ")
        self.adatrace("resume", "p")
        self.assertFalse(self.one()["paused"])
        program.end()

    def test_loss_is_counted_while_it_happens(self):
        program = self.record("-e", "demand:*", "--ring-size", "4K", "--policy", "overwrite")
        program.do("emit", 100_000)
        session = self.one()
        self.assertEqual(session["policy"], "overwrite")
        self.assertEqual(session["written"], 100_000)
        program.end()
        info = self.info()
        self.assertEqual(info["events"] + info["overwritten"], 100_000)

    def test_application_that_records_itself_is_found_until_it_stops(self):
        program = self.start()
        self.assertEqual(self.list()["sessions"], [])
        self.assertEqual(program.do("start", self.folder / "own.adatrace", "own"), 0)
        program.do("emit", 77)
        session = self.one()
        self.assertEqual(session["kind"], "embedded")
        self.assertEqual(session["name"], "own")
        self.assertEqual(session["pid"], program.pid)
        self.assertEqual(session["drain_pid"], program.pid)
        self.assertEqual(session["written"], 77)
        self.assertEqual(session["file"], str(self.folder / "own.adatrace"))
        self.assertEqual(program.do("stop"), 0)
        self.assertEqual(self.list(), {"removed": 0, "mute": 0, "sessions": []})
        self.assertEqual(program.do("start", self.folder / "again.adatrace", "again"), 0)
        self.assertEqual(self.one()["name"], "again")
        program.kill()

    def test_session_that_nobody_can_ask_records_all_the_same(self):
        private = self.start()
        self.assertEqual(private.do("private", self.folder / "private.adatrace"), 0)
        self.assertEqual(list(self.sessions.iterdir()), [])
        self.env["ADATRACE_RUNTIME_DIR"] = str(self.folder / "nowhere")
        placeless = self.start()
        self.assertEqual(placeless.do("start", self.folder / "placeless.adatrace", "x"), 0)
        for program, name in ((private, "private"), (placeless, "placeless")):
            program.do("emit", 10)
            self.assertEqual(program.stats()["written"], 10)
            self.assertEqual(program.do("stop"), 0)
            self.assertEqual(self.info(f"{name}.adatrace")["events"], 10)
        self.assertEqual(self.adatrace("list").stdout, b"no session runs\n")

    def test_application_sees_the_same_of_itself(self):
        program = self.start()
        self.assertEqual(program.stats()["err"], -errno.ENODATA)
        program.do("start", self.folder / "own.adatrace", "own")
        program.do("emit", 100)
        program.do("threads", 3, 10)
        program.do("hold", 2, 1)
        told, session = program.stats(), self.one()
        self.assertEqual((told["err"], told["is_joined"]), (0, 0))
        self.assertGreaterEqual(told["threads"], 3)  # those that have ended may still be there
        for count in ("written", "written_bytes", "dropped", "threads_ever"):
            self.assertEqual(told[count], session[count], count)
        self.assertEqual(told["written"], 132)
        program.do("stop")
        self.assertEqual(program.stats()["err"], -errno.ENODATA)
        self.assertEqual(self.info("own.adatrace")["events"], 132)
        program.kill()

    def test_recorded_program_sees_its_own_segment(self):
        program = self.record("-e", "demand:*")
        program.do("emit", 100)
        program.do("hold", 2, 10)
        told = program.stats()
        self.assertEqual((told["err"], told["is_joined"], told["threads"]), (0, 1, 3))
        self.assertEqual((told["written"], told["dropped"], told["stored"]), (120, 0, 0))
        program.end()

    def test_what_the_killed_leave_is_removed(self):
        recorded, own = self.record(), self.start()
        own.do("start", self.folder / "own.adatrace", "own")
        child = own.do("fork")  # it does not keep its parent's session alive
        self.addCleanup(os.kill, child, 9)
        self.assertEqual(len(self.list()["sessions"]), 2)
        recorded.kill()  # the recorder, not the program
        own.kill()
        said = self.adatrace("list")
        self.assertEqual(said.stdout, b"no session runs\n")
        self.assertIn(b"removed what 2 sessions left", said.stderr)
        self.assertEqual(list(self.sessions.iterdir()), [])

    @unittest.skipIf("thread" in recording.SANITIZER, "numbers of descriptors are shared on purpose here")
    def test_application_that_closes_everything_lives_on(self):
        program = self.start()
        program.do("start", self.folder / "own.adatrace", "own")
        self.assertEqual(self.one()["name"], "own")
        program.do("closeall")
        files = [self.folder / f"file{i}" for i in range(12)]
        for file in files:  # they get the numbers of our descriptors
            program.do("open", file)
        self.assertEqual(self.list()["sessions"], [])
        program.do("emit", 10)
        program.do("stop")
        self.assertEqual(program.end()[0], 0)
        self.assertEqual(list(self.sessions.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
