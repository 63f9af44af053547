# SPDX-License-Identifier: Apache-2.0
"""Instruction counts by valgrind's callgrind: the difference of two runs, so nothing but events is in it."""

import re
import subprocess

from commands import last_line
from gap import Gap
from settings import PROGRAMS, Settings

FEW, MANY = 1000, 11000


def collected(program, case, count, folder, environment):
    output = folder / f"callgrind.{case}.{count}"
    argv = ["valgrind", "--tool=callgrind", f"--toggle-collect=run_{case}",
            f"--callgrind-out-file={output}", str(PROGRAMS / program[0]), *map(str, program[1:])]
    try:
        done = subprocess.run(argv, input=f"run {case} 1\nrun {case} {count}\n".encode(),
                              capture_output=True, timeout=300, check=False,
                              env=environment or Settings.environment())
    except FileNotFoundError as error:
        raise Gap("valgrind is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Gap("had not ended under callgrind after 300 s") from error
    if done.returncode:
        raise Gap(f"under callgrind status {done.returncode}: {last_line(done.stderr)}")
    found = re.search(rb"Collected : (\d+)", done.stderr)
    if not found or not int(found.group(1)):
        raise Gap("callgrind collected nothing")
    return int(found.group(1))


def instructions_per_event(program, case, folder, environment=None):
    return (collected(program, case, MANY, folder, environment)
            - collected(program, case, FEW, folder, environment)) / (MANY - FEW)
