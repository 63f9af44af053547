#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our tests on a machine of another kind.

    test_machine.py MACHINE short|all LIBRARY

MACHINE is aarch64, aarch64-clang or s390x; LIBRARY the one that makes of the emulator's counter a clock
(emulator_clock.c). Cross-compiles without a warning, and runs under qemu: the cmocka programs of the layers (short: the
few below; all: every one but those that NOT_THERE and NOT_THERE_EITHER have a reason for), and the golden traces: that
machine's writer makes the same bytes. With `all`, also: that machine's commands print about them what they print here,
and what PROPERTY and CRASH name.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import foreign_build as foreign
import recording

MACHINES = {
    # name: what has to be there, emulator, Debian's name
    "aarch64": ("aarch64-linux-gnu-gcc", "qemu-aarch64", "arm64"),
    "aarch64-clang": ("clang", "qemu-aarch64", "arm64"),
    "s390x": ("s390x-linux-gnu-gcc", "qemu-s390x", "s390x"),
}
# Cross-compiling takes most of the time: these few need three layers.
SHORT = {
    "aarch64": ["test_clock_source", "test_crc32c", "test_schema", "test_ring", "test_ring_property",
                "test_ring_reserve", "test_segment", "test_spsc_property"],
    "s390x": ["test_crc32c", "test_schema", "test_expression", "test_column", "test_byte_planes",
              "test_items", "test_round_trip"],
}
ALL_LAYERS = ("base", "registry", "rings", "format", "tracer", "drain")
LAYERS = {"aarch64-clang": ("registry", "tracer")}  # where the compiler matters
NO_ROBUST_FUTEX = "qemu's kernel has no list of robust futexes: it tells of no thread's death"
ADVICE_IGNORED = "qemu answers madvise() and does nothing: no page is punched out, populated, or wiped on fork"
OF_THIS_MACHINE = "looks at this machine's programs and libraries, or at what the emulator itself does"
NOT_THERE = {
    "test_drain": NO_ROBUST_FUTEX,
    "test_embedded": NO_ROBUST_FUTEX,
    "test_registry_death": NO_ROBUST_FUTEX,
    "test_registry_processes": NO_ROBUST_FUTEX,
    "test_registry_threads": NO_ROBUST_FUTEX,
    "test_channel": NO_ROBUST_FUTEX,
    "test_channel_killed": NO_ROBUST_FUTEX,
    "test_fanin": NO_ROBUST_FUTEX,
    "test_rings_files": NO_ROBUST_FUTEX,
    "test_drain_room": ADVICE_IGNORED,
    "test_registry_rings": ADVICE_IGNORED,
    "test_tracer_fork": ADVICE_IGNORED,
    "test_event_limits": ADVICE_IGNORED,
    "test_program_file": OF_THIS_MACHINE,
    "test_symbol_file": OF_THIS_MACHINE,
    "test_trace_ahead": OF_THIS_MACHINE,  # counts threads: the emulator's are there a little longer
    "test_failing_session": OF_THIS_MACHINE,  # likewise
}
LITTLE_ENDIAN = "emits, or compares with, bytes of this machine's order; those of payloads are little-endian everywhere"
NO_COUNTER = "compares times of a counter, and we read none there: ada_ticks() is 0"
NOT_THERE_EITHER = {"s390x": {
    "test_batch": LITTLE_ENDIAN,
    "test_block_queue": LITTLE_ENDIAN,
    "test_drain_end": LITTLE_ENDIAN,
    "test_drain_process": LITTLE_ENDIAN,
    "test_event_fields": LITTLE_ENDIAN,
    "test_failing_symbolize": LITTLE_ENDIAN,
    "test_large_record": LITTLE_ENDIAN,
    "test_recover": LITTLE_ENDIAN,
    "test_reserve": LITTLE_ENDIAN,
    "test_ring_look": LITTLE_ENDIAN,
    "test_session_snapshot": LITTLE_ENDIAN,
    "test_stream_append": LITTLE_ENDIAN,
    "test_trace_reader": LITTLE_ENDIAN,
    "test_trace_snapshot": LITTLE_ENDIAN,
    "test_trace_writer": LITTLE_ENDIAN,
    "test_tracer_cpp": LITTLE_ENDIAN,
    "test_tracer_signals": LITTLE_ENDIAN,
    "test_tracer_storm": LITTLE_ENDIAN,
    "test_trigger": LITTLE_ENDIAN,
    "test_trigger_moment": LITTLE_ENDIAN,
    "test_ring": NO_COUNTER,
    "test_tracer_limits": NO_COUNTER,
}}
# The ledger of programs by chance; programs that are killed while that machine's command records them, or with the drain.
PROPERTY = {"aarch64": [("test_ledger", "3000", "1")]}
CRASH = {"aarch64": {"test_killed.py": ["emit_until_killed"], "test_kill_everything.py": ["crash_embedded"]}}


def is_ours(machine, command):
    words = " ".join(command)
    return "qemu" in words and any(f"/tests/unit/{layer}/" in words for layer in LAYERS.get(machine, ALL_LAYERS))


class Emulator:
    """Runs programs of one build."""

    def __init__(self, name, sysroot, library):
        self.name, self.sysroot, self.library = name, sysroot, library

    def words(self):
        return ["env", f"LD_PRELOAD={self.library}", self.name, "-U", "LD_PRELOAD", "-L", str(self.sysroot)]

    def script(self, program):
        """One in the place of a program. What its caller preloads is preloaded there, not into the emulator."""
        script = program.parent / "emulated" / program.name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\nguest=$LD_PRELOAD\nexport LD_PRELOAD={self.library}\n'
                          f'exec {self.name} -E "LD_PRELOAD=$guest" -L {self.sysroot} {program} "$@"\n',
                          encoding="utf-8")
        script.chmod(0o755)
        return script


def golden(build, emulator, with_command):
    """The golden files, by that machine's writer, and read by its commands."""
    environment = {**os.environ, "ADATRACE_MAKE_GOLDEN": str(emulator.script(build / "tests/compat/make_golden"))}
    which = ["TodaysWriter"]
    if with_command:
        environment["ADATRACE_COMMAND"] = str(emulator.script(build / "cli/adatrace"))
        which = []
    foreign.run([sys.executable, "-B", recording.SOURCE / "tests" / "compat" / "test_golden.py", *which],
                env=environment)
    return f"golden traces {'written and read' if with_command else 'written'} as on x86-64, byte by byte"


def outside(machine, build, emulator):
    """Tests that look from outside, with programs of that build; what they found."""
    said = []
    for program, *arguments in PROPERTY.get(machine, []):
        foreign.make(build, program)
        shown = foreign.run([emulator.script(build / "tests/property" / program), *arguments])
        said.append(shown.strip().splitlines()[-1])
    for test, programs in CRASH.get(machine, {}).items():
        foreign.make(build, *programs, "adatrace-command", "adatrace-agent")
        scripts = [emulator.script(build / "tests/crash" / program) for program in programs]
        with tempfile.TemporaryDirectory() as figures:
            foreign.run([sys.executable, "-B", recording.SOURCE / "tests" / "crash" / test], env={
                **os.environ, "ADATRACE_COMMAND": str(emulator.script(build / "cli/adatrace")),
                "ADATRACE_CRASH": str(scripts[0].parent), "ADATRACE_EVIDENCE": figures})
            said += [path.read_text().strip() for path in sorted(Path(figures).iterdir())] or [f"{test} passed"]
    return "".join(f"; {line}" for line in said)


def made(machine, library):
    """The folder of the build, configured, and its emulator."""
    compiler, name, debian = MACHINES[machine]
    foreign.skip_without(compiler, name, "ninja")
    sysroot = recording.SOURCE / "build" / "sysroot" / debian
    if not (sysroot / "packages.txt").exists():
        print(f"skipped: no {sysroot}: scripts/sysroot {debian}")
        sys.exit(recording.SKIPPED)
    emulator = Emulator(name, sysroot, library)
    build = foreign.configured(
        machine, f"-DCMAKE_TOOLCHAIN_FILE={recording.SOURCE}/cmake/toolchains/{machine}.cmake",
        f"-DCMAKE_CROSSCOMPILING_EMULATOR={';'.join(emulator.words())}")
    return build, emulator


def main():
    machine, form, library = sys.argv[1:]
    began = time.monotonic()
    build, emulator = made(machine, library)
    there = {test for test, command in foreign.commands_of(build).items() if is_ours(machine, command)}
    left_out = {**NOT_THERE, **NOT_THERE_EITHER.get(machine, {})}
    if set(left_out) - there and machine not in LAYERS:
        sys.exit(f"a reason for what does not exist: {set(left_out) - there}")
    everything = form == "all"
    names = sorted(there - set(left_out)) if everything else SHORT[machine]
    foreign.make(build, *names, "make_golden", *(["adatrace-command"] if everything else []))
    cases = foreign.cases_passed(build, names)
    said = golden(build, emulator, everything) + (outside(machine, build, emulator) if everything else "")
    foreign.tell(f"machine-{machine}{'-all' if everything else ''}",
                 f"{len(names)} test programs with {cases} cases under {emulator.name}; {said}; "
                 f"{time.monotonic() - began:.0f} s with compiling")


if __name__ == "__main__":
    main()
