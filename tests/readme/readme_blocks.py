# SPDX-License-Identifier: Apache-2.0
"""The fenced blocks of a Markdown page, and what of a transcript has to stay the same."""

import re
from dataclasses import dataclass

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)

# Sizes and times come with the unit that suits them; a slower machine gets another one.
QUANTITY = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?: ?(?:(?:[KMGT]i?)?B|[num]?s|[kMG]?/s)\b)?")
HEXADECIMAL = re.compile(r"0x[0-9a-f]+")
BAR = re.compile(r"[█▉▊▋▌▍▎▏▁▂▃▄▅▆▇]")


@dataclass
class Block:
    language: str
    text: str


@dataclass
class Step:
    """One command of a transcript, and what it printed, stdout and stderr as they came."""

    command: str
    output: str


def blocks(page, language):
    return [Block(*found.groups()) for found in FENCE.finditer(page) if found.group(1) == language]


def steps(transcript):
    """`$ command` lines, each with the lines below it; a `\\` at the end continues a command."""
    found = []
    for line in transcript.splitlines():
        if found and found[-1].command.endswith("\\") and not found[-1].output:
            found[-1].command = found[-1].command[:-1] + line.strip()
        elif line.startswith("$ "):
            found.append(Step(line[2:], ""))
        elif found:
            found[-1].output += line + "\n"
    return found


def shape(output):
    """The lines that are printed, whatever the numbers in them, however wide, in any order."""
    lines = set()
    for line in output.splitlines():
        line = BAR.sub("", HEXADECIMAL.sub("0", line))
        line = " ".join(QUANTITY.sub("0", line).split())
        if line:
            lines.add(line)
    return lines


def rewritten(page, transcripts):
    """The page with the text of its console blocks replaced."""
    remaining = iter(transcripts)

    def replace(found):
        if found.group(1) != "console":
            return found.group(0)
        return f"```console\n{next(remaining)}```"

    return FENCE.sub(replace, page)


def link_targets(page):
    """Files of the tree that the page links to."""
    return sorted({found.group(1) for found in LINK.finditer(page)})
