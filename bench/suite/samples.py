# SPDX-License-Identifier: Apache-2.0
"""Rounds and what is made of them: contestants in turn, medians of ratios, quartiles."""

import statistics

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


def interleave(rounds, contestants, result, clock=None):
    """Run every contestant once a round, A B A B, and return {name: [what each call returned]}.

    A contestant that raises Gap is named in the result and runs no more; the others go on. `clock`
    is read at the start of every round, for the baseline.
    """
    samples = {name: [] for name in contestants}
    running = dict(contestants)
    for _ in range(rounds):
        if clock:
            result.clock_ns.append(clock())
        for name, measure in list(running.items()):
            try:
                samples[name].append(measure())
            except Gap as gap:
                result.gap(name, str(gap))
                del running[name], samples[name]
    return samples
