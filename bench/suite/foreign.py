# SPDX-License-Identifier: Apache-2.0
"""What other processes did to the machine while we measured: CPU time that is not ours."""

import os
import time
from pathlib import Path

TICKS_UNSURE = 3
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
    """From its creation until share(). The kernel counts in ticks of 10 ms: of what is shorter than a few
    of them nothing can be said, and nothing is."""

    def __init__(self):
        self.busy, self.own = busy_seconds(), own_seconds()

    def share(self, wall_s):
        """Cores that others kept busy."""
        foreign = busy_seconds() - self.busy - (own_seconds() - self.own)
        return max(0.0, foreign - TICKS_UNSURE / TICKS) / wall_s if wall_s > 0 else 0.0


def quiet_wait(longest_s):
    """Until others leave the machine alone, but no longer than that. Returns how long it took."""
    start = time.monotonic()
    while time.monotonic() - start < longest_s:
        watch = Watch()
        time.sleep(0.5)
        if watch.share(0.5) < 0.1:
            break
    return time.monotonic() - start
