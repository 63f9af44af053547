#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our tests on a machine of another kind.

    test_machine.py aarch64|s390x short|all

Cross-compiles without a warning, and runs under qemu: the cmocka programs of the layers (short: the few below;
all: every one but those that NOT_THERE has a reason for), and the golden traces: that machine's writer makes
the same bytes; with `all`, also, that machine's commands print about them what they print here.
"""

import os
import sys
import time
from pathlib import Path

import foreign_build as foreign
import recording

MACHINES = {
    # name: compiler, emulator, Debian's name
    "aarch64": ("aarch64-linux-gnu-gcc", "qemu-aarch64", "arm64"),
    "s390x": ("s390x-linux-gnu-gcc", "qemu-s390x", "s390x"),
}
# Cross-compiling takes most of the time: these few need three layers.
SHORT = {
    "aarch64": ["test_clock_source", "test_crc32c", "test_schema", "test_ring", "test_segment",
                "test_spsc_property"],
    "s390x": ["test_crc32c", "test_schema", "test_expression", "test_column", "test_byte_planes",
              "test_items", "test_round_trip"],
}
LAYERS = ("base", "registry", "rings", "format", "tracer", "drain")
NO_ROBUST_FUTEX = "qemu's kernel tells of no thread's death"
NO_PTRACE = "qemu lets no process trace another"
NOT_THERE = {}


def is_ours(command):
    return (Path(command[0]).name.startswith("qemu") and
            any(f"/tests/unit/{layer}/" in " ".join(command) for layer in LAYERS))


def emulated(build, emulator, sysroot, program):
    """A script in the place of a program, which runs it under the emulator."""
    script = build / f"{program.name}-emulated"
    script.write_text(f'#!/bin/sh\nexec {emulator} -L {sysroot} {program} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return str(script)


def golden(build, emulator, sysroot, with_command):
    """The golden files, by that machine's writer, and read by its commands."""
    writer = emulated(build, emulator, sysroot, build / "tests" / "compat" / "make_golden")
    environment = {**os.environ, "ADATRACE_MAKE_GOLDEN": writer}
    which = ["TodaysWriter"]
    if with_command:
        environment["ADATRACE_COMMAND"] = emulated(build, emulator, sysroot, build / "cli" / "adatrace")
        which = []
    foreign.run([sys.executable, "-B", recording.SOURCE / "tests" / "compat" / "test_golden.py", *which],
                env=environment)
    return f"golden traces {'written and read' if with_command else 'written'} as on x86-64, byte by byte"


def main():
    machine, form = sys.argv[1:]
    compiler, emulator, debian = MACHINES[machine]
    foreign.skip_without(compiler, emulator, "ninja")
    sysroot = recording.SOURCE / "build" / "sysroot" / debian
    if not (sysroot / "packages.txt").exists():
        print(f"skipped: no {sysroot}: scripts/sysroot {debian}")
        sys.exit(recording.SKIPPED)
    began = time.monotonic()
    build = foreign.configured(
        machine, f"-DCMAKE_TOOLCHAIN_FILE={recording.SOURCE}/cmake/toolchains/{machine}.cmake")
    there = {name for name, command in foreign.commands_of(build).items() if is_ours(command)}
    reasons = NOT_THERE.get("both", {}) | NOT_THERE.get(machine, {})
    if set(reasons) - there:
        sys.exit(f"a reason for what does not exist: {set(reasons) - there}")
    names = sorted(there - set(reasons)) if form == "all" else SHORT[machine]
    foreign.make(build, *names, "make_golden", *(["adatrace-command"] if form == "all" else []))
    cases = foreign.cases_passed(build, names)
    said = golden(build, emulator, sysroot, form == "all")
    foreign.tell(f"machine-{machine}{'-all' if form == 'all' else ''}",
                 f"{len(names)} test programs with {cases} cases under {emulator}; {said}; "
                 f"{time.monotonic() - began:.0f} s with compiling")


if __name__ == "__main__":
    main()
