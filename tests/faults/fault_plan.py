# SPDX-License-Identifier: Apache-2.0
"""Plans of failing calls (fault_plan.h), and running a command under one.

The preloaded library counts the calls that come from the objects named in the plan, and fails those
that the plan means. `sites` runs a command once without failures and says where it called what;
`run` runs it with one.
"""

import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass

import recording

LIBRARY = recording.BUILD / "tests" / "faults" / "libfault_inject.so"
VARIABLE = "ADATRACE_FAULT_PLAN"
PATIENCE_S = 60

MAGIC = 0x46414C54
COUNT, FAIL, SHORT, SLOW = range(4)
FOR_EVER = (1 << 64) - 1


class _Site(ctypes.Structure):
    _fields_ = [("call", ctypes.c_char * 32), ("object", ctypes.c_uint32), ("used", ctypes.c_uint32),
                ("offset", ctypes.c_uint64), ("count", ctypes.c_uint64), ("first", ctypes.c_uint64)]


class _Plan(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_uint32), ("mode", ctypes.c_uint32), ("error", ctypes.c_int32),
                ("only_site", ctypes.c_uint32), ("call", ctypes.c_char * 32),
                ("objects", ctypes.c_char * 192), ("program", ctypes.c_char * 64),
                ("first", ctypes.c_uint64), ("last", ctypes.c_uint64), ("site", ctypes.c_uint64),
                ("site_object", ctypes.c_uint32), ("reserved", ctypes.c_uint32),
                ("calls", ctypes.c_uint64), ("fired", ctypes.c_uint64),
                ("fired_offset", ctypes.c_uint64), ("fired_object", ctypes.c_uint32),
                ("object_count", ctypes.c_uint32), ("object", (ctypes.c_char * 64) * 32),
                ("sites", _Site * 4096)]


@dataclass(frozen=True)
class Where:
    """A place in the code from which `call` is made: an object's name and the offset in it."""

    call: str
    object: str
    offset: int

    def __str__(self):
        return f"{self.call}() of {self.object}+{self.offset:#x}"


@dataclass(frozen=True)
class Fault:
    """The calls that fail: those numbered first to last, of `where` alone when that is given."""

    call: str
    error: int = 0
    mode: int = FAIL
    first: int = 1
    last: int = 1
    where: Where = None

    def __str__(self):
        what = {FAIL: errno_name(self.error), SHORT: "short", SLOW: f"slow by {self.error} us"}[self.mode]
        which = f"number {self.first}" + (" and all after it" if self.last == FOR_EVER else "")
        return f"{self.where or self.call + '()'} {which}: {what}"


@dataclass
class Done:
    """What came of a run: as recording.Outcome, and what had failed."""

    status: int
    stdout: bytes
    stderr: bytes
    fired: int
    calls: int
    hung: bool

    def __str__(self):
        return f"status {self.status}, fired {self.fired}, stdout {self.stdout[-300:]}, stderr {self.stderr[-1000:]}"


def errno_name(number):
    return os.strerror(number)


class Bench:
    """Runs commands under plans. `objects`: whose calls count; `program`: in which executable."""

    def __init__(self, folder, objects, program=""):
        self.path = folder / "plan"
        self.objects, self.program = objects, program
        self.names = []  # of objects, by number, from the last run

    def _write(self, plan):
        plan.magic = MAGIC
        plan.objects = self.objects.encode()
        plan.program = self.program.encode()
        for number, name in enumerate(self.names):
            plan.object[number].value = name.encode()
        plan.object_count = len(self.names)
        self.path.write_bytes(bytes(plan))

    def _run(self, plan, command, timeout=PATIENCE_S, **where):
        self._write(plan)
        environment = dict(where.pop("env", os.environ))
        environment[VARIABLE] = str(self.path)
        environment["LD_PRELOAD"] = str(LIBRARY)
        with subprocess.Popen([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                              **where) as process:
            hung = False
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                hung = True
                os.killpg(process.pid, signal.SIGKILL)
                stdout, stderr = process.communicate()
        plan = _Plan.from_buffer_copy(self.path.read_bytes())
        self.names = [plan.object[i].value.decode() for i in range(min(plan.object_count, 32))]
        return Done(process.returncode, stdout, stderr, plan.fired, plan.calls, hung), plan

    def sites(self, command, **where):
        """Every place that calls something that can fail, with how often it does."""
        done, plan = self._run(_Plan(), command, **where)
        found = {}
        for site in plan.sites:
            if site.used:
                place = Where(site.call.decode(), self.names[site.object], site.offset)
                found[place] = found.get(place, 0) + site.count
        return done, found

    def run(self, fault, command, **where):
        plan = _Plan(mode=fault.mode, error=fault.error, first=fault.first, last=fault.last,
                     call=fault.call.encode())
        if fault.where:
            plan.only_site, plan.site = 1, fault.where.offset
            plan.site_object = self.names.index(fault.where.object)
        done, _ = self._run(plan, command, **where)
        if done.hung:  # or the machine had no time for it: then not twice
            done, _ = self._run(plan, command, **where)
        return done
