#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules about the shape of the tree, as functions from a tree to findings.

Run as a program it checks the tree given (default: the one it stands in) and fails with one line
for each finding. test_structure_rules.py breaks every rule once and expects the finding.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

# Who may include whom, by layer or by single header; docs/ARCHITECTURE.md says why. Everybody may
# include itself, base, <adatrace/field.h>, the vocabulary that the layers share, and
# <adatrace/attributes.h>. "public" is all of include/adatrace. The clock and the ring's producer half
# are inlined into applications, so their headers are public too.
MAY_INCLUDE = {
    "base": {"adatrace/emit.h"},
    "registry": {"adatrace/emit.h", "adatrace/record.h"},
    "rings": {"adatrace/broadcast.h", "adatrace/channel.h", "adatrace/fanin.h", "adatrace/ring.h"},
    "format": set(),
    "tracer": {"registry", "public"},
    "drain": {"registry", "format", "rings", "adatrace/record.h", "adatrace/broadcast.h"},
    "agent": {"tracer", "registry", "public"},
    "cli": {"drain", "format", "public"},
    "include": {"public"},
    "examples": {"public"},
}
SHARED_HEADERS = {"adatrace/attributes.h", "adatrace/field.h"}

SOURCES = {".c", ".h", ".cpp", ".hpp"}
SCRIPTS = {".py", ".sh"}
REPEATED_NAMES = {"CMakeLists.txt", "README.md", ".gitignore"}
PUBLIC_NAMES = {"ring.h"}  # a public header is known by its folder: <adatrace/ring.h>, registry/ring.h

LINES_MAX = 500
DECLARED_EVENTS = "tests/structure/declared_events.c"

# What silences a tool, and how the reason stands beside it; None: any comment on the line or just above it.
COMMENT = r"\*/|//"
SUPPRESSIONS = (
    (r"\bNOLINT", r"\bNOLINT(NEXTLINE|BEGIN)?\([a-z][\w.,*-]+\): \w|\bNOLINTEND\("),
    (r"\bcppcheck-suppress", r"\bcppcheck-suppress \w+ ; \w"),
    (r"#\s*pragma (GCC|clang) diagnostic ignored", None),
    (r"\bshellcheck disable=", r"\bshellcheck disable=[\w,]+ # *\w"),
    (r"\b(GCOV|GCOVR|LCOV)_EXCL", r"\bGCOVR?_EXCL_(\w*STOP|(BR_)?(LINE|START)): \w|_EXCL_(BR_)?STOP"),
    (r"\bno_sanitize\b", None),
)

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
# Folders that exist on one machine only. Written so that this line does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w.$}/*-])/(?:wor[k]|far[m]|Use[r]s|hom[e]/[a-z]\w*|roo[t])/\w")


def tree_files(root):
    """Tracked files and new ones that git does not ignore; without git everything but build/."""
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if listing.returncode == 0 and listing.stdout:
        names = listing.stdout.decode().split("\0")
    else:
        names = [str(p.relative_to(root)) for p in Path(root).rglob("*")]
        names = [n for n in names if n.split("/")[0] not in ("build", ".git")]
    return sorted(n for n in set(names) if n and (Path(root) / n).is_file())


def text_of(root, name):
    try:
        return (Path(root) / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def is_source(name):
    return Path(name).suffix in SOURCES


def is_script(root, name):
    if Path(name).suffix in SCRIPTS:
        return True
    return not Path(name).suffix and text_of(root, name).startswith("#!")


def layer_of_include(quote, target):
    """The layer that an include leads to; "" for the world outside."""
    if target.startswith("adatrace/"):
        return "public"
    return target.split("/")[0] if quote == '"' else ""


def includes_keep_to_layers(root):
    for name in tree_files(root):
        layer = name.split("/")[0]
        if not is_source(name) or layer not in MAY_INCLUDE:
            continue
        allowed = MAY_INCLUDE[layer] | {layer}
        if layer not in ("include", "examples"):
            allowed.add("base")
        for quote, target in INCLUDE.findall(text_of(root, name)):
            other = layer_of_include(quote, target)
            if quote == '"' and other != "public" and not (Path(root) / target).is_file():
                yield f'{name}: "{target}" is no file from the root; write "layer/file.h"'
            elif other and not {other, target} & allowed and target not in SHARED_HEADERS:
                yield f"{name}: layer {layer} may not include {target}"


def file_names_are_unique(root):
    places = defaultdict(list)
    for name in tree_files(root):
        places[Path(name).name].append(name)
    for base, names in sorted(places.items()):
        if len(names) > 1 and base not in REPEATED_NAMES | PUBLIC_NAMES:
            yield f"{base} exists more than once: {', '.join(names)}"


def files_say_their_licence(root):
    for name in tree_files(root):
        if not is_source(name) and not is_script(root, name):
            continue
        head = text_of(root, name).splitlines()[:3]
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in head):
            yield f"{name}: no SPDX line at the top"


def headers_say_their_purpose(root):
    for name in tree_files(root):
        if name.endswith(".h"):
            lines = text_of(root, name).splitlines()
            if len(lines) < 3 or not lines[1].startswith("/*"):
                yield f"{name}: no paragraph of purpose below the SPDX line"


def no_path_of_a_machine(root):
    for name in tree_files(root):
        for number, line in enumerate(text_of(root, name).splitlines(), 1):
            found = MACHINE_PATH.search(line)
            if found:
                yield f"{name}:{number}: a path of one machine: {found.group()}..."


def files_are_small(root):
    """A file that has grown so large has a second subject in it, which wants a file of its own."""
    for name in tree_files(root):
        if is_source(name) or is_script(root, name):
            lines = text_of(root, name).count("\n")
            if lines > LINES_MAX:
                yield f"{name}: {lines} lines; more than {LINES_MAX} are no file, they are two"


def suppressions_say_why(root):
    """Who tells an analyser, a linter or a coverage report to look away says at that place why."""
    for name in tree_files(root):
        if name.startswith("tests/structure/") or not (is_source(name) or is_script(root, name)):
            continue
        lines = text_of(root, name).splitlines()
        for number, line in enumerate(lines, 1):
            for mark, reason in SUPPRESSIONS:
                place = line if reason else "\n".join(lines[max(number - 5, 1):number])
                if re.search(mark, line) and not re.search(reason or COMMENT, place):
                    yield f"{name}:{number}: looks away without a reason: {line.strip()}"


def compilers(*names):
    return [n for n in names if shutil.which(n)]


def compile_quietly(root, text, command):
    """The compiler's first complaint about a program; "" if none."""
    done = subprocess.run(
        [*command, "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-I", f"{root}/include", "-"],
        input=text, text=True, capture_output=True, cwd="/", env={**os.environ, "LC_ALL": "C"}, check=False)
    if done.returncode == 0:
        return ""
    complaint = [line for line in done.stderr.splitlines() if "error" in line]
    return (complaint or done.stderr.splitlines() or ["no message"])[0]


def compile_alone(root, header, command):
    """The complaint about a file that includes only this header, twice."""
    target = header.removeprefix("include/")
    include = f"<{target}>" if header.startswith("include/") else f'"{target}"'
    return compile_quietly(root, f"#include {include}\n#include {include}\nextern int not_empty;\n", command)


def public_ways():
    """How programs compile the public headers."""
    ways = [[c, "-x", "c", "-std=c11", "-Wstrict-prototypes"] for c in compilers("gcc", "clang")]
    ways += [[c, "-x", "c++", "-std=c++17"] for c in compilers("g++", "clang++")]
    return [[*way, "-Wshadow", "-Wconversion"] for way in ways]


def public_headers_compile_alone(root):
    for name in tree_files(root):
        if name.startswith("include/") and name.endswith(".h"):
            for way in public_ways():
                complaint = compile_alone(root, name, way)
                if complaint:
                    yield f"{name} as {way[3]} with {way[0]}: {complaint}"


def declared_events_compile_quietly(root):
    """What the public macros expand to stands in the program's own lines, so system headers do not hide it."""
    if DECLARED_EVENTS in tree_files(root):
        for way in public_ways():
            complaint = compile_quietly(root, text_of(root, DECLARED_EVENTS), way)
            if complaint:
                yield f"{DECLARED_EVENTS} as {way[3]} with {way[0]}: {complaint}"


def inner_headers_compile_alone(root):
    way = ["gcc", "-x", "c", "-std=gnu11", "-D_GNU_SOURCE", "-Wno-pedantic", "-I", str(root)]
    for name in tree_files(root):
        layer = name.split("/")[0]
        if name.endswith(".h") and layer in MAY_INCLUDE and layer != "include":
            complaint = compile_alone(root, name, way)
            if complaint:
                yield f"{name}: {complaint}"


RULES = [
    includes_keep_to_layers,
    file_names_are_unique,
    files_say_their_licence,
    headers_say_their_purpose,
    no_path_of_a_machine,
    files_are_small,
    suppressions_say_why,
    public_headers_compile_alone,
    declared_events_compile_quietly,
    inner_headers_compile_alone,
]


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    broken = 0
    for rule in RULES:
        findings = list(rule(root))
        print(f"{'ok    ' if not findings else 'BROKEN'} {rule.__name__.replace('_', ' ')}")
        for finding in findings:
            print(f"       {finding}")
        broken += len(findings)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
