# SPDX-License-Identifier: Apache-2.0
"""Rounds and what is made of them: contestants in turn, medians of ratios, quartiles."""

import statistics
import time

from foreign import Watch
from gap import Gap


def quartiles(values):
    """Lower quartile, median, upper quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def ratios(over, under):
    """Round by round; a round is comparable with itself only."""
    return [a / b for a, b in zip(over, under) if b]


FOREIGN_MAX = 0.05  # of a core: what others may use of the machine during a round that counts
patience = {"tries": 3}  # rounds made at most, for each that is wanted; a quick run has none to spare


def interleave(rounds, contestants, result, clock=None):
    """Run every contestant once a round, A B A B, and return {name: [what each call returned]}.

    A contestant that raises Gap is named in the result and runs no more; the others go on. `clock` is
    read at the start of every round, for the baseline. Rounds during which other processes used the machine are left out
    and made again, as long as there is hope; then the least disturbed ones count, and the result says so.
    """
    made, running = [], dict(contestants)  # (foreign cores, {name: sample}) of every round
    while len(made) < rounds * patience["tries"]:
        quiet = sum(foreign <= FOREIGN_MAX for foreign, _ in made)
        if quiet >= rounds or len(made) >= rounds and not quiet:
            break
        if clock:
            result.clock_ns.append(clock())
        made.append(one_round(running, result))
    kept = sorted(range(len(made)), key=lambda i: (made[i][0] > FOREIGN_MAX, made[i][0]
                                                  if made[i][0] > FOREIGN_MAX else 0, i))[:rounds]
    disturbed = [made[i][0] for i in kept if made[i][0] > FOREIGN_MAX]
    result.rounds_made(len(made), len(made) - len(kept), disturbed)
    return {name: [made[i][1][name] for i in sorted(kept)] for name in running}


def one_round(running, result):
    watch, start, sample = Watch(), time.monotonic(), {}
    for name, measure in list(running.items()):
        try:
            sample[name] = measure()
        except Gap as gap:
            result.gap(name, str(gap))
            del running[name]
    return watch.share(time.monotonic() - start), sample
