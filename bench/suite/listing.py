# SPDX-License-Identifier: Apache-2.0
"""The machine code of an emit, annotated with the source line that each instruction comes from.

Made from objdump and the debug information of emit_adatrace; the loop of its 8-byte event.
"""

import re
import subprocess

from gap import Gap
from settings import PROGRAMS, ROOT

FUNCTION = "run_u64"
LOCATION = re.compile(r"^(/\S+):(\d+)")
SWITCH = "<ada_event_bench_u64>,%eax"
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")


def disassemble():
    try:
        done = subprocess.run(
            ["objdump", "-d", "-l", "--no-show-raw-insn", f"--disassemble={FUNCTION}",
             str(PROGRAMS / "emit_adatrace")], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Gap("objdump is not installed") from error
    if done.returncode or FUNCTION not in done.stdout:
        raise Gap(f"objdump finds no {FUNCTION}")
    return done.stdout.splitlines()


def parse(lines):
    """[(address, text, file, line number)]"""
    place, found = (None, 0), []
    for line in lines:
        location, instruction = LOCATION.match(line), INSTRUCTION.match(line)
        if location:
            place = (location.group(1), int(location.group(2)))
        elif instruction:
            text = re.sub(r"\S+\(%rip\)(.*)\s+# \S+ (<\S+>)$", r"\2\1", instruction.group(2))
            found.append((int(instruction.group(1), 16), re.sub(r"\s+", " ", text).strip(), *place))
    return found


def source_line(file, number, cache={}):  # a cache for the life of the program is what is meant
    if not file or not file.startswith(str(ROOT)):
        return ""
    if file not in cache:
        with open(file, encoding="utf-8") as text:
            cache[file] = text.read().splitlines()
    return cache[file][number - 1].strip().rstrip("\\").strip() if number <= len(cache[file]) else ""


def is_branch(text):
    return text.startswith("j") and not text.startswith("jmp")


def successors(code, at, index):
    """Where execution can go on, calls and the retry of the exchange left out."""
    text = code[index][1]
    if text.startswith(("call", "ret")):
        return
    target = re.search(r"\b([0-9a-f]+) <", text) if text.startswith("j") else None
    retries = any("cmpxchg" in code[i][1] for i in range(max(0, index - 2), index))
    if not text.startswith("jmp") and index + 1 < len(code):
        yield index + 1
    if target and int(target.group(1), 16) in at and not retries:
        yield at[int(target.group(1), 16)]


def hot_path(code):
    """What one event executes: the shortest way from one clock reading to the next without a call,
    beginning where the event's switch is loaded."""
    at = {address: index for index, (address, *_) in enumerate(code)}
    clock = next(i for i, (_, text, *_) in enumerate(code) if "rdtsc" in text)
    came_from, edge = {}, [clock]
    while edge and clock not in came_from:
        following = []
        for index in edge:
            for successor in successors(code, at, index):
                if successor not in came_from:
                    came_from[successor] = index
                    following.append(successor)
        edge = following
    if clock not in came_from:
        raise Gap(f"no loop around the clock reading in {FUNCTION}")
    path, index = [clock], came_from[clock]
    while index != clock:
        path.append(index)
        index = came_from[index]
    path.reverse()
    switch = next((n for n, i in enumerate(path) if code[i][1].endswith(SWITCH)), 0)
    return [code[i] for i in path[switch:] + path[:switch]]


def counts(path):
    texts = [text for _, text, *_ in path]
    memory = [t for t in texts if re.search(r"[(<:]", t) and not t.startswith(("lea", "nop", "j"))]
    return (f"{len(texts)} instructions, the loop included: {sum(map(is_branch, texts))} conditional branches, "
            f"{len(memory)} that touch memory, {sum('rdtsc' in t for t in texts)} reading of the clock, "
            f"{sum(t.startswith('lock') for t in texts)} with a lock prefix, "
            f"{sum(t.startswith('call') for t in texts)} calls")


def branch_in_words(path, step, text):
    """Where a branch leads, instead of an address: it is the path's next step, or it leaves the path."""
    target = re.search(r"\b([0-9a-f]+) <\S+>$", text) if text.startswith("j") else None
    if not target:
        return text
    address = int(target.group(1), 16)
    if address == path[(step + 1) % len(path)][0]:
        where = "(taken)"
    else:
        where = "again" if address in {a for a, *_ in path} else "slow path"
    return f"{text.split()[0]} {where}"


def render():
    """Markdown."""
    path = hot_path(parse(disassemble()))
    lines, last = [], None
    for step, (_, text, file, number) in enumerate(path):
        text = branch_in_words(path, step, text)
        place = (file, number)
        comment = source_line(file, number) if place != last else ""
        last = place
        name = file.rsplit("/", 1)[-1] if file else ""
        note = f"{name}:{number}  {comment}" if comment else ""
        lines.append(f"    {text:<42} {note}".rstrip())
    return (f"One 8-byte event, `{FUNCTION}` of bench/emit_adatrace.c as built: {counts(path)}.\n\n"
            "```asm\n" + "\n".join(lines) + "\n```\n")


if __name__ == "__main__":
    print(render())
