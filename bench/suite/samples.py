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
SHARED_MAX = 1.15  # times longer than a core by itself would take: what another guest's hardware thread may do
patience = {"tries": 3}  # rounds made at most, for each that is wanted; a quick run has none to spare


class Round:
    """What every contestant was measured at once, and what else happened to the machine meanwhile."""

    def __init__(self, clock):
        self.clock, self.sample = clock, {}
        self.watch, self.start = Watch(), time.monotonic()
        self.width = clock.width() if clock else 0

    def end(self):
        self.foreign = self.watch.share(time.monotonic() - self.start)
        self.width = max(self.width, self.clock.width()) if self.clock else 0

    def shared(self):
        """How many times longer than by itself a core took, if that is too much."""
        slowdown = self.clock.slowdown(self.width) if self.clock else 1
        return slowdown if slowdown > SHARED_MAX else 0

    def crowd(self):
        """Cores that other processes kept busy, if that is too much."""
        return self.foreign if self.foreign > FOREIGN_MAX else 0

    def trouble(self):
        return self.crowd() + self.shared()


def interleave(rounds, contestants, result, clock=None):
    """Run every contestant once a round, A B A B, and return {name: [what each call returned]}.

    A contestant that raises Gap is named in the result and runs no more; the others go on. `clock` is
    read at the start of every round, for the baseline. Rounds during which other processes used the machine, or other guests
    its cores, are left out and made again, as long as there is hope; then the least disturbed ones count, and the result says so.
    """
    made, running = [], dict(contestants)
    while len(made) < rounds * patience["tries"]:
        quiet = sum(not r.trouble() for r in made)
        if quiet >= rounds or len(made) >= rounds and not quiet:
            break
        if clock:
            result.clock_ns.append(clock())
        made.append(one_round(running, result, clock))
    kept = sorted(sorted(range(len(made)), key=lambda i: (made[i].trouble(), i))[:rounds])
    result.rounds_made(made, [made[i] for i in kept])
    return {name: [made[i].sample[name] for i in kept] for name in running}


def one_round(running, result, clock):
    this = Round(clock)
    for name, measure in list(running.items()):
        try:
            this.sample[name] = measure()
        except Gap as gap:
            result.gap(name, str(gap))
            del running[name]
    this.end()
    return this
