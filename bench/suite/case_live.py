# SPDX-License-Identifier: Apache-2.0
"""live: what it costs the collector and the program when somebody watches a million events a second."""

import subprocess
import time

from case_idle import child_of, task_cpu_ns
from commands import last_line
from gap import Gap
from samples import interleave
from settings import ADATRACE, BUILD, Settings

TITLE = "Being watched at a million events a second: shares of a processor"

PACE = BUILD / "tests" / "live" / "emit_at_pace"
THREADS, RATE = 2, 500_000
TAIL, TOP = ("tail", "-e", "pace:word"), ("top", "--once", "--interval", "1h")
WATCHERS = {"nobody": (), "tail": (TAIL,), "top": (TOP,), "tail, top, metrics": (TAIL, TOP)}
WHO = ("collector", "program")


class Session:
    """A recording of emit_at_pace, in a place for sessions of its own, and its watchers."""

    def __init__(self, folder, watchers, options=()):
        sessions = folder / "run"
        sessions.mkdir(exist_ok=True)
        self.env = {**Settings.environment(), "ADATRACE_RUNTIME_DIR": str(sessions)}
        self.watchers = watchers
        self.process = self.start("record", "--force", "-o", folder / "live.adatrace", "-e", "pace:*", *options, "--",
                                  PACE, THREADS, RATE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(self, *words, **streams):
        return subprocess.Popen([str(word) for word in (ADATRACE, *words)], env=self.env, stderr=subprocess.PIPE,
                                **streams)

    def __enter__(self):
        if not self.process.stdout.readline().startswith(b"ready"):
            raise Gap(f"emit_at_pace did not start: {last_line(self.process.communicate()[1])}")
        self.program = child_of(self.process.pid)
        self.running = [self.start(*words, stdout=subprocess.DEVNULL) for words in self.watchers]
        return self

    def __exit__(self, *_):
        self.process.communicate()
        for watcher in self.running:
            watcher.terminate()
            watcher.communicate()

    def cpu_ns(self):
        return task_cpu_ns(self.process.pid), task_cpu_ns(self.program)


def shares(folder, watchers, seconds):
    """{who: share of a processor, in percent}."""
    options = ("--metrics", folder / "live.prom") if len(watchers) > 1 else ()
    with Session(folder, watchers, options) as session:
        time.sleep(1)  # until all have begun
        before, began = session.cpu_ns(), time.monotonic_ns()
        time.sleep(seconds)
        after, over = session.cpu_ns(), time.monotonic_ns() - began
        for watcher in session.running:
            if watcher.poll() is not None:
                raise Gap(f"a watcher ended: {last_line(watcher.communicate()[1])}")
    return {who: 100 * (after[i] - before[i]) / over for i, who in enumerate(WHO)}


def measure(bench, result):
    folder = bench.settings.work_folder("live")
    seconds = bench.settings.choose(1, 4)
    samples = interleave(bench.settings.choose(3, 7), {
        name: (lambda watchers=watchers: shares(folder, watchers, seconds))
        for name, watchers in WATCHERS.items()}, result)
    for who in WHO:
        for name, rounds in samples.items():
            result.add(who, name, "%", [figures[who] for figures in rounds])
    result.note(f"{THREADS} threads emit {RATE:,} events of two numbers a second each, in bursts every millisecond; every "
                "hundredth is followed by a string and two marks of a scope. `tail` prints the strings, `top` counts "
                "everything. By the scheduler's own count (schedstat) over all threads of the process.")
