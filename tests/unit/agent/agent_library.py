#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the preloaded library is as a file: its flags, its thread-local storage, what it imports and
exports. Run with the library's path."""

import re
import subprocess
import sys
import unittest

LIBRARY = sys.argv.pop(1)
TLS_BYTES_MAX = 64

# Named in PITFALLS of the field: these make a program depend on one libc, or abort it.
FORTIFIED = re.compile(r"__\w+_chk$|__stack_chk_fail$|__chk_fail$")
# What the fast path must never reach; nor may anything print or end the program.
FORBIDDEN = {"malloc", "calloc", "realloc", "free", "printf", "fprintf", "puts", "exit", "_exit",
             "abort", "sigaction", "signal", "dlopen", "pthread_atfork", "__register_atfork",
             "__assert_fail", "perror"}


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, LIBRARY], check=True, capture_output=True,
                          text=True).stdout


def symbols():
    for line in readelf("--dyn-syms").splitlines():
        words = line.split()
        if len(words) >= 8 and words[0].rstrip(":").isdigit():
            yield words[6], words[7]  # section, name


class Library(unittest.TestCase):
    def test_flags_are_now_nodelete_initfirst(self):
        line = re.search(r"FLAGS_1\).*Flags: (.*)", readelf("-d")).group(1).split()
        self.assertLessEqual({"NOW", "NODELETE", "INITFIRST"}, set(line))

    def test_depends_on_libc_only(self):
        needed = re.findall(r"NEEDED\).*\[(.*)\]", readelf("-d"))
        self.assertEqual(needed, ["libc.so.6"])

    def test_thread_local_storage_is_small_and_static(self):
        tls = re.search(r"^\s*TLS\s+(.*)$", readelf("-l"), re.M).group(1).split()
        self.assertLessEqual(int(tls[4], 16), TLS_BYTES_MAX)
        self.assertIn("STATIC_TLS", readelf("-d"))
        self.assertNotRegex(readelf("-r"), r"DTPMOD|TLSDESC")

    def test_imports_no_private_and_no_fortified_symbol(self):
        imported = [name for section, name in symbols() if section == "UND"]
        self.assertTrue(imported)
        private = [n for n in imported if "GLIBC_PRIVATE" in n]
        fortified = [n for n in imported if FORTIFIED.search(n.split("@")[0])]
        self.assertEqual(private + fortified, [])

    def test_imports_nothing_that_allocates_prints_or_ends(self):
        imported = {name.split("@")[0] for section, name in symbols() if section == "UND"}
        self.assertEqual(imported & FORBIDDEN, set())

    def test_stack_is_not_executable(self):
        stack = re.search(r"GNU_STACK.*", readelf("-l")).group(0)
        self.assertIn(" RW ", stack)

    def test_exports_hooks_and_public_api_without_versions(self):
        exported = {name for section, name in symbols() if section not in ("UND", "Ndx")}
        self.assertLessEqual({"malloc", "free", "fork", "execve", "pthread_create", "ada_emit",
                              "ada_self", "__cyg_profile_func_enter"}, exported)
        self.assertEqual([n for n in exported if "@" in n], [])
        internal = [n for n in exported
                    if re.match(r"(ring|segment|registry|tracer|arena|module|agent|real|memory)s?_",
                                n)]
        self.assertEqual(internal, [])


if __name__ == "__main__":
    unittest.main()
