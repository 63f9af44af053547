#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the compiler makes of an event, read from the object file.

Off: two loads (where the switch is, and the switch), one branch that falls through, and the function's end. On: some way through the function
makes no call, and nowhere is there a lock prefix, a fence, a system call or a second reading of the clock.
The tests follow branches, not lines of a listing, so that how a compiler lays code out does not matter.
"""

import re
import shutil
import subprocess
import sys
import unittest

OBJECT = sys.argv.pop(1)
FUNCTIONS = ["code_bare", "code_number", "code_several", "code_counter"]
CALLS_ALLOWED = {"ada_reserve_slow", "ada_commit_slow"}
OFF_INSTRUCTIONS_MAX = 7     # two loads, test, branch, return; a landing pad, something to spare
ON_INSTRUCTIONS_MAX = 60     # of the shortest way without a call

LINE = re.compile(r"^\s*([0-9a-f]+):\s+(?:[0-9a-f]{2} )*[0-9a-f]{2}\s*\t?(\S.*)$")
SYMBOL = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
RELOCATION = re.compile(r"^\s*([0-9a-f]+): (R_\S+)\s+(\S+)$")
PREFIXES = {"lock", "rep", "repz", "repnz", "bnd", "notrack", "cs", "data16"}


class Instruction:
    def __init__(self, section, address, text):
        self.section, self.address = section, address
        self.text = text.split("#")[0].strip()
        words = self.text.split(None)
        self.prefixes = []
        while words and words[0] in PREFIXES:
            self.prefixes.append(words.pop(0))
        self.name = words[0] if words else ""
        self.operands = " ".join(words[1:])
        self.target = None      # (section, address) of a jump
        self.symbol = None      # what a relocation names

    @property
    def is_return(self):
        return self.name.startswith("ret")

    @property
    def is_jump(self):
        return self.name.startswith("jmp")

    @property
    def is_branch(self):
        return self.name.startswith("j") and not self.is_jump

    @property
    def is_call(self):
        return self.name.startswith("call")

    @property
    def touches_memory(self):
        return "(" in self.operands and not self.name.startswith(("lea", "nop", "j"))

    @property
    def writes_memory(self):
        return self.touches_memory and self.operands.rstrip().endswith(")") \
            and not self.name.startswith(("cmp", "test"))

    def __repr__(self):
        return f"{self.address:x}: {self.text}"


def disassemble():
    """Sections as lists of instructions, and symbols as (section, address)."""
    text = subprocess.run(["objdump", "-dr", OBJECT], capture_output=True, text=True, check=True).stdout
    sections, symbols, section = {}, {}, None
    for line in text.splitlines():
        if line.startswith("Disassembly of section "):
            section = line.split()[-1].rstrip(":")
            sections[section] = []
        elif (found := SYMBOL.match(line)):
            symbols[found[2]] = (section, int(found[1], 16))
        elif (found := RELOCATION.match(line)):
            sections[section][-1].symbol = found[3]
        elif (found := LINE.match(line)):
            sections[section].append(Instruction(section, int(found[1], 16), found[2]))
    return sections, symbols


def resolve(sections, symbols):
    """Where jumps lead: within their section as objdump says, elsewhere as the relocation does."""
    for instructions in sections.values():
        for i in instructions:
            if not (i.is_branch or i.is_jump):
                continue
            if i.symbol:
                name, _, plus = i.symbol.partition("+")
                name, _, minus = name.partition("-")
                offset = int(plus, 16) + 4 if plus else 4 - int(minus or "0x4", 16)
                place = symbols.get(name, (name, 0))
                i.target = (place[0], place[1] + offset) if place[0] in sections else None
            elif (found := re.match(r"([0-9a-f]+)\b", i.operands)):
                i.target = (i.section, int(found[1], 16))


class Code:
    def __init__(self):
        self.sections, self.symbols = disassemble()
        resolve(self.sections, self.symbols)
        self.at = {(s, i.address): (s, n) for s, code in self.sections.items() for n, i in enumerate(code)}

    def instruction(self, place):
        section, n = place
        return self.sections[section][n]

    def entry(self, function):
        return self.at[self.symbols[function]]

    def nexts(self, place):
        i, (section, n) = self.instruction(place), place
        if i.is_return:
            return []
        if i.is_jump:
            return [self.at[i.target]] if i.target else []
        return [(section, n + 1)] + ([self.at[i.target]] if i.is_branch else [])

    def reachable(self, start):
        seen, todo = set(), [start]
        while todo:
            place = todo.pop()
            if place not in seen:
                seen.add(place)
                todo += self.nexts(place)
        return [self.instruction(p) for p in sorted(seen)]

    def off_path(self, function):
        """From the entry to the first branch, and on as if it were not taken."""
        path, place = [], self.entry(function)
        while True:
            i = self.instruction(place)
            path.append(i)
            if i.is_return or len(path) > 100:
                return path
            place = self.nexts(place)[0]

    def on_entry(self, function):
        for i in self.off_path(function):
            if i.is_branch:
                return self.at[i.target]
        raise AssertionError(f"{function} has no branch")

    def shortest_without_call(self, start):
        """The shortest way from start to a return on which nothing is called; None: there is none."""
        ways, seen = [(start, [])], set()
        while ways:
            place, path = ways.pop(0)
            i = self.instruction(place)
            if place in seen or i.is_call or (i.is_jump and not i.target):
                continue
            seen.add(place)
            path = path + [i]
            if i.is_return:
                return path
            ways += [(p, path) for p in self.nexts(place)]
        return None


CODE = Code()


class Off(unittest.TestCase):
    def test_event_that_is_off_loads_twice_and_branches_once(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                path = CODE.off_path(function)
                self.assertEqual(sum(i.touches_memory for i in path), 2, path)
                self.assertEqual(sum(i.is_branch for i in path), 1, path)
                self.assertLessEqual(len(path), OFF_INSTRUCTIONS_MAX, path)

    def test_event_that_is_off_calls_and_writes_nothing(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                path = CODE.off_path(function)
                self.assertTrue(path[-1].is_return, path)
                self.assertFalse([i for i in path if i.is_call or i.writes_memory or i.is_jump], path)
                self.assertFalse([i for i in path if i.name.startswith(("push", "sub"))], path)


class On(unittest.TestCase):
    def on(self, function):
        return CODE.reachable(CODE.on_entry(function))

    def test_event_that_is_on_reads_the_clock_once(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                readings = [i for i in self.on(function) if i.name.startswith("rdtsc")]
                self.assertEqual([i.name for i in readings], ["rdtsc"])

    def test_event_that_is_on_locks_and_fences_nothing(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                for i in self.on(function):
                    self.assertNotIn("lock", i.prefixes, i)
                    self.assertNotIn(i.name, ("mfence", "lfence", "sfence", "syscall", "cpuid", "int"))
                    self.assertFalse(i.name.startswith("xchg") and i.touches_memory, i)

    def test_event_that_is_on_calls_slow_paths_only(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                for i in self.on(function):
                    if i.is_call or (i.is_jump and not i.target):
                        called = re.split(r"[-+@]", i.symbol or i.operands)[0]
                        self.assertIn(called, CALLS_ALLOWED, i)

    def test_event_that_is_on_has_a_way_without_a_call(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                way = CODE.shortest_without_call(CODE.on_entry(function))
                self.assertIsNotNone(way)
                names = [i.name for i in way]
                self.assertEqual(sum(n.startswith("rdtsc") for n in names), 1, way)
                self.assertEqual(sum(n.startswith("cmpxchg") for n in names), 1, way)
                self.assertLessEqual(len(way), ON_INSTRUCTIONS_MAX, way)
                print(f"{function}: off {len(CODE.off_path(function))} instructions, on {len(way)}")


if __name__ == "__main__":
    if not shutil.which("objdump"):
        print("objdump is not there")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
