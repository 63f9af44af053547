# SPDX-License-Identifier: Apache-2.0
"""idle: what being traced costs a program that has nothing to say, in CPU and in memory."""

import os
import re
import subprocess
import time
from pathlib import Path

from commands import last_line
from gap import Gap
from result import OURS
from settings import ADATRACE, PROGRAMS, Settings

TITLE = "Doing nothing"
THREADS = (1, 100, 1000)


class Recording:
    """`adatrace record -- threads_idle`, held while all threads sleep."""

    def __init__(self, folder, threads, events):
        self.process = subprocess.Popen(
            [ADATRACE, "record", "--force", "-o", folder / "idle.adatrace", "--",
             PROGRAMS / "threads_idle", str(threads), str(events)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=Settings.environment())

    def __enter__(self):
        if self.process.stdout.readline() != b"ready\n":
            stderr = self.process.communicate()[1]
            raise Gap(f"threads_idle did not start: {last_line(stderr)}")
        self.program = child_of(self.process.pid)
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def cpu_ns(self):
        """(collector, program), so far."""
        return task_cpu_ns(self.process.pid), task_cpu_ns(self.program)

    def memory_bytes(self):
        """Shared memory of the session, private memory of the collector."""
        return segments_bytes(self.process.pid), private_bytes(self.process.pid)


def child_of(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = (task / "children").read_text().split()
        if children:
            return int(children[0])
    raise Gap("the collector has no child")


def task_cpu_ns(pid):
    """Exact, unlike the clock ticks of /proc/PID/stat."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in Path(f"/proc/{pid}/task").iterdir())


def segments_bytes(pid):
    """What the kernel has really allocated for the memory files of a process."""
    total, seen = 0, set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "memfd:" in os.readlink(fd):
                status = fd.stat()
                if status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
        except FileNotFoundError:
            continue
    if not seen:
        return mapped_segments_bytes(pid)
    return total


def segments_reserved_bytes(pid):
    """What the mappings of those files span."""
    total = 0
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if "memfd:" in line:
            first, last = line.split()[0].split("-")
            total += int(last, 16) - int(first, 16)
    return total


def mapped_segments_bytes(pid):
    """The same through the mappings, where no descriptor is held."""
    total, counted = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counted = "memfd:" in line
        elif counted and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def private_bytes(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kb) * 1024 for kb in re.findall(r"Private_\w+:\s+(\d+)", text))


def measure_cpu(bench, result, folder):
    seconds = bench.settings.choose(1, 4)
    shares = {"collector": [], "program": []}
    for _ in range(bench.settings.rounds_long):
        with Recording(folder, 1, 10) as recording:
            time.sleep(0.3)  # what starting costs is another case
            before = recording.cpu_ns()
            time.sleep(seconds)
            after = recording.cpu_ns()
        for name, a, b in zip(shares, after, before):
            shares[name].append((a - b) / (seconds * 1e9) * 100)
    for name, values in shares.items():
        row = f"CPU of the {name}"
        result.add(row, OURS, "%", values)
        result.target(f"{row} while nothing happens", result.value(row, OURS), "<=", 0.1, "%")


def measure_memory(result, folder):
    found = {}
    for threads in THREADS:
        for events, what in ((1, "one event each"), (0, "no event")):
            with Recording(folder, threads, events) as recording:
                time.sleep(0.3)
                shared, private = recording.memory_bytes()
                reserved = segments_reserved_bytes(recording.process.pid)
            plural = "s" if threads > 1 else ""
            found[threads, events] = shared
            row = f"{threads} thread{plural}, {what}"
            result.add(f"{row}: rings", OURS, "MB", [shared / 1e6])
            result.add(f"{row}: collector's own", OURS, "MB", [private / 1e6])
    result.add("address space for rings of as many threads as can be", OURS, "MB", [reserved / 1e6])
    per_thread = {n: (found[n, 1] - found[1, 1]) / (n - 1) for n in THREADS[1:]}
    for threads, size in per_thread.items():
        result.add(f"each thread, of {threads}", OURS, "kB", [size / 1e3])
    result.target("memory is linear: per thread at 1000 / per thread at 100",
                  per_thread[1000] / per_thread[100] if per_thread[100] else None, "<=", 1.15, "x")


def measure(bench, result):
    folder = bench.settings.work_folder("idle")
    try:
        measure_cpu(bench, result, folder)
    except Gap as gap:
        result.gap(OURS, str(gap))
    try:
        measure_memory(result, folder)
    except Gap as gap:
        result.gap(OURS, str(gap))
    result.note("CPU from the scheduler's own count (schedstat), after the start. Rings: blocks that the kernel has allocated for the session's memory files. "
                "Threads without events still say that they started; under 'no event' only the program's own are left out.")
