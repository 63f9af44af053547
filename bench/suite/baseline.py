# SPDX-License-Identifier: Apache-2.0
"""--check: compare with the committed baseline, by ratio to the clock reading of the same rounds.

A time is divided by what one reading of the clock took in the same rounds, a rate multiplied by it;
sizes and counts are compared as they are. So a slower machine, or a slow hour of the same machine, is no loss.
Memory and the system do not keep pace with the clock: what every other contestant of the same rounds
has lost as well is the machine's, too.
"""

import json
import statistics

from result import HIGHER, OURS
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
    """{key: (ours, {contestant: normalised value})}"""
    return {key_of(r, f): (f, {p.contestant: normalised(r, p) for p in r.figures if p.row == f.row})
            for r in results for f in r.figures if (f.row, f.contestant) in r.guarded}


def write(run):
    data = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    kind = "quick" if run["quick"] else "full"
    data[kind] = {
        "cpu": run["machine"]["cpu"], "commit": run["machine"]["commit"], "date": run["date"],
        "width": float(f"{run['width']:.4g}"),
        "figures": {**data.get(kind, {}).get("figures", {}),
                    **{key: {who: float(f"{value:.5g}") for who, value in values.items()}
                       for key, (_, values) in sorted(guarded(run["results"]).items())}},
    }
    BASELINE.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def load(quick):
    """The baseline for this kind of run, or None."""
    if not BASELINE.exists():
        return None
    return json.loads(BASELINE.read_text()).get("quick" if quick else "full")


def worse(figure, then, now):
    """How many times worse; 1 is as before."""
    return then / now if figure.better == HIGHER else now / then


def losses(results, baseline):
    """[(key, then, now, loss)] of what is worse than the baseline by more than the tolerance."""
    found = []
    for key, (figure, values) in guarded(results).items():
        then = baseline["figures"].get(key)
        if not then or not values[OURS]:
            continue
        others = [worse(figure, then[who], value) for who, value in values.items()
                  if who != OURS and value and then.get(who)]
        loss = worse(figure, then[OURS], values[OURS]) / max(1, min(others, default=1)) - 1
        if loss > TOLERANCE:
            found.append((key, then[OURS], values[OURS], loss))
    return found


def unmeasured(results, baseline):
    """What the baseline has, of the cases that ran, and this run has not."""
    ran = {r.name for r in results}
    have = guarded(results)
    return [key for key in baseline["figures"]
            if key.split(" / ")[0] in ran and key not in have]
