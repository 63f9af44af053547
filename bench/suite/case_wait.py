# SPDX-License-Identifier: Apache-2.0
"""wait: how soon the drain has taken an event, and what its way of waiting costs."""

from commands import run
from gap import Gap
from settings import PROGRAMS

TITLE = "Ways of waiting: from emit to taken, and the drain's share of a processor"

STRATEGIES = {"sleep": "sleep", "sleep:1ms": "sleep:1000", "block": "block", "block:1ms": "block:1000",
              "yield": "yield", "spin": "spin"}
RATES = {"idle, 2 events/s": 2, "1 K events/s": 1000, "100 K events/s": 100_000, "1 M events/s": 1_000_000}


def measure_one(folder, word, rate, seconds):
    answer = run([PROGRAMS / "wait_latency", folder / "wait.adatrace", word, rate, seconds],
                 keep_output=True).stdout.split()
    p50, p99, _, cpu, samples, _, dropped = (float(word) for word in answer)
    if not samples:
        raise Gap("no event was taken")
    return {"p50": p50 / 1e3, "p99": p99 / 1e3, "CPU": cpu, "dropped": dropped}


def measure(bench, result):
    folder = bench.settings.work_folder("wait")
    seconds = bench.settings.choose(0.5, 2)
    found = {}
    for _ in range(bench.settings.choose(1, 3)):
        for rate_name, rate in RATES.items():
            for strategy, word in STRATEGIES.items():
                # Ten events at least, however slowly they come.
                one = measure_one(folder, word, rate, max(seconds, bench.settings.choose(1, 5) if rate < 10 else 0))
                for what, value in one.items():
                    found.setdefault((rate_name, what, strategy), []).append(value)
    for (rate_name, what, strategy), values in found.items():
        if what == "dropped":
            if any(values):
                result.note(f"{strategy}, {rate_name}: {sum(values):.0f} events were dropped.")
            continue
        result.add(f"{rate_name}: {what}", strategy, "%" if what == "CPU" else "us", values)
    result.note("One thread emits evenly in a session of its own and watches how far the drain has read its ring. "
                "CPU: of the drain's thread, by the scheduler's own count (schedstat); 100 % is one processor.")
