#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other compilers, levels and languages, without a warning.

    test_compilers.py short    the public headers, each alone, as C11, C17, C++17 and C++20, by gcc and clang
    test_compilers.py all      besides: library, agent, command and some tests by gcc and clang with -O0, -O3
                               and -flto, and with the other signedness of char
"""

import sys
import tempfile
from pathlib import Path

import foreign_build as foreign
import recording

LANGUAGES = {"gcc": ("c11", "c17"), "clang": ("c11", "c17"),
             "g++": ("c++17", "c++20"), "clang++": ("c++17", "c++20")}
FLAGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-pedantic")
BUILDS = {
    "gcc-O0": ("gcc", "-O0"), "gcc-O3": ("gcc", "-O3"), "gcc-lto": ("gcc", "-O2 -flto=2 -ffat-lto-objects"),
    "clang-O0": ("clang", "-O0"), "clang-O3": ("clang", "-O3"), "clang-lto": ("clang", "-O2 -flto"),
    "gcc-unsigned-char": ("gcc", "-O1 -funsigned-char"),
}
TESTS = ("test_ring", "test_ring_property", "test_ring_signals", "test_registry", "test_column", "test_round_trip",
         "test_expression", "test_expression_refusal", "test_schema", "test_spsc", "test_event_fields",
         "test_tracer_signals", "test_thread_life", "test_tracer_cpp", "test_format_args")


def headers():
    """Each public header alone, twice in a row."""
    count = 0
    for header in sorted((recording.SOURCE / "include" / "adatrace").glob("*.h")):
        for compiler, languages in LANGUAGES.items():
            for language in languages:
                with tempfile.TemporaryDirectory() as folder:
                    end = "cpp" if "+" in language else "c"
                    source = Path(folder) / f"alone.{end}"
                    source.write_text(f"#include <adatrace/{header.name}>\n" * 2 + "extern int not_empty;\n", encoding="utf-8")
                    foreign.run([compiler, f"-std=gnu{language[1:]}" if "+" not in language
                                 else f"-std={language}", *FLAGS, "-fsyntax-only",
                                 "-I", recording.SOURCE / "include", source])
                    count += 1
    return count


def build(name):
    compiler, flags = BUILDS[name]
    cxx = {"gcc": "g++", "clang": "clang++"}[compiler]
    folder = foreign.configured(f"cc-{name}", f"-DCMAKE_C_COMPILER={compiler}",
                                f"-DCMAKE_CXX_COMPILER={cxx}", flags=flags)
    foreign.make(folder, "adatrace", "adatrace-agent", "adatrace-command", *TESTS)
    return foreign.cases_passed(folder, TESTS)


def main():
    form, *only = sys.argv[1:]
    foreign.skip_without(*LANGUAGES, "ninja", hint="scripts/install-deps build test")
    count = headers()
    if form == "short":
        foreign.tell("compilers", f"{count} headers, languages and compilers without a warning")
        return
    names = only or list(BUILDS)
    cases = {name: build(name) for name in names}
    foreign.tell("compilers-all", f"{len(names)} builds without a warning ({', '.join(names)}); "
                 f"{sum(cases.values())} cases passed")


if __name__ == "__main__":
    main()
