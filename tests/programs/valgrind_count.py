# SPDX-License-Identifier: Apache-2.0
"""What valgrind counts of a program's allocations: the second opinion on ours."""

import re

from recording import run

USAGE = re.compile(r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes")


# What Debian's valgrind adds to the environment: set for every run, so that all have as many variables.
ENVIRONMENT = {"GLIBCPP_FORCE_NEW": "1", "GLIBCXX_FORCE_NEW": "1",
               "LD_LIBRARY_PATH": "/usr/lib/debug"}


def heap_usage(command, log, env, **where):
    """(allocations, frees, bytes allocated) of one run; a realloc counts as one of each."""
    # It comes back as it was; but what is there already would be there twice.
    env = {name: value for name, value in env.items() if name != "LD_LIBRARY_PATH"}
    # Without the two options valgrind frees at exit what the program never did.
    outcome = run(["valgrind", f"--log-file={log}", "--run-libc-freeres=no",
                   "--run-cxx-freeres=no", *command], env=env, **where)
    found = USAGE.search(log.read_text())
    if not found:
        raise AssertionError(f"valgrind counted nothing: {log.read_text()}")
    return outcome, tuple(int(number.replace(",", "")) for number in found.groups())
