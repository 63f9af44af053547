# SPDX-License-Identifier: Apache-2.0
"""Workers: contestants that stay alive and measure when they are asked (bench/worker.h)."""

import os
import select
import subprocess

from gap import Gap
from settings import PROGRAMS, Settings

ANSWER_WAIT_S = 300


class Worker:
    """One contestant process. Use as a context manager; its end is waited for."""

    def __init__(self, program, *arguments, environment=None, before=()):
        path = PROGRAMS / program
        if not path.exists():
            raise Gap(f"{program} was not built")
        self.name = program
        self.process = subprocess.Popen(
            [*map(str, before), str(path), *map(str, arguments)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
            env=environment or Settings.environment())

    def ask(self, request):
        """The numbers that answer a request."""
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Gap(f"{self.name} ended: {self.last_words()}") from None
        if not select.select([self.process.stdout], [], [], ANSWER_WAIT_S)[0]:
            self.process.kill()
            raise Gap(f"{self.name} did not answer '{request}' within {ANSWER_WAIT_S} s")
        answer = self.process.stdout.readline().split()
        if not answer:
            raise Gap(f"{self.name} ended at '{request}': {self.last_words()}")
        if answer[0] != "ok":
            raise Gap(f"{self.name}: {' '.join(answer[1:])}")
        return [float(word) for word in answer[1:]]

    def last_words(self):
        self.process.wait(timeout=ANSWER_WAIT_S)
        return self.process.stderr.read().strip()[-200:] or f"status {self.process.returncode}"

    def run_ns(self, case, count):
        """Wall nanoseconds per event."""
        return self.ask(f"run {case} {count}")[0] / count

    def close(self):
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Clock:
    """Reads the clock reading: nanoseconds that one takes, right now. And whether that is all there is to know."""

    def __init__(self):
        self.worker = Worker("emit_floor")
        self.widest = float("inf")  # nanoseconds: the least that width() saw on any core

    def __call__(self):
        return min(self.worker.run_ns("tsc", 100000) for _ in range(3))

    def width(self):
        """Of the worst core, right now: nanoseconds that a step of eight independent additions takes, at its best."""
        found = []
        for cpu in sorted(os.sched_getaffinity(0)):
            os.sched_setaffinity(self.worker.process.pid, {cpu})
            found.append(min(self.worker.run_ns("width", 20000) for _ in range(5)))
        os.sched_setaffinity(self.worker.process.pid, os.sched_getaffinity(0))
        self.widest = min(self.widest, *found)
        return max(found)

    def widest_in_readings(self):
        """As the baseline keeps it. Only the least is divided: a reading that a round disturbed would make a width that
        no core has, and every later round would look shared beside it."""
        return self.widest / self()

    def widest_was(self, readings):
        """What the baseline's machine, which is this kind of machine, took when it had a core for itself."""
        self.widest = min(self.widest, readings * self())

    def slowdown(self, width):
        """How many times longer than on a core that nobody shares. Of two hardware threads of a core one may be another
        guest's: then everything takes longer that is not as simple as reading the clock."""
        return width / self.widest

    def close(self):
        self.worker.close()
