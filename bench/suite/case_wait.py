# SPDX-License-Identifier: Apache-2.0
"""wait: how soon the drain has taken an event, and what its way of waiting costs."""

from commands import run
from gap import Gap
from samples import interleave
from settings import PROGRAMS

TITLE = "Ways of waiting: from emit to taken, and the drain's share of a processor"

STRATEGIES = {"sleep": "sleep", "sleep:1ms": "sleep:1000", "block": "block", "block:1ms": "block:1000",
              "yield": "yield", "spin": "spin"}
RATES = {"idle, 2 events/s": 2, "1 K events/s": 1000, "100 K events/s": 100_000, "1 M events/s": 1_000_000}

UNITS = {"p50": "us", "p99": "us", "CPU": "%"}


def measure_one(folder, word, rate, seconds):
    """{what: figure}, and how many events were dropped."""
    answer = run([PROGRAMS / "wait_latency", folder / "wait.adatrace", word, rate, seconds],
                 keep_output=True).stdout.split()
    p50, p99, _, cpu, samples, _, dropped = (float(word) for word in answer)
    if not samples:
        raise Gap("no event was taken")
    return {"p50": p50 / 1e3, "p99": p99 / 1e3, "CPU": cpu}, dropped


def measure(bench, result):
    folder = bench.settings.work_folder("wait")
    for name, rate in RATES.items():
        # Ten events at least, however slowly they come.
        seconds = bench.settings.choose(2, 5) if rate < 10 else bench.settings.choose(0.5, 2)
        samples = interleave(bench.settings.choose(1, 3), {
            strategy: (lambda word=word: measure_one(folder, word, rate, seconds))
            for strategy, word in STRATEGIES.items()}, result)
        for what, unit in UNITS.items():
            for strategy, rounds in samples.items():
                result.add(f"{name}: {what}", strategy, unit, [figures[what] for figures, _ in rounds])
        for strategy, rounds in samples.items():
            if any(dropped for _, dropped in rounds):
                result.note(f"{strategy}, {name}: {sum(dropped for _, dropped in rounds):.0f} events were dropped.")
    result.note("One thread emits evenly in a session of its own and watches how far the drain has read its ring. "
                "CPU: of the drain's thread, by the scheduler's own count (schedstat); 100 % is one processor.")
