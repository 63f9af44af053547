# SPDX-License-Identifier: Apache-2.0
"""Recording programs with the built command, and counting what the trace says.

For tests in Python: programs/, install/, examples/, readme/. Knows the command line only, as any
script of a user's would; looks into no file.
"""

import faulthandler
import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(os.environ.get("ADATRACE_SOURCE", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("ADATRACE_BUILD", SOURCE / "build" / "dev"))
KEPT = BUILD / "tests" / "traces"
ADATRACE = Path(os.environ.get("ADATRACE_COMMAND", BUILD / "cli" / "adatrace"))

# The agent stays out of programs that AddressSanitizer's library wants to be the first in, or ThreadSanitizer is in.
SANITIZER = os.environ.get("ADATRACE_SANITIZE", "")
HAS_AGENT = "address" not in SANITIZER and "thread" not in SANITIZER
NO_AGENT = "no agent with AddressSanitizer or ThreadSanitizer"

GAP = "adatrace:gap"
SKIPPED = 77  # the exit status that ctest takes for "skipped"

if "ADATRACE_TIMEOUT_S" in os.environ:  # where it hangs is known a little before ctest ends it
    faulthandler.dump_traceback_later(float(os.environ["ADATRACE_TIMEOUT_S"]) * 0.95)


@dataclass
class Outcome:
    """What can be seen of a program from outside."""

    status: int
    stdout: bytes
    stderr: bytes


def run(command, cwd=None, env=None, stdin=b"", timeout=300):
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=env, input=stdin,
                          capture_output=True, timeout=timeout, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


def kept(name):
    """Where a trace goes that outlives its test, for tests/compat."""
    KEPT.mkdir(parents=True, exist_ok=True)
    trace = KEPT / f"{name}.adatrace"
    trace.unlink(missing_ok=True)
    return trace


def record(trace, command, options=(), **where):
    """Run `command` under `adatrace record`, which writes `trace`."""
    return run([ADATRACE, "record", "-o", trace, "--force", *options, "--", *command], **where)


def own_words(stderr):
    """Split what `adatrace record` adds at the end of stderr from what the program wrote."""
    lines = stderr.splitlines(keepends=True)
    own = [line for line in lines if line.startswith(b"adatrace")]
    return b"".join(line for line in lines if not line.startswith(b"adatrace")), b"".join(own)


def verify(trace):
    return run([ADATRACE, "verify", trace])


def json_of(*words):
    done = run([ADATRACE, *words, "--format", "json"])
    if done.status != 0:
        raise AssertionError(f"adatrace {words[0]}: status {done.status}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def info(trace):
    return json_of("info", trace)


def report(trace, *options):
    return json_of("report", trace, *options)


def events(trace, *options):
    """Every event of the trace as a dictionary, gaps among them, in the order of time."""
    with subprocess.Popen([str(ADATRACE), "decode", str(trace), "--format", "json", *options],
                          stdout=subprocess.PIPE) as decode:
        for line in decode.stdout:
            yield json.loads(line)
    if decode.returncode != 0:
        raise AssertionError(f"adatrace decode: status {decode.returncode}")


@dataclass
class Counted:
    """Decoded events and losses, by (pid, tid), by event name, and by function entered."""

    threads: Counter = field(default_factory=Counter)
    gaps: Counter = field(default_factory=Counter)
    names: Counter = field(default_factory=Counter)


def count(decoded):
    counted = Counted()
    for event in decoded:
        thread = (event["pid"], event["tid"])
        if event["event"] == GAP:
            counted.gaps[thread, event["fields"]["kind"]] += event["fields"]["records"]
        else:
            counted.threads[thread] += 1
            counted.names[event["event"]] += 1
    return counted


def ledger_mismatches(trace_info, counted):
    """Where attempted = decoded + dropped + overwritten does not hold, in words, one per thread.

    Thread ids are reused, so the threads of one (pid, tid) are added up.
    """
    ledgers = {}
    for thread in trace_info["threads"]:
        ledger = ledgers.setdefault((thread["pid"], thread["tid"]), Counter())
        ledger.update({key: thread[key] for key in ("written", "dropped", "overwritten")})
    for thread in sorted(set(ledgers) | set(counted.threads)):
        ledger = ledgers.get(thread)
        if ledger is None:
            yield f"{thread}: {counted.threads[thread]} events of a thread that info does not know"
            continue
        decoded = counted.threads[thread]
        dropped = counted.gaps[thread, "dropped"]
        overwritten = counted.gaps[thread, "overwritten"]
        if ledger["written"] != decoded + overwritten or ledger["dropped"] != dropped:
            yield (f"{thread}: ledger {dict(ledger)}, but decoded {decoded}, "
                   f"gaps say dropped {dropped}, overwritten {overwritten}")
