#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An emit on 64-bit Arm, interrupted behind its instructions: tests/unit/registry/test_ring_step.c and test_switches_step.c.

    test_step.py LIBRARY short|all CPU...

Behind every fifth instruction (short: of switches only), on each of these of qemu's processors: one that has instructions for
compare-and-exchange, and one that has exclusive loads and stores, between which a handler comes as well.
LIBRARY as in test_machine.py, in whose folder it builds.
"""

import re
import sys

import foreign_build as foreign
import test_machine
from stepper import Stepper

EVERY = 5
TESTS = {"short": ["test_switches_step"], "all": ["test_switches_step", "test_ring_step"]}


def stepped(emulator, cpu, program):
    """Cases, and how many instructions were interrupted."""
    stepper = Stepper([*emulator, "-cpu", cpu], program, EVERY)
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
    done = [stepped(emulator.words(), cpu, build / "tests/unit/registry" / test)
            for cpu in cpus for test in TESTS[form]]
    foreign.tell(f"step-aarch64{'-all' if form == 'all' else ''}",
                 f"{sum(count for count, _ in done)} cases, interrupted behind "
                 f"{sum(count for _, count in done):,} instructions on {' and '.join(cpus)}")


if __name__ == "__main__":
    main()
