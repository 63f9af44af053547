# SPDX-License-Identifier: Apache-2.0
"""What a process has: memory, descriptors, segments; and whether that grows."""

import json
import os
import re
import time
from pathlib import Path

COLUMNS = ("minute", "collector_kib", "collector_shm_kib", "collector_others_kib", "collector_fds", "program_kib",
           "program_fds", "segments", "addresses", "files", "events", "dropped", "lag_us")

SEGMENT_FILE = "/memfd:adatrace (deleted)"
LISTENER_FDS = 3  # of the collector for each listener: its socket and two memory files


def memory_kib(pid):
    """(anonymous, shared) resident memory."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    values = dict(re.findall(r"^(Rss\w+):\s+(\d+) kB", status, re.M))
    return int(values.get("RssAnon", 0)), int(values.get("RssShmem", 0))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mapped_kib(pid):
    """{file: KiB} of the memory files that it maps, as far as they are resident there."""
    files, inode = {}, None
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inode = int(line.split(maxsplit=5)[4]) if "/memfd:" in line else None
        elif inode and line.startswith("Rss:"):
            files[inode] = files.get(inode, 0) + int(line.split()[1])
    return files


def others_shared_kib(collector, program):
    """What the collector maps of memory files that the program does not: its own segment is there for good, and its
    rings fill it more or less. The rest comes and goes: other images' segments, what listeners read."""
    own = mapped_kib(program)
    return sum(kib for inode, kib in mapped_kib(collector).items() if inode not in own)


def addresses(collector, program):
    """The collector's address space, in segments as large as the program's. A segment that has been read is made plain
    addresses without memory before it is given back, so a mapping that is not given back shows nowhere else."""
    size = 0
    for line in Path(f"/proc/{program}/maps").read_text(encoding="utf-8").splitlines():
        if line.endswith(SEGMENT_FILE):
            begin, end = line.split(maxsplit=1)[0].split("-")
            size += int(end, 16) - int(begin, 16)
    total = Path(f"/proc/{collector}/statm").read_text(encoding="ascii").split()[0]
    return round(int(total) * os.sysconf("SC_PAGE_SIZE") / size, 1) if size else 0.0


def segments(pid):
    """Of traced images, those that it still has: open, or mapped, which no descriptor tells of."""
    files = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(link) == SEGMENT_FILE:
                files.add(link.stat().st_ino)
        except OSError:
            pass
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        if line.endswith(SEGMENT_FILE):
            files.add(int(line.split(maxsplit=5)[4]))
    return len(files)


def waited_ns(pids):
    """By thread, how long it was ready to run while others did."""
    waited = {}
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                waited[path] = int(path.read_text(encoding="ascii").split()[1])
            except (OSError, IndexError):
                pass
    return waited


class Patience:
    """`seconds` in which no thread of these processes waited for a processor: what is slow for want of those alone is
    not hung. Who spins uses it up, too, by its own share of them."""

    def __init__(self, seconds, pids):
        self.seconds, self.pids = seconds, pids
        self.starved = 0.0
        self.began = self.looked = time.monotonic()
        self.waited = waited_ns(pids)

    def is_over(self):
        now, waited = time.monotonic(), waited_ns(self.pids)
        longest = max((ns - self.waited.get(path, ns) for path, ns in waited.items()), default=0) / 1e9
        self.starved += min(longest, now - self.looked)
        self.looked, self.waited = now, waited
        return now - self.began - self.starved > self.seconds

    def __str__(self):
        return f"{self.looked - self.began:.1f} s, of these {self.starved:.1f} s without a processor"


def slope(points):
    """Of the straight line through (x, y) that fits best."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    below = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / below if below else 0.0


def growth(samples, key):
    """By how much it grew over the run, as the fit behind the first third (the warm-up) tells it."""
    points = [(s["minute"], s[key]) for s in samples[len(samples) // 3:]]
    return slope(points) * (points[-1][0] - points[0][0]) if len(points) > 2 else 0.0


def floor_growth(samples, key):
    """By how much the least rose from the second third to the last: of what comes and goes, a leak stays."""
    third = len(samples) // 3
    return min(s[key] for s in samples[2 * third:]) - min(s[key] for s in samples[third:2 * third]) if third else 0


def svg(samples, keys):
    """Each figure as a line of its own height, by time."""
    width, height = 720, 90
    rows = []
    for place, key in enumerate(keys):
        values = [s[key] for s in samples]
        top = max(values) or 1
        last = samples[-1]["minute"] or 1
        line = " ".join(f"{60 + (width - 70) * s['minute'] / last:.1f},{height - 10 - (height - 30) * s[key] / top:.1f}"
                        for s in samples)
        rows.append(f'<g transform="translate(0 {place * height})"><text x="4" y="16">{key}: up to {top:,}</text>'
                    f'<polyline points="{line}" fill="none" stroke="#2563a8" stroke-width="1.5"/></g>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height * len(keys)}" '
            f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
            + "".join(rows) + "</svg>\n")


def write(folder, summary, samples):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soak.json").write_text(json.dumps({**summary, "samples": samples}, indent=1) + "\n", encoding="utf-8")
    (folder / "soak.svg").write_text(svg(samples, COLUMNS[1:]), encoding="utf-8")
