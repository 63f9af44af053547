#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are the fuzzers any good? The code is broken on purpose (mutants.toml), and each mutant has to be found.

    run_mutants.py [SECONDS [WORD...]]   those whose key or target begins with a WORD; else all
    run_mutants.py check                 only look whether the code is still what they change

A copy of the sources in BUILD/mutants gets all mutants at once, each asleep behind a number; it is built like the
fuzzers, and the variable ADATRACE_MUTANT wakes one. Awake, its target has to stop within SECONDS (30, as in CI) from
the corpus in the tree alone; asleep, it has to take the whole corpus. A target `bombs NAME` is that file of
test_bombs.py, which has to fail; for these the command is built as everyday.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import run_fuzzers

HERE = Path(__file__).resolve().parent
COPY = run_fuzzers.BUILD / "mutants"
PLAIN = COPY / "plain"
TOP = ["CMakeLists.txt", "CMakePresets.json", "LICENSE", "include", "base", "rings", "registry", "tracer", "format",
       "drain", "agent", "cli", "cmake", "tests", "bench", "examples", "scripts", "docs"]
SLEEPER = """
#include <stdlib.h>
int fuzz_mutant;
__attribute__((constructor)) static void mutant_wake(void)
{
    const char *number = getenv("ADATRACE_MUTANT");

    fuzz_mutant = number ? atoi(number) : 0;
}
"""


def both(was, mutant, number):
    """An expression that is the one or the other; of an if, its condition."""
    if was.startswith("if ("):
        return f"if (fuzz_mutant == {number} ? ({mutant[4:-1]}) : ({was[4:-1]}))"
    return f"(fuzz_mutant == {number} ? ({mutant}) : ({was}))"


def tree_update(fresh, to):
    """`to` becomes as `fresh`; what is the same is left as it is."""
    def files(root):
        return {p.relative_to(root) for p in root.rglob("*") if p.is_file() or p.is_symlink()}

    wanted = files(fresh)
    for gone in files(to) - wanted if to.exists() else ():
        (to / gone).unlink()
    for path in wanted:
        source, copy = fresh / path, to / path
        if source.is_symlink() or (copy.exists() and copy.read_bytes() == source.read_bytes()):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)


def misfits(mutants, root):
    """What does not stand just once where it should."""
    for mutant in mutants:
        count = (root / mutant["file"]).read_text(encoding="utf-8").count(mutant["was"])
        if count != 1:
            yield f"{mutant['key']}: {mutant['file']} has it {count} times: {mutant['was']}"


def sources_make(mutants):
    """What did not change keeps its time, so that little is built again."""
    fresh = COPY / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in TOP:
        place = run_fuzzers.SOURCE / name
        if place.is_dir():
            shutil.copytree(place, fresh / name, symlinks=True, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        elif place.exists():
            shutil.copy2(place, fresh / name)
    for number, mutant in enumerate(mutants, 1):
        path = fresh / mutant["file"]
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(mutant["was"], both(mutant["was"], mutant["is"], number)), encoding="utf-8")
    for name in {mutant["file"] for mutant in mutants}:
        path = fresh / name
        path.write_text("extern int fuzz_mutant;\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    # A library of one object, which everything is linked with.
    (fresh / "base" / "fuzz_mutant.c").write_text(SLEEPER, encoding="utf-8")
    lists = fresh / "base" / "CMakeLists.txt"
    lists.write_text(re.sub(r"(add_library\(ada_base OBJECT)", r"\1 fuzz_mutant.c", lists.read_text(encoding="utf-8")),
                     encoding="utf-8")
    tree_update(fresh, COPY / "source")
    shutil.rmtree(fresh)


def build_in(folder, preset, names):
    launcher = run_fuzzers.cached("CMAKE_C_COMPILER_LAUNCHER")
    subprocess.run(["cmake", "--preset", preset, "-B", folder, f"-DCMAKE_C_COMPILER_LAUNCHER={launcher}",
                    f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"], cwd=COPY / "source", check=True,
                   stdout=subprocess.DEVNULL)
    return subprocess.run(["cmake", "--build", folder, "--target", *names], check=False,
                          stdout=subprocess.DEVNULL).returncode


def build(targets):
    names = {"hostile_memory" if t.startswith("memory") else f"fuzz_{t}" for t in targets if not t.startswith("bombs")}
    failed = names and build_in(COPY / "build", "fuzz", sorted(names))
    return failed or (any(t.startswith("bombs") for t in targets) and build_in(PLAIN, "dev", ["adatrace-command"]))


def bomb_run(name, environment):
    """Did it go off; how."""
    environment = dict(environment, ADATRACE_COMMAND=str(PLAIN / "cli" / "adatrace"), ADATRACE_SANITIZE="",
                       ADATRACE_SOURCE=str(run_fuzzers.SOURCE), PYTHONPATH=str(run_fuzzers.SOURCE / "tests" / "helpers"))
    got = subprocess.run([sys.executable, "-B", HERE / "test_bombs.py", name], env=environment, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    how = re.search(r"^AssertionError: (.*)$", got.stdout, re.M)
    # What goes wrong otherwise is no bomb.
    return got.returncode != 0 and (how is not None), how.group(1)[-100:] if how else got.stdout[-200:], 0


def run(target, number, seconds):
    """Did it stop; how; after how many inputs."""
    environment = dict(os.environ, ADATRACE_MUTANT=str(number))
    environment.pop("ADATRACE_EVIDENCE", None)
    if target.startswith("bombs"):
        return bomb_run(target.split()[1], environment)
    folder = COPY / "build" / "tests" / "fuzz"
    work = COPY / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    if target.startswith("memory"):
        command = [folder / "hostile_memory", target.split()[1], str(min(int(seconds), 5))]
    else:
        corpus = HERE / "corpus" / target
        limit = ["-runs=0"] if number == 0 else [f"-max_total_time={seconds}"]
        command = [folder / f"fuzz_{target}", *limit, "-timeout=25", f"-rss_limit_mb={run_fuzzers.MEMORY_MIB_MAX}",
                   f"-max_len={run_fuzzers.INPUT_BYTES_MAX}", f"-artifact_prefix={work}/", *run_fuzzers.options(target),
                   work, corpus]
    got = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors="replace", check=False, cwd=work)
    inputs = re.findall(r"^#(\d+)", got.stdout, re.M)
    how = re.search(r"(ERROR: \w+: [\w-]+|runtime error: [^\n]{0,60}|\S+\.c:\d+: [^\n]{0,60})", got.stdout)
    return got.returncode != 0, how.group(1) if how else "", int(inputs[-1]) if inputs else 0


def chosen(mutant, words):
    return not words or any(mutant["key"].startswith(w) or mutant["target"].startswith(w) for w in words)


def main(words):
    mutants = tomllib.loads((HERE / "mutants.toml").read_text(encoding="utf-8"))["mutant"]
    wrong = list(misfits(mutants, run_fuzzers.SOURCE))
    if wrong or words == ["check"]:
        print("\n".join(wrong) or f"{len(mutants)} mutants fit the code")
        return 1 if wrong else 0
    seconds, words = (words[0], words[1:]) if words else ("30", [])
    if not shutil.which("clang"):
        print("there is no clang: scripts/install-deps fuzz")
        return run_fuzzers.SKIPPED
    wanted = [(n, m) for n, m in enumerate(mutants, 1) if chosen(m, words)]
    sources_make(mutants)
    if build({m["target"] for _, m in wanted}):
        print("the mutants cannot be built")
        return 1
    missed = 0
    for target in sorted({m["target"] for _, m in wanted}):
        if run(target, 0, seconds)[0]:
            print(f"{target}: fails with all mutants asleep")
            missed += 1
    for number, mutant in wanted:
        begin = time.monotonic()
        found, how, inputs = run(mutant["target"], number, seconds)
        missed += not found
        print(f"{'found' if found else 'NOT FOUND':9} {mutant['key']:28} {mutant['target']:16} "
              f"{time.monotonic() - begin:5.1f} s, input {inputs}  {how}", flush=True)
    text = f"{len(wanted)} mutants, {len(wanted) - missed} found in {seconds} s each"
    print(text)
    if not words:
        run_fuzzers.note("fuzz-mutants", text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
