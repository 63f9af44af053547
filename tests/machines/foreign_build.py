# SPDX-License-Identifier: Apache-2.0
"""Building ourselves once more, in ADATRACE_BUILD/machines/NAME, and running tests of that build."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import recording

WARNINGS_ARE_ERRORS = "-Werror"
PATIENCE = 10  # other tests run beside this one


def skip_without(*tools, hint="scripts/install-deps machines"):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        print(f"skipped: no {' '.join(missing)}: {hint}")
        sys.exit(recording.SKIPPED)


def run(command, **more):
    """What it prints; ends the test when it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="replace", check=False, **more)
    if done.returncode:
        sys.exit(f"status {done.returncode}: {' '.join(map(str, command))}\n{done.stdout[-8000:]}")
    return done.stdout


def configured(name, *options, flags="-O1"):
    """The folder that it is built in. -O1: fast to compile, and a level that the other builds have not."""
    build = recording.BUILD / "machines" / name
    launcher = shutil.which("ccache")
    run(["cmake", "-S", recording.SOURCE, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
         f"-DCMAKE_C_FLAGS_DEBUG={flags}", f"-DCMAKE_CXX_FLAGS_DEBUG={flags}",
         f"-DADATRACE_EXTRA_FLAGS={WARNINGS_ARE_ERRORS}", f"-DADATRACE_PATIENCE={PATIENCE}", *options,
         *([f"-DCMAKE_{lang}_COMPILER_LAUNCHER={launcher}" for lang in ("C", "CXX")] if launcher else [])])
    return build


def make(build, *targets):
    run(["ninja", "-C", build, "-j", "2", *targets])


def commands_of(build):
    """{name: command} of all tests of that build."""
    shown = json.loads(run(["ctest", "--test-dir", build, "--show-only=json-v1"]))
    return {test["name"]: test["command"] for test in shown["tests"] if "command" in test}


def cases_passed(build, names):
    """Runs these tests; how many cases of cmocka that were."""
    shown = run(["ctest", "--test-dir", build, "-V", "-j", "2", "--no-tests=error",
                 "-R", f"^({'|'.join(names)})$"])
    return shown.count("[       OK ]")


def tell(key, figure):
    """The figure of a row of docs/RELIABILITY.md."""
    print(figure)
    if "ADATRACE_EVIDENCE" in os.environ:
        (Path(os.environ["ADATRACE_EVIDENCE"]) / key).write_text(figure + "\n", encoding="utf-8")
