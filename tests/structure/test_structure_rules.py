#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every rule of structure_rules.py is broken once, in a tree of its own, and has to be found."""

import tempfile
import unittest
from pathlib import Path

import structure_rules as rules

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
GOOD = {
    "base/clock.h": SPDX + "/* Ticks. */\n#include <stdint.h>\nuint64_t clock_ticks(void);\n",
    "include/adatrace/field.h": SPDX + "/* Kinds. */\ntypedef int ada_kind;\n",
    "include/adatrace/api.h": SPDX + "/* API. */\n#include <adatrace/field.h>\n",
    "registry/ring.h": SPDX + '/* Ring. */\n#include "base/clock.h"\n#include <adatrace/field.h>\n',
    "tracer/emit.c": SPDX + '#include "registry/ring.h"\n#include <adatrace/api.h>\n',
    "scripts/hello": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho hello\n",
    "base/CMakeLists.txt": "",
    "registry/CMakeLists.txt": "",
}


class StructureRules(unittest.TestCase):
    def findings(self, rule, **changes):
        """What `rule` finds in the good tree with `changes` (path, then text)."""
        files = {**GOOD, **changes.get("files", {})}
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return list(rule(Path(root)))

    def expect(self, rule, name, text, words):
        found = self.findings(rule, files={name: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_good_tree_has_no_finding(self):
        for rule in rules.RULES:
            self.assertEqual(self.findings(rule), [], rule.__name__)

    def test_include_against_the_layers(self):
        rule = rules.includes_keep_to_layers
        self.expect(rule, "registry/bad.c", SPDX + '#include "tracer/emit.c"\n', "registry may not")
        self.expect(rule, "format/bad.c", SPDX + '#include "registry/ring.h"\n', "format may not")
        self.expect(rule, "tracer/bad.c", SPDX + '#  include "format/x.h"\n', "no file")
        self.expect(rule, "registry/bad.c", SPDX + "#include <adatrace/api.h>\n", "registry may not")
        self.expect(rule, "include/adatrace/bad.h", SPDX + '#include "base/clock.h"\n', "include may not")
        self.expect(rule, "examples/bad.c", SPDX + '#include "base/clock.h"\n', "examples may not")

    def test_include_relative_to_its_folder(self):
        self.expect(rules.includes_keep_to_layers, "registry/bad.c", SPDX + '#include "ring.h"\n',
                    "layer/file.h")

    def test_file_name_used_twice(self):
        self.expect(rules.file_names_are_unique, "drain/clock.h", "", "clock.h exists more than once")

    def test_source_or_script_without_licence(self):
        rule = rules.files_say_their_licence
        self.expect(rule, "base/bad.c", "int x;\n", "base/bad.c")
        self.expect(rule, "scripts/bad", "#!/bin/sh\necho\n", "scripts/bad")
        self.expect(rule, "tests/bad.py", "print()\n", "tests/bad.py")

    def test_header_without_purpose(self):
        self.expect(rules.headers_say_their_purpose, "base/bad.h", SPDX + "int x;\nint y;\n", "bad.h")

    def test_path_of_a_machine(self):
        rule = rules.no_path_of_a_machine
        for path in ("/wor" + "k/main/x", "/hom" + "e/jo/x", "/roo" + "t/x"):
            self.expect(rule, "base/bad.c", f'{SPDX}char *p = "{path}";\n', "bad.c:2")
        self.assertEqual(self.findings(rule, files={"a.txt": "network/x our/wor" + "k/x $HOME/y\n"}), [])

    def test_file_that_is_two(self):
        rule = rules.files_are_small
        self.expect(rule, "base/bad.c", SPDX + "\n" * rules.LINES_MAX, "bad.c: 501 lines")
        self.expect(rule, "scripts/bad", "#!/bin/sh\n" + "\n" * rules.LINES_MAX, "scripts/bad: 501")
        self.assertEqual(self.findings(rule, files={"a.json": "\n" * 9000}), [])

    def test_suppression_without_a_reason(self):
        rule = rules.suppressions_say_why
        for bad in ("f(); // NOLINT", "f(); // NOLINT(a-check)", "// NOLINTNEXTLINE(a-check)",
                    "/* cppcheck-suppress memleak */", "// GCOVR_EXCL_LINE", "/* GCOV_EXCL_BR_START */",
                    '#pragma GCC diagnostic ignored "-Wx"'):
            self.expect(rule, "base/bad.c", SPDX + bad + "\n", "bad.c:2: looks away")
        self.expect(rule, "scripts/bad.sh", "# shellcheck disable=SC1\n", "bad.sh:1: looks away")
        good = ("/* NOLINT(a-check): it is so */\n// NOLINTNEXTLINE(a.b-c,d): it is so\n"
                "/* cppcheck-suppress memleak ; kept by the list */\n// GCOVR_EXCL_START: no such kernel\n"
                '// GCOVR_EXCL_STOP\n#pragma GCC diagnostic ignored "-Wx" // gcc 12 errs\n')
        self.assertEqual(self.findings(rule, files={"base/good.c": SPDX + good}), [])

    def test_public_header_that_does_not_compile_alone(self):
        rule = rules.public_headers_compile_alone
        text = SPDX + "/* Bad. */\nsize_t ada_x(void);\n"
        found = self.findings(rule, files={"include/adatrace/bad.h": text})
        self.assertEqual(len(found), len(rules.compilers("gcc", "clang", "g++", "clang++")))

    def test_public_header_that_is_only_c(self):
        text = SPDX + "/* Bad. */\n#ifndef B\n#define B\nstatic int *class;\n#endif\n"
        found = self.findings(rules.public_headers_compile_alone,
                              files={"include/adatrace/bad.h": text})
        self.assertTrue(any("c++17" in f for f in found), found)

    def test_event_that_a_pedantic_compiler_mentions(self):
        text = SPDX + "#define EVENT(name, ...) extern int name;\nEVENT(without_fields)\n"
        found = self.findings(rules.declared_events_compile_quietly, files={rules.DECLARED_EVENTS: text})
        self.assertEqual(len(found), len(rules.public_ways()), found)

    def test_inner_header_that_does_not_compile_alone(self):
        self.expect(rules.inner_headers_compile_alone, "base/bad.h",
                    SPDX + "/* Bad. */\nsize_t x(void);\n", "bad.h")


if __name__ == "__main__":
    unittest.main()
