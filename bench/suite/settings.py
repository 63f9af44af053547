# SPDX-License-Identifier: Apache-2.0
"""What every part of the suite has to know: where things are, and how thorough this run is."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
BUILD = ROOT / "build" / "release"
PROGRAMS = BUILD / "bench"
ADATRACE = BUILD / "cli" / "adatrace"
LUA = ROOT / "build" / "lua"
WORK = ROOT / "build" / "bench-work"  # traces come here, and go again
DOCUMENT = ROOT / "docs" / "PERFORMANCE.md"
TUNING = ROOT / "docs" / "TUNING.md"
BASELINE = BENCH / "baseline.json"


class Settings:
    """One run. Quick ones take smaller pieces of work, never fewer than five rounds."""

    def __init__(self, quick):
        self.quick = quick
        self.results = BENCH / "results" / "quick" if quick else BENCH / "results"
        self.rounds = 7 if quick else 25  # of what takes milliseconds
        self.rounds_long = 5  # of what takes seconds

    def choose(self, quick, full):
        return quick if self.quick else full

    @staticmethod
    def work_folder(name):
        """An empty folder for a case to write into."""
        folder = WORK / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    @staticmethod
    def environment(**more):
        """Of everything that is measured: no colours, no locale, no leftovers of a tracer."""
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("LTTNG_", "ADATRACE_", "LD_", "UFTRACE"))}
        kept.update(LC_ALL="C.UTF-8", NO_COLOR="1", PYTHONDONTWRITEBYTECODE="1")
        kept.update({k: str(v) for k, v in more.items()})
        return kept
