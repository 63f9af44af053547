#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tracer with musl: the library for traced programs, the tests of its layers, and a program that a
recorder of the other C library records.

What needs libraries that Debian has for glibc only stays out: trace files and drain (zstd), command and collector
(libdw, ncurses, microhttpd), and the agent, whose hooks are glibc's functions.
"""

import sys
import tempfile
from pathlib import Path

import foreign_build as foreign
import recording

PROGRAM = r"""
#include <pthread.h>
#include <adatrace/adatrace.h>
#include <adatrace/event.h>

ADA_EVENT(musl, step, (u32, number), (string, text))

static void *ten(void *text)
{
    for (unsigned n = 0; n < 10; n++)
        ada_trace_musl_step(n, text);
    return NULL;
}

int main(void)
{
    pthread_t thread;

    ten("first");
    for (int i = 0; i < 3; i++)
        if (pthread_create(&thread, NULL, ten, "other") || pthread_join(thread, NULL))
            return 1;
    return 3;
}
"""
NOT_THERE = {}


def recorded(build):
    """A musl program under `adatrace record`: its threads' ends are seen, and nothing is lost."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "program.c", Path(folder) / "program"
        trace = Path(folder) / "musl.adatrace"
        source.write_text(PROGRAM, encoding="utf-8")
        foreign.run(["musl-gcc", "-static", "-O2", "-I", recording.SOURCE / "include", source,
                     build / "libadatrace-tracer.a", "-o", program])
        done = recording.record(trace, [program])
        if done.status != 3:
            sys.exit(f"status {done.status}: {done.stderr.decode()}")
        info = recording.json_of("info", trace)
        if info["events"] < 40 or len(info["threads"]) < 4 or not all(t["final"] for t in info["threads"]):
            sys.exit(f"not all is there: {info}")
        if recording.verify(trace).status != 0:
            sys.exit(recording.verify(trace).stdout.decode())
        return f"{info['events']} events of {len(info['threads'])} threads of a static musl program recorded"


def main():
    foreign.skip_without("musl-gcc", "ninja")
    build = foreign.configured(
        "musl", f"-DCMAKE_TOOLCHAIN_FILE={recording.SOURCE}/cmake/toolchains/musl.cmake",
        "-DADATRACE_TRACER_ONLY=ON")
    foreign.make(build)  # all, and before ctest is asked: it tells of no program that is not there yet
    names = sorted(name for name, command in foreign.commands_of(build).items()
                   if "/tests/unit/" in command[0] and name not in NOT_THERE)
    cases = foreign.cases_passed(build, names)
    foreign.tell("musl", f"{len(names)} test programs with {cases} cases; {recorded(build)}")


if __name__ == "__main__":
    main()
