#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages of 64 KiB: tests of all that maps memory, with a library in front that makes pages so large.

    test_pages.py LIBRARY TEST...
"""

import os
import sys

import foreign_build as foreign


def main():
    library, *tests = sys.argv[1:]
    environment = {**os.environ, "LD_PRELOAD": library}
    cases = sum(foreign.run([test], env=environment).count("[       OK ]") for test in tests)
    if not cases:
        sys.exit("no test ran")
    foreign.tell("pages-64k", f"{len(tests)} test programs with {cases} cases on pages of 64 KiB")


if __name__ == "__main__":
    main()
