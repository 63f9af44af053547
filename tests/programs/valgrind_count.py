# SPDX-License-Identifier: Apache-2.0
"""What valgrind counts of a program's allocations: the second opinion on ours."""

import re

from recording import run

USAGE = re.compile(r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes")


def heap_usage(command, log, **where):
    """(allocations, frees, bytes allocated) of one run; a realloc counts as one of each."""
    # Without the two options valgrind frees at exit what the program never did.
    outcome = run(["valgrind", f"--log-file={log}", "--run-libc-freeres=no",
                   "--run-cxx-freeres=no", *command], **where)
    found = USAGE.search(log.read_text())
    if not found:
        raise AssertionError(f"valgrind counted nothing: {log.read_text()}")
    return outcome, tuple(int(number.replace(",", "")) for number in found.groups())
