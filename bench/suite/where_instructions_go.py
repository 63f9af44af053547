# SPDX-License-Identifier: Apache-2.0
"""Where the instructions go, per event and function: the drain, decode and report under callgrind.

Instructions are not time, but they are the same on every run, and they name the place to look at.
"""

import re
import subprocess

from commands import last_line
from gap import Gap
from settings import ADATRACE, PROGRAMS, Settings

SHOWN = 12
LINE = re.compile(r"^\s*([\d,]+) \([ \d.]+%\)\s+(\S.*)$")
OTHERS = ("zstd", "libc", "ld-linux")  # shown as the library: they have no symbols of their own


def callgrind(argv, folder, requests=""):
    output = folder / "callgrind.profile"
    try:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", *map(str, argv)],
            input=requests.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            timeout=600, check=False, env=Settings.environment())
        listing = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=99.5", str(output)],
                                 capture_output=True, text=True, check=False).stdout
    except FileNotFoundError as error:
        raise Gap("valgrind is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Gap("had not ended under callgrind after 600 s") from error
    if done.returncode:
        raise Gap(f"under callgrind status {done.returncode}: {last_line(done.stderr)}")
    return listing


def place_of(text):
    """The function; of a library without symbols its name."""
    library = re.search(r"\[(?:.*/)?([^/\]]+)\]$", text)
    for other in OTHERS:
        if library and other in library.group(1):
            return library.group(1).split(".so")[0]
    name = text.split(" [")[0].rsplit(":", 1)[-1]
    return name.split("'")[0]


def per_function(listing, left_out=()):
    """{function: instructions}, largest first; and the sum of all."""
    found = {}
    for line in listing.splitlines():
        match = LINE.match(line)
        if not match or "PROGRAM TOTALS" in line:
            continue
        name = place_of(match.group(2))
        if not name.startswith(left_out):
            found[name] = found.get(name, 0) + int(match.group(1).replace(",", ""))
    return dict(sorted(found.items(), key=lambda item: -item[1])), sum(found.values())


def table(title, listing, events, left_out=()):
    found, total = per_function(listing, left_out)
    lines = [f"**{title}**: {total / events:.0f} instructions per event.", "",
             "| function | instructions per event | share |", "|---|---|---|"]
    for name, count in list(found.items())[:SHOWN]:
        lines.append(f"| `{name}` | {count / events:.1f} | {100 * count / total:.0f} % |")
    return "\n".join(lines) + "\n"


def drain(folder, case, title):
    events = 2000000
    listing = callgrind([PROGRAMS / "emit_adatrace", folder / "profile.adatrace", "block"], folder,
                        f"run {case} {events}\nfinish\n")
    # The producer runs in the same process: its loop is left out.
    return table(title, listing, events, left_out=("calls_descend", "run_"))


def reader(folder, command, traces):
    made = traces.get("adatrace")
    return table(f"`adatrace {command}`", callgrind([ADATRACE, command, made.path], folder),
                 traces.events())


def render(bench, small_calls):
    """Markdown; a part that cannot be made is a named gap in it."""
    folder = bench.settings.work_folder("profile")
    parts = {
        "drain, function calls": lambda: drain(folder, "calls", "Drain, function calls"),
        "drain, random bytes": lambda: drain(folder, "noise", "Drain, 8 random bytes"),
        "decode": lambda: reader(folder, "decode", small_calls),
        "report": lambda: reader(folder, "report", small_calls),
    }
    texts = []
    for name, make in parts.items():
        try:
            texts.append(make())
        except Gap as gap:
            texts.append(f"Gap: {name}: {gap}\n")
    return "\n".join(texts)
