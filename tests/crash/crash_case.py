# SPDX-License-Identifier: Apache-2.0
"""What the tests that kill have in common: crash points, counters that outlive the dead, what has to hold after."""

import os
import re
import struct
import subprocess
import sys
import time
import unittest
from collections import defaultdict
from pathlib import Path

import evidence
import recording

LONG = "--long" in sys.argv  # the nightly form
CRASH = Path(os.environ.get("ADATRACE_CRASH", recording.BUILD / "tests" / "crash"))
RECORDER = CRASH / "crash_record"
AGENT = CRASH / "libcrash_agent.so"
SHIPPED_AGENT = recording.BUILD / "agent" / "libadatrace-agent.so"
PROGRAM = CRASH / "crash_program"
KILLED = -9
PATIENCE_S = 120
SLOW_PARTS = 25  # a tenth of a second apart: the drain, which may sleep for half a second, ticks twice at least
ROWS = 1024
OURS_IN_SHM = re.compile(r"adatrace(?!-(test|faulty)-)", re.I)  # folders of unit tests that run beside this one are not


def points(*folders):
    """Names of the crash points in the sources of these folders or files."""
    found = []
    for folder in folders:
        path = recording.SOURCE / folder
        for source in sorted(path.glob("*.c")) if path.is_dir() else [path]:
            found += re.findall(r'CRASH_POINT(?:_WRITE)?\("([\w.]+)"', source.read_text(encoding="utf-8"))
    assert found and len(found) == len(set(found)), found
    return found


def counters(path):
    """Row number: (process, how many emits had returned), by the program's own count."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) < 8 + 16 * ROWS:
        return {}
    used = min(struct.unpack_from("Q", data)[0], ROWS)
    rows = {}
    for n in range(used):
        emitted, pid = struct.unpack_from("QI", data, 8 + 16 * n)
        rows[n] = (pid, emitted)
    return rows


def steps(trace):
    """Row number: the numbers of its events in the trace, in the order in which they stand there."""
    numbers = defaultdict(list)
    for _ in steps_noted(recording.events(trace), numbers):
        pass
    return numbers


def steps_noted(events, numbers):
    """All that comes, with `numbers` as steps() gives them at the end."""
    for event in events:
        if event["event"] == "crash:step":
            numbers[event["fields"]["row"]].append(event["fields"]["number"])
        yield event


class KillCase(unittest.TestCase):
    """A case that tells figures."""

    def run(self, result=None):
        type(self).result = result
        return super().run(result)

    @classmethod
    def tell(cls, key, figure):
        """Nothing once a case or subtest of this program has failed: a figure is of what held. The long form has a row
        of its own."""
        if cls.result.wasSuccessful():
            evidence.tell(f"{key}-nightly" if LONG else key, figure)


class Place:
    """A folder with a runtime folder of its own: what a session leaves there is seen."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.trace = self.folder / "killed.adatrace"
        self.segment = self.folder / "killed.segment"
        self.counters = self.folder / "counters"
        self.runtime = self.folder / "runtime"
        self.runtime.mkdir()
        self.shm_before = self.shm()

    @staticmethod
    def shm():
        return {name for name in os.listdir("/dev/shm") if OURS_IN_SHM.search(name)}

    def environment(self, point=None, agent=None):
        env = dict(os.environ, ADATRACE_RUNTIME_DIR=str(self.runtime))
        if point:
            env["ADATRACE_CRASH_AT"] = point
        if agent:
            env["ADATRACE_AGENT"] = str(agent)
        return env

    def record(self, recorder, command, point=None, agent=None, options=()):
        """Run it to its end and to that of all that holds its output; nothing may hang."""
        done = subprocess.run(
            [str(word) for word in (recorder, "record", "-o", self.trace, *options, "--", *command)],
            capture_output=True, timeout=PATIENCE_S, check=False, env=self.environment(point, agent))
        return recording.Outcome(done.returncode, done.stdout, done.stderr)

    def assert_folder_removed(self, case):
        """By the collector that has ended: before anybody looks for sessions and clears up after it."""
        case.assertEqual(sorted(path.name for path in self.runtime.iterdir()), [])

    def leftovers(self):
        """What is of ours in /dev/shm and in the runtime folder, after those who look for sessions have cleared up."""
        for folder in self.runtime.iterdir():  # as if the session had begun a while ago
            os.utime(folder, (0, 0))
        subprocess.run([str(recording.ADATRACE), "list"], capture_output=True, timeout=PATIENCE_S, check=False,
                       env=self.environment())
        return sorted(path.name for path in self.runtime.iterdir()), self.shm() - self.shm_before

    def assert_clean(self, case):
        folders, shared = self.leftovers()
        case.assertEqual(folders, [])
        # Other tests run beside this one: what is theirs is in use, or soon gone.
        deadline = time.monotonic() + PATIENCE_S
        while shared & self.shm() and time.monotonic() < deadline:
            time.sleep(0.01)
        case.assertEqual(shared & self.shm(), set())

    def assert_readable(self, case):
        """Whole, or cut off."""
        verified = recording.verify(self.trace)
        case.assertIn(verified.status, (0, 3), verified.stdout)
        return verified.status
