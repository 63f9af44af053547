#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An emit on 64-bit Arm, interrupted behind its instructions: tests/unit/registry/test_ring_step.c and test_switches_step.c.

    test_step.py LIBRARY short|all CPU...

Behind every fifth instruction of switches, and (all) every 61st of emits, in whose 22 cases there are a million: on each of
these of qemu's processors, one that has instructions for compare-and-exchange, and one that has exclusive loads and stores,
between which a handler comes as well.
LIBRARY as in test_machine.py, in whose folder it builds.
"""

import concurrent.futures
import re
import sys

import foreign_build as foreign
import test_machine
from stepper import Stepper

EVERY = {"test_switches_step": 5, "test_ring_step": 61}
TESTS = {"short": ["test_switches_step"], "all": ["test_switches_step", "test_ring_step"]}


def stepped(emulator, cpu, program):
    """Cases, and how many instructions were interrupted."""
    stepper = Stepper([*emulator, "-cpu", cpu], program, EVERY[program.name])
    status, shown = stepper.run()
    passed = shown.count("[       OK ]")
    if status or not passed or not stepper.interrupted:
        sys.exit(f"{program.name} on {cpu}: status {status}, {stepper.interrupted} interrupted\n{shown}")
    print(f"{program.name} on {cpu}: {passed} cases, {stepper.interrupted} of {stepper.steps} instructions, "
          f"{re.findall(r'SKIPPED.*', shown)}")
    return passed, stepper.interrupted


def main():
    library, form, *cpus = sys.argv[1:]
    build, emulator = test_machine.made("aarch64", library)
    foreign.make(build, *TESTS[form])
    with concurrent.futures.ThreadPoolExecutor() as pool:  # they wait most of the time
        done = list(pool.map(lambda what: stepped(emulator.words(), what[0], build / "tests/unit/registry" / what[1]),
                             [(cpu, test) for cpu in cpus for test in TESTS[form]]))
    foreign.tell(f"step-aarch64{'-all' if form == 'all' else ''}",
                 f"{sum(count for count, _ in done)} cases, interrupted behind "
                 f"{sum(count for _, count in done):,} instructions on {' and '.join(cpus)}")


if __name__ == "__main__":
    main()
