# SPDX-License-Identifier: Apache-2.0
"""Running a command and knowing what it took."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass

from gap import Gap
from settings import Settings


@dataclass
class Run:
    """One finished command; cpu_s is its own and that of the children that it waited for."""
    wall_s: float
    cpu_s: float
    status: int
    stdout: bytes
    stderr: bytes


def run(argv, environment=None, keep_output=False, timeout_s=600, good=(0,)):
    """Run `argv` to its end. A status outside `good` is a Gap with the last line of its stderr.

    Output that is not kept goes to /dev/null itself, as the benchmarks of readers want it.
    """
    argv = [str(word) for word in argv]
    start = time.monotonic()
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL,
                                   env=environment or Settings.environment(),
                                   process_group=0)
    except FileNotFoundError as error:
        raise Gap(f"{argv[0]} is not there") from error
    before = os.times()
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Gap(f"{command_name(argv)} had not ended after {timeout_s} s") from error
    wall = time.monotonic() - start
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    done = Run(wall, cpu, process.returncode, stdout or b"", stderr)
    if done.status not in good:
        raise Gap(f"{command_name(argv)} ended with status {done.status}: {last_line(stderr)}")
    return done


def command_name(argv):
    name = os.path.basename(argv[0])
    return f"{name} {argv[1]}" if len(argv) > 1 and argv[1].isalpha() else name


def last_line(text):
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"
