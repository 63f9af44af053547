# SPDX-License-Identifier: Apache-2.0
"""Reading metrics the way Prometheus does, strictly, and running its own programs on them."""

import re
import shutil
import subprocess

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
ESCAPE = {r"\n": "\n", r"\"": '"', "\\\\": "\\"}


def labels_of(text):
    found, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match:
            raise ValueError(f"no label: {text[at:]}")
        found[match[1]] = re.sub(r'\\.', lambda escape: ESCAPE[escape[0]], match[2])
        at = match.end()
    return found


def parse(text):
    """{(name, ((label, value), ...)): number}; a series that stands there twice is an error."""
    samples = {}
    if not text.endswith("\n"):
        raise ValueError("cut off")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        if not match:
            raise ValueError(f"no sample: {line}")
        key = match[1], tuple(sorted(labels_of(match[2] or "").items()))
        if key in samples:
            raise ValueError(f"twice: {line}")
        samples[key] = float(match[3])
    return samples


def total(samples, name, **labels):
    """The sum of this name's samples with these labels."""
    found = [value for (n, have), value in samples.items()
             if n == name and labels.items() <= dict(have).items()]
    if not found:
        raise KeyError(name)
    return sum(found)


def lint(text):
    """What `promtool check metrics` has to say; None: it is not installed."""
    if not shutil.which("promtool"):
        return None
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True,
                          timeout=60, check=False)
    return done.stdout + done.stderr if done.returncode or done.stderr else ""
