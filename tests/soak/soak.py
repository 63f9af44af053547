#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The soak: see scripts/soak.

One session of the collector over a program that does everything at random (soak_load.c), steered, watched and
disturbed at random (soak_clients.py). Each file is read, added up (soak_ledger.py) and deleted as soon as the next one
is begun, so a day takes no more disk than a minute.
"""

import argparse
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import evidence
import recording
import soak_figures
from soak_clients import Clients
from soak_ledger import Ledger

TESTS = recording.BUILD / "tests" / "soak"
SAMPLE_S = 2.0
END_S = 120  # until all is read and written; not what others have the processors for
# What may be there at the end beyond what was there after the warm-up: of memory a fit over the rest of the run, of
# descriptors the least. In a few minutes it is those who come and go that are seen, and memory still getting warm.
LONG_HOURS = 0.1
MEMORY_KIB_MAX, FDS_MAX = 6 * 1024, 4
FDS_MAX_SHORT = 24
# By how much the least of these may rise: segments, open or only mapped, or by their addresses alone, and the shared
# memory of all but the program that is there from the beginning to the end. Of the latter 8 MiB are what listeners read,
# and there only when one has come. In half a minute on a busy machine a third of it is two or three looks.
SEGMENTS_MAX, SEGMENTS_MAX_SHORT = 2, 4
OTHERS_KIB_MAX, OTHERS_KIB_MAX_SHORT = 9 * 1024, 12 * 1024
# The collector at any time, as docs/TUNING.md declares it ("What the collector holds"), in KiB: records that are to
# become blocks and one draft that grows; copies out of overwriting rings and one more (of 4 MiB); the encoder; files to
# be ended with their addresses; for each thread. Then code, stacks and zstd, and what malloc keeps of freed memory.
DRAFTS, COPIES, ENCODER, FILES = (32 + 6) * 1024, (16 + 0.5) * 1024, 8 * 1024, 16 * 256
THREADS, BASE, FREED = 2048 * (8 + 2), 8 * 1024, 17.5 * 1024
# In minutes the first two may fill, where the collector gets hardly a processor: that is no leak.
MEMORY_KIB_MAX_SHORT = int(DRAFTS + COPIES)
COLLECTOR_KIB_MAX = int(DRAFTS + COPIES + ENCODER + FILES + THREADS + BASE + FREED)
# A busy quarter of an hour leaves malloc with pieces of all sizes that it keeps. What is looked for is what we keep: so
# large pieces are to come from the kernel, and to go back there.
TUNABLES = "glibc.malloc.mmap_threshold=65536:glibc.malloc.trim_threshold=65536"
# What is judged of each figure: how its growth is measured, and how much is good in a long run and in one of minutes.
GROWTH_MAX = (
    ("collector_kib", soak_figures.growth, MEMORY_KIB_MAX, MEMORY_KIB_MAX_SHORT),
    ("program_kib", soak_figures.growth, MEMORY_KIB_MAX, MEMORY_KIB_MAX_SHORT),
    ("collector_own_fds", soak_figures.floor_growth, FDS_MAX, FDS_MAX_SHORT),
    ("program_fds", soak_figures.floor_growth, FDS_MAX, FDS_MAX_SHORT),
    ("collector_others_kib", soak_figures.floor_growth, OTHERS_KIB_MAX, OTHERS_KIB_MAX_SHORT),
    ("segments", soak_figures.floor_growth, SEGMENTS_MAX, SEGMENTS_MAX_SHORT),
    ("addresses", soak_figures.floor_growth, SEGMENTS_MAX, SEGMENTS_MAX_SHORT),
)
POLICIES = ("drop", "drop", "block:5ms", "overwrite")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def shm_names():
    return set(os.listdir("/dev/shm"))


class Session:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.random = random.Random(options.seed)
        self.policy = self.random.choice(POLICIES)
        self.ledger = Ledger()
        self.port = free_port()
        self.truth = folder / "truth"
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self.env = {**os.environ, "ADATRACE_RUNTIME_DIR": str(self.runtime), "SOAK_TRUTH": str(self.truth)}
        self.samples = []
        self.began = time.monotonic()
        self.shm_before = shm_names()
        self.clients = Clients(self, self.random, self.complain)

    def complain(self, text):
        print(f"soak: {text}", file=sys.stderr, flush=True)
        self.ledger.complain(text)

    # ---- the program and its collector ----

    def start(self):
        command = [recording.ADATRACE, "record", "-o", self.folder / "s.adatrace", "--rotate-size", "4M", "--policy",
                   self.policy, "--ring-size", self.random.choice(["64K", "256K", "4M"]), "--metrics",
                   f":{self.port}", "--", TESTS / "soak_load", self.options.seed, TESTS / "libsoak_plugin.so"]
        self.collector = subprocess.Popen([str(word) for word in command], text=True,
                                          env={**self.env, "GLIBC_TUNABLES": TUNABLES},
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=(self.folder / "stderr").open("w"))
        self.program_pid = int(self.collector.stdout.readline().split()[1])

    def pause(self, seconds):
        time.sleep(seconds)

    def files(self):
        return sorted(self.folder.glob("s.*.adatrace"), key=lambda p: int(re.search(r"\.(\d+)\.adatrace$", p.name)[1]))

    def files_take(self, all_of_them=False):
        files = self.files()
        for path in files if all_of_them else files[:-1]:
            complaints = len(self.ledger.complaints)
            if not self.ledger.take(path, all_of_them):
                return
            if len(self.ledger.complaints) == complaints:
                path.unlink()
            else:
                path.rename(self.folder / f"bad-{path.name}")
        self.complaints_say()

    def complaints_say(self):
        for complaint in self.ledger.complaints[len(self.said):]:
            print(f"soak: {complaint}", file=sys.stderr, flush=True)
        self.said = list(self.ledger.complaints)

    said = ()

    # ---- figures ----

    def sample(self):
        listed = json.loads(self.clients.ask("list", "-F", "json") or b"{}")
        session = (listed.get("sessions") or [{}])[0]
        anonymous, shared = soak_figures.memory_kib(self.collector.pid)
        descriptors, listeners = soak_figures.descriptors(self.collector.pid), self.clients.listening()
        self.samples.append({
            "minute": round((time.monotonic() - self.began) / 60, 3),
            "collector_kib": anonymous,
            "collector_shm_kib": shared,
            "collector_others_kib": soak_figures.others_shared_kib(self.collector.pid, self.program_pid),
            "collector_fds": descriptors,
            "collector_own_fds": descriptors - soak_figures.LISTENER_FDS * listeners,
            "program_kib": soak_figures.memory_kib(self.program_pid)[0],
            "program_fds": soak_figures.descriptors(self.program_pid),
            "segments": soak_figures.segments(self.collector.pid),
            "addresses": soak_figures.addresses(self.collector.pid, self.program_pid),
            "files": self.ledger.files,
            "events": session.get("written", session.get("records", 0)),
            "dropped": session.get("dropped", 0),
            "lag_us": round(session.get("lag_ns", 0) / 1000),
        })

    def row_print(self):
        print("  ".join(f"{self.samples[-1][key]:>{max(len(key), 9)}}" for key in soak_figures.COLUMNS), flush=True)

    # ---- all of it ----

    def run(self):
        until = self.began + self.options.hours * 3600
        row_s = min(60.0, self.options.hours * 3600 / 6)
        sample_at = row_at = self.began + 1
        print("  ".join(f"{key:>9}" for key in soak_figures.COLUMNS))
        while time.monotonic() < until and self.collector.poll() is None:
            self.clients.turn()
            self.pause(self.random.uniform(0, 0.4))
            self.files_take()
            if time.monotonic() >= sample_at:
                self.sample()
                sample_at = time.monotonic() + SAMPLE_S
            if self.samples and time.monotonic() >= row_at:
                self.row_print()
                row_at += row_s
        self.minutes = (time.monotonic() - self.began) / 60

    def end(self):
        patience = soak_figures.Patience(END_S, (self.collector.pid, self.program_pid))
        said = None
        while said is None:
            try:
                said, _ = self.collector.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                if patience.is_over() and self.collector.poll() is None:
                    self.complain(f"the session did not end: {patience}")
                    self.collector.kill()
        self.ended = str(patience)
        if self.collector.returncode != 0 or "ended" not in said:
            self.complain(f"the recording ended with {self.collector.returncode}: "
                          f"{(self.folder / 'stderr').read_text()[-2000:]}")
        self.clients.end()
        self.files_take(all_of_them=True)
        self.ledger.end(self.truth)
        self.complaints_say()
        left = list(self.runtime.iterdir())
        if left:
            self.complain(f"left behind: {[p.name for p in left]}")
        # Other tests run beside this one.
        left = [name for name in shm_names() - self.shm_before if name.startswith("adatrace")
                and not name.startswith(("adatrace-test", "adatrace-channels"))]
        if left:
            self.complain(f"left behind in /dev/shm: {left}")

    def growth_judge(self):
        """By how much each figure grew behind the warm-up; what is too much is complained of."""
        grown = {}
        for key, figure, most, most_short in GROWTH_MAX:
            grown[key] = round(figure(self.samples, key))
            good = most if self.options.hours >= LONG_HOURS else most_short
            if grown[key] > good:
                self.complain(f"{key} grew by {grown[key]} after the warm-up; at most {good} is good")
        return grown

    def summary(self):
        grown = self.growth_judge()
        most = max((sample["collector_kib"] for sample in self.samples), default=0)
        if most > COLLECTOR_KIB_MAX:
            self.complain(f"the collector had {most} KiB; {COLLECTOR_KIB_MAX} are good at any time")
        return {
            "seed": self.options.seed, "hours": self.options.hours, "minutes": self.minutes, "policy": self.policy,
            "files": self.ledger.files, "events": self.ledger.events, "dropped": self.ledger.dropped,
            "overwritten": self.ledger.overwritten, "lost": self.ledger.lost, "emitters": self.ledger.ended,
            "growth": grown, "most_kib": most,
            "slowest_answer_s": round(self.clients.slowest_s, 1),
            "ended": self.ended,
            "last": self.samples[-1] if self.samples else {}, "clients": self.clients.counts,
            "complaints": self.ledger.complaints,
        }


def numberings_say(summary):
    """Those whose end is known. A gap may tell of other events, too: then it is of more than the numbers there."""
    if summary["policy"] != "overwrite":
        return f"{summary['emitters']:,} numberings without a hole"
    return (f"{summary['emitters']:,} numberings; {summary['lost']:,} numbers are missing in all, nowhere more than the "
            "gaps there tell of")


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", type=Path, help="leave the session's files here")
    parser.add_argument("--row", default="soak", help="the figure's name")
    options = parser.parse_args()
    if not recording.HAS_AGENT:
        print("skipped: not with a sanitizer that the agent is not built with")
        return recording.SKIPPED
    print(f"seed {options.seed}", flush=True)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="adatrace-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    session = Session(options, folder)
    try:
        session.start()
        session.run()
        session.end()
        summary = session.summary()
    finally:
        if session.collector.poll() is None:
            session.collector.kill()
    soak_figures.write(recording.BUILD.parent / "soak", summary, session.samples)
    words = (f"{summary['minutes']:.3g} min, policy {summary['policy']}: {summary['events']:,} events in "
             f"{summary['files']} files, {summary['dropped']:,} dropped, {summary['overwritten']:,} overwritten, "
             f"{numberings_say(summary)}; collector {summary['growth']['collector_kib']:+,.0f} KiB to "
             f"{summary['last']['collector_kib']:,} KiB (at most {summary['most_kib']:,}), "
             f"{summary['growth']['collector_own_fds']:+} descriptors, {summary['growth']['segments']:+} segments and "
             f"{summary['growth']['collector_others_kib']:+,} KiB shared after warm-up, program {summary['growth']['program_kib']:+,.0f} KiB; every question answered within "
             f"{summary['slowest_answer_s']} s")
    print(("bad: " if summary["complaints"] else "good: ") + words)
    if not summary["complaints"]:
        evidence.tell(options.row, words)
    if not options.keep and not summary["complaints"]:
        shutil.rmtree(folder)
    elif summary["complaints"]:
        print(f"{len(summary['complaints'])} complaints; files in {folder}; again with --seed {options.seed}")
    return bool(summary["complaints"])


if __name__ == "__main__":
    sys.exit(main())
