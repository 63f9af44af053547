# SPDX-License-Identifier: Apache-2.0
"""What other processes did to the machine while we measured: CPU time that is not ours."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def process_times():
    """{pid: (parent, seconds of it and of the children that it has collected)}"""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        found[int(entry.name)] = int(words[1]), sum(map(int, words[11:15])) / TICKS
    return found


def own_seconds():
    """Of this process and all its descendants, dead or alive."""
    times = process_times()
    mine = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, (parent, _) in times.items() if parent in mine} - mine
        mine |= more
        grown = bool(more)
    return sum(times[pid][1] for pid in mine if pid in times)


def busy_seconds():
    """Of all cores: user, nice, system, interrupts, stolen."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, words[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS


class Watch:
    """From its creation until share()."""

    def __init__(self):
        self.busy, self.own = busy_seconds(), own_seconds()

    def share(self, wall_s):
        """Of one core, 0 to the number of cores."""
        foreign = busy_seconds() - self.busy - (own_seconds() - self.own)
        return max(0.0, foreign / wall_s) if wall_s else 0.0
