# SPDX-License-Identifier: Apache-2.0
"""Traces of the same run by every tool; each call makes one anew and tells what making it took.

The last ones are kept in build/bench-work for the cases that measure their size and how fast they
are read.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from commands import run
from gap import Gap
from lttng import Session, library, trace_bytes
from settings import ADATRACE, BENCH, LUA, WORK, Settings

OURS, UFTRACE, LTTNG, HEAPTRACK = "adatrace", "uftrace", "lttng-ust", "heaptrack"
PYTHON = "/usr/bin/python3"


@dataclass
class Made:
    """A trace, and the run that made it. wall_s ends when everything is in the files."""
    path: Path
    wall_s: float
    cpu_s: float
    lost: int
    size_bytes: int


def adatrace_info(path):
    """What `adatrace info` says, as data; `verify` would read the whole file again."""
    done = run([ADATRACE, "info", "--format", "json", path], keep_output=True, good=(0, 3))
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise Gap(f"adatrace info prints no JSON: {error}") from error


def make_adatrace(path, program, *options, environment=None):
    done = run([ADATRACE, "record", "--force", "--policy", "block", *options, "-o", path, "--",
                *program], environment)
    return Made(path, done.wall_s, done.cpu_s, adatrace_info(path)["dropped"], path.stat().st_size)


def make_lttng(bench, path, program, helper, events, **environment):
    shutil.rmtree(path, ignore_errors=True)
    with Session(bench.lttng, path, [events], blocking=True) as session:
        done = run(program, bench.lttng.program_environment(LD_PRELOAD=library(helper),
                                                            **environment))
        stop_s = session.stop()
        lost = session.discarded
    return Made(path, done.wall_s + stop_s, done.cpu_s, lost, trace_bytes(path))


class CallTraces:
    """Lua computing a Fibonacci number: nothing but function calls."""

    def __init__(self, bench, number):
        self.bench, self.made, self.number = bench, {}, number
        self.folder = WORK / f"call-traces-{number}"
        self.program = [LUA / "lua-functions", BENCH / "fib.lua", self.number]

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.program[0].exists():
            raise Gap("build/lua is not there: scripts/fetch-lua")

    def make(self, tool):
        self.prepare()
        makers = {OURS: self.adatrace, UFTRACE: self.uftrace, LTTNG: self.lttng}
        self.made[tool] = makers[tool]()
        return self.made[tool]

    def get(self, tool):
        """The one that is there, or a new one."""
        return self.made.get(tool) or self.make(tool)

    def adatrace(self):
        return make_adatrace(self.folder / "fib.adatrace", self.program)

    def uftrace(self):
        path = self.folder / "fib.uftrace"
        shutil.rmtree(path, ignore_errors=True)
        done = run(["uftrace", "record", "--no-libcall", "-d", path, *self.program])
        # 16 bytes a record; what it could not keep is a record of its own, counted by the reader.
        return Made(path, done.wall_s, done.cpu_s, uftrace_lost(done.stderr), folder_bytes(path))

    def lttng(self):
        return make_lttng(self.bench, self.folder / "fib.lttng", self.program,
                          "liblttng-ust-cyg-profile-fast", "lttng_ust_cyg_profile_fast:*")

    def events(self):
        """How many function events the run has: counted in our trace of it."""
        return adatrace_info(self.get(OURS).path)["events"]


class MemoryTraces:
    """A Python program that allocates all day."""

    def __init__(self, bench):
        self.bench, self.made = bench, {}
        self.turns = bench.settings.choose(20, 300)
        self.folder = WORK / "memory-traces"
        self.program = [PYTHON, "-S", BENCH / "allocate.py", self.turns]
        self.malloc = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}

    def make(self, tool):
        self.folder.mkdir(parents=True, exist_ok=True)
        makers = {OURS: self.adatrace, LTTNG: self.lttng, HEAPTRACK: self.heaptrack}
        self.made[tool] = makers[tool]()
        return self.made[tool]

    def get(self, tool):
        return self.made.get(tool) or self.make(tool)

    def untraced(self):
        return run(self.program, Settings.environment(**self.malloc))

    def adatrace(self):
        return make_adatrace(self.folder / "python.adatrace", self.program,
                             "--events", "memory:*",
                             environment=Settings.environment(**self.malloc))

    def lttng(self):
        return make_lttng(self.bench, self.folder / "python.lttng", self.program,
                          "liblttng-ust-libc-wrapper", "lttng_ust_libc:*", **self.malloc)

    def heaptrack(self):
        path = self.folder / "python.heaptrack"
        for old in self.folder.glob("python.heaptrack*"):
            old.unlink()
        done = run(["heaptrack", "-o", path, *self.program],
                   Settings.environment(**self.malloc))
        files = list(self.folder.glob("python.heaptrack*"))
        if not files:
            raise Gap("heaptrack left no file")
        return Made(files[0], done.wall_s, done.cpu_s, 0, sum(f.stat().st_size for f in files))

    def events(self):
        return adatrace_info(self.get(OURS).path)["events"]


def folder_bytes(folder):
    return sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())


def uftrace_lost(stderr):
    """uftrace warns of "LOST N records" at the end."""
    lost = 0
    for line in stderr.decode(errors="replace").splitlines():
        words = line.replace(":", " ").split()
        if "LOST" in words and words[words.index("LOST") + 1].isdigit():
            lost += int(words[words.index("LOST") + 1])
    return lost
