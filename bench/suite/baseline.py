# SPDX-License-Identifier: Apache-2.0
"""--check: compare with the committed baseline, by ratio to the clock reading of the same rounds.

A time is divided by what one reading of the clock took in the same rounds, a rate multiplied by it;
sizes and counts are compared as they are. So a slower machine, or a slow hour of the same machine, is no loss.
"""

import json
import statistics

from result import HIGHER
from settings import BASELINE

NS_OF = {"ns": 1.0, "ms": 1e6, "s": 1e9}
TOLERANCE = 0.15


def key_of(result, figure):
    return f"{result.name} / {figure.row}"


def normalised(result, figure):
    """In readings of the clock; None: not by this run."""
    if figure.unit in NS_OF:
        return figure.value * NS_OF[figure.unit] / statistics.median(result.clock_ns)
    if figure.unit == "M/s":
        return figure.value * statistics.median(result.clock_ns)
    return figure.value


def guarded(results):
    """{key: (normalised value, figure)}"""
    return {key_of(r, f): (normalised(r, f), f)
            for r in results for f in r.figures if (f.row, f.contestant) in r.guarded}


def write(run):
    data = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    kind = "quick" if run["quick"] else "full"
    data[kind] = {
        "cpu": run["machine"]["cpu"], "commit": run["machine"]["commit"], "date": run["date"],
        "figures": {**data.get(kind, {}).get("figures", {}),
                    **{key: float(f"{value:.5g}") for key, (value, _) in
                       sorted(guarded(run["results"]).items())}},
    }
    BASELINE.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def load(quick):
    """The baseline for this kind of run, or None."""
    if not BASELINE.exists():
        return None
    return json.loads(BASELINE.read_text()).get("quick" if quick else "full")


def losses(results, baseline):
    """[(key, then, now, loss)] of what is worse than the baseline by more than the tolerance."""
    found = []
    for key, (now, figure) in guarded(results).items():
        then = baseline["figures"].get(key)
        if not then or now is None:
            continue
        loss = then / now - 1 if figure.better == HIGHER else now / then - 1
        if loss > TOLERANCE:
            found.append((key, then, now, loss))
    return found


def unmeasured(results, baseline):
    """What the baseline has, of the cases that ran, and this run has not."""
    ran = {r.name for r in results}
    have = guarded(results)
    return [key for key in baseline["figures"]
            if key.split(" / ")[0] in ran and key not in have]
