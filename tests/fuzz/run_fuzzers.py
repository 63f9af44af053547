#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzing from any build: what is fuzzed is built with clang and sanitizers in a folder of its own below it.

    run_fuzzers.py build [afl]                build the targets for libFuzzer (or AFL++); 77: no such compiler
    run_fuzzers.py libfuzzer TARGET SECONDS   run one, from the corpus in the tree and what earlier runs found
    run_fuzzers.py afl TARGET SECONDS
    run_fuzzers.py memory POLICY SECONDS [SEED]

An input that stops a target is left in BUILD/fuzz/found; `fuzz_TARGET FILE` runs it again. Once mended it
goes into tests/fuzz/corpus/TARGET, where every build tries it.
"""

import base64
import lzma
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
BUILD = Path(os.environ.get("ADATRACE_BUILD", SOURCE / "build" / "dev"))
SKIPPED = 77
TARGETS = ["block", "command", "config", "control", "expression", "file", "index", "live"]
INPUT_BYTES_MAX = 32768
INPUT_SECONDS_MAX = 25  # for one input, on a machine that has other things to do
SHOWN_MAX = 12000       # characters of a log
LONG_S = 60             # from here on it is the nightly form, which has a row of its own
MEMORY_MIB_MAX = 2048   # which bounds what an input may make a reader allocate, sanitizer included


def cached(name):
    """A variable of the build's cache."""
    cache = (BUILD / "CMakeCache.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\w+=(.*)$", cache, re.M)
    return found.group(1) if found else ""


def folder(kind):
    """Where the targets are: here, if this is a build for it."""
    if cached("ADATRACE_FUZZER") == "ON":
        return BUILD
    return BUILD / kind


def program(kind, name):
    return folder(kind) / "tests" / "fuzz" / name


def build(kind):
    compiler = "afl-clang-fast" if kind == "fuzz-afl" else "clang"
    if not shutil.which(compiler):
        print(f"there is no {compiler}: scripts/install-deps fuzz")
        return SKIPPED
    if folder(kind) != BUILD:
        launcher = cached("CMAKE_C_COMPILER_LAUNCHER")
        preset = ["cmake", "--preset", kind, "-B", folder(kind), f"-DCMAKE_C_COMPILER_LAUNCHER={launcher}",
                  f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"]
        subprocess.run(preset, cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
    wanted = [f"fuzz_{target}" for target in TARGETS]
    if kind == "fuzz":
        wanted.append("hostile_memory")
    return subprocess.run(["cmake", "--build", folder(kind), "--target", *wanted], check=False).returncode


def note(key, text):
    place = os.environ.get("ADATRACE_EVIDENCE")
    if place:
        (Path(place) / key).write_text(text + "\n", encoding="utf-8")


def options(target):
    """Words that mean something to it."""
    words = HERE / f"{target}.dict"
    return [f"-dict={words}"] if words.exists() else []


def inputs_show(found, target):
    """A log may be all that is left of a machine: base64 -d | xz -d."""
    for path in sorted(found.glob(f"{target}-*"), key=lambda path: path.stat().st_mtime)[-1:]:
        packed = base64.b64encode(lzma.compress(path.read_bytes(), preset=9)).decode()
        print(f"{path.name}, base64 of xz: {packed if len(packed) <= SHOWN_MAX else 'too large to show'}")


def libfuzzer(target, seconds):
    found = BUILD / "fuzz" / "found"
    work = BUILD / "fuzz" / "work" / target
    found.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    command = [program("fuzz", f"fuzz_{target}"), f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS_MAX}",
               f"-rss_limit_mb={MEMORY_MIB_MAX}", f"-max_len={INPUT_BYTES_MAX}", f"-artifact_prefix={found}/{target}-",
               "-print_final_stats=1", *options(target), work, HERE / "corpus" / target]
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False,
                         cwd=found)
    executed = re.search(r"number_of_executed_units: (\d+)", run.stderr)
    edges = re.findall(r" cov: (\d+) ", run.stderr)
    if run.returncode:
        print(run.stderr[-8000:])
        inputs_show(found, target)
        return 1
    text = f"{int(executed.group(1)):,} inputs in {seconds} s, {edges[-1] if edges else 0} edges, nothing found"
    print(text)
    note(f"fuzz-{target}" if int(seconds) < LONG_S else f"fuzz-{target}-nightly", text)
    return 0


def afl_statistics(out):
    """What AFL++ has left there of itself, by name; of a new folder nothing."""
    path = out / "default" / "fuzzer_stats"
    return dict(re.findall(r"^(\w+)\s+: (.*?)\s*$", path.read_text(encoding="utf-8"), re.M)) if path.exists() else {}


def afl(target, seconds):
    out = BUILD / "fuzz-afl" / "work" / target
    out.mkdir(parents=True, exist_ok=True)
    before = afl_statistics(out)
    environment = dict(os.environ, AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_NO_AFFINITY="1", AFL_AUTORESUME="1",
                       AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1",
                       ASAN_OPTIONS="abort_on_error=1:symbolize=0:detect_leaks=0")
    words = HERE / f"{target}.dict"
    command = ["afl-fuzz", "-V", str(seconds), "-t", f"{INPUT_SECONDS_MAX}000+", "-m", "none",
               "-i", HERE / "corpus" / target, "-o", out]
    if words.exists():
        command += ["-x", words]
    run = subprocess.run([*command, "--", program("fuzz-afl", f"fuzz_{target}")], env=environment,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    found = [p for p in out.glob("*/crashes/id*")] + [p for p in out.glob("*/hangs/id*")]
    if run.returncode or found:
        print(run.stdout[-5000:])
        print("\n".join(map(str, found)))
        return 1
    figures = afl_statistics(out)
    if "persistent" not in figures["target_mode"] or "shmem" not in figures["target_mode"]:
        print(f"a process an input, or inputs in files, which finds next to nothing: {figures['target_mode']}")
        return 1
    # It takes up where the last night ended, and goes on counting.
    inputs = int(figures["execs_done"]) - int(before.get("execs_done", 0))
    text = f"{inputs:,} inputs in {seconds} s, {figures['edges_found']} edges, nothing found"
    print(text)
    note(f"afl-{target}", text)
    return 0


def memory(policy, seconds, *seed):
    return subprocess.run([program("fuzz", "hostile_memory"), policy, seconds, *seed], check=False).returncode


def main(words):
    if not words:
        print(__doc__)
        return 2
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if words[0] == "build":
        return build("fuzz-afl" if "afl" in words[1:] else "fuzz")
    if words[0] in ("libfuzzer", "memory") and not program("fuzz", "hostile_memory").exists():
        print("not built: run_fuzzers.py build")
        return SKIPPED
    if words[0] == "afl" and not program("fuzz-afl", f"fuzz_{words[1]}").exists():
        return SKIPPED
    return {"libfuzzer": libfuzzer, "afl": afl, "memory": memory}[words[0]](*words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
