# SPDX-License-Identifier: Apache-2.0
"""The machine's name, and that of everything on it that is compared."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from settings import BUILD, ROOT

PACKAGES = ("lttng-tools", "liblttng-ust1", "babeltrace2", "uftrace", "heaptrack", "valgrind",
            "libc6", "libzstd1")


def output_of(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def cpu_model():
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    family = [re.search(rf"^{key}\s*:\s*(\d+)$", Path("/proc/cpuinfo").read_text(), re.M)
              for key in ("cpu family", "model")]
    name = found.group(1) if found else platform.machine()
    if all(family):
        name += f" (family {family[0].group(1)}, model {family[1].group(1)})"
    return name


def clocksource():
    path = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    return path.read_text().strip() if path.exists() else "unknown"


def distribution():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown"


def compiler():
    cache = (BUILD / "CMakeCache.txt")
    found = re.search(r"^CMAKE_C_COMPILER:\w+=(.+)$", cache.read_text(), re.M) if cache.exists() else None
    return output_of(found.group(1), "--version").splitlines()[0] if found else "unknown"


def describe():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    virtual = "hypervisor" in Path("/proc/cpuinfo").read_text()
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "virtual": virtual,
        "memory_bytes": memory,
        "kernel": platform.release(),
        "distribution": distribution(),
        "clocksource": clocksource(),
        "compiler": compiler(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "commit": output_of("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "versions": {p: v for p in PACKAGES
                     if (v := output_of("dpkg-query", "-W", "-f", "${Version}", p))},
    }


def in_words(machine):
    """One paragraph."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (f"{machine['cpu']}, {machine['cores']} cores{', virtual' if machine['virtual'] else ''}, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']}, "
            f"{machine['distribution']}, clocksource {machine['clocksource']}, {machine['compiler']}; "
            f"{versions}. Load average at the start: {machine['load_at_start']}.")


def missing():
    """Contestants that are not installed: (name, what it is needed for)."""
    wanted = {"lttng-sessiond": "lttng-ust", "uftrace": "uftrace", "heaptrack": "heaptrack",
              "babeltrace2": "babeltrace2", "valgrind": "instruction counts"}
    return [(program, what) for program, what in wanted.items() if not shutil.which(program)]
