# SPDX-License-Identifier: Apache-2.0
"""What a case found out: figures (row x contestant), targets, notes, gaps."""

import statistics

from samples import quartiles, ratios

OURS = "adatrace"
LOWER, HIGHER = "lower", "higher"


class Figure:
    """One row of one contestant: the samples of all rounds, in order."""

    def __init__(self, row, contestant, unit, samples, better):
        self.row, self.contestant, self.unit, self.better = row, contestant, unit, better
        self.samples = [float(s) for s in samples]
        self.low, self.value, self.high = quartiles(self.samples)


class CaseResult:
    """Filled by a case, read by the reports and by --check."""

    def __init__(self, name, title):
        self.name, self.title = name, title
        self.figures, self.targets, self.notes, self.gaps = [], [], [], []
        self.clock_ns = []
        self.guarded = set()
        self.foreign = 0.0  # cores that others kept busy
        self.rounds, self.rounds_excluded = 0, 0
        self.crowds, self.shared = [], []  # of rounds that had to count all the same: see samples.Round

    # ---- filled by the case ----

    def add(self, row, contestant, unit, samples, better=LOWER, guard=False):
        """`guard`: --check compares it with the baseline."""
        if not samples:
            return
        self.figures.append(Figure(row, contestant, unit, samples, better))
        if guard:
            self.guarded.add((row, contestant))

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def gap(self, contestant, why):
        if (contestant, why) not in self.gaps:
            self.gaps.append((contestant, why))

    def target(self, text, measured, comparison, limit, unit=""):
        """`measured` None: it could not be measured, which is not a pass."""
        met = None
        if measured is not None:
            met = measured <= limit if comparison == "<=" else measured >= limit
        self.targets.append({"text": text, "measured": measured, "comparison": comparison,
                             "limit": limit, "unit": unit, "met": met})

    def rounds_made(self, made, kept):
        self.rounds += len(made)
        self.rounds_excluded += len(made) - len(kept)
        self.crowds += [r.crowd() for r in kept if r.crowd()]
        self.shared += [r.shared() for r in kept if r.shared()]

    def say_what_was_excluded(self):
        if self.rounds_excluded:
            self.note(f"{self.rounds_excluded} of {self.rounds} rounds are left out: other processes used the machine, or other "
                      "guests its cores.")
        if self.crowds:
            self.note(f"Disturbed: in {len(self.crowds)} of the rounds that count, others kept "
                      f"{statistics.mean(self.crowds):.2f} cores busy.")
        if self.shared:
            self.note(f"Disturbed: in {len(self.shared)} of the rounds that count, another guest had a hardware thread of the same "
                      f"core; what a core does side by side took {statistics.mean(self.shared):.2f} times as long as by itself.")

    # ---- read ----

    def find(self, row, contestant):
        for figure in self.figures:
            if (figure.row, figure.contestant) == (row, contestant):
                return figure
        return None

    def value(self, row, contestant):
        figure = self.find(row, contestant)
        return figure.value if figure else None

    def ratio(self, row, over, under):
        """Median of the round-by-round ratios, or None."""
        a, b = self.find(row, over), self.find(row, under)
        return statistics.median(ratios(a.samples, b.samples)) if a and b else None

    def times_better(self, row, peer):
        """Quartiles of how many times better than `peer` adatrace is, or None."""
        ours, theirs = self.find(row, OURS), self.find(row, peer)
        if not ours or not theirs or ours is theirs:
            return None
        over, under = (theirs, ours) if ours.better == LOWER else (ours, theirs)
        found = ratios(over.samples, under.samples)
        return quartiles(found) if found else None

    def rows(self):
        return list(dict.fromkeys(f.row for f in self.figures))

    def contestants(self):
        return list(dict.fromkeys(f.contestant for f in self.figures))

    def as_json(self):
        return {
            "name": self.name, "title": self.title,
            "clock_ns": statistics.median(self.clock_ns) if self.clock_ns else None,
            "figures": [{"row": f.row, "contestant": f.contestant, "unit": f.unit,
                         "better": f.better, "median": f.value, "quartiles": [f.low, f.high],
                         "guarded": (f.row, f.contestant) in self.guarded,
                         "samples": [float(f"{s:.6g}") for s in f.samples]}
                        for f in self.figures],
            "foreign_cores": round(self.foreign, 3), "targets": self.targets, "notes": self.notes,
            "gaps": [{"contestant": who, "why": why} for who, why in self.gaps],
        }

    @classmethod
    def from_json(cls, data):
        result = cls(data["name"], data["title"])
        if data["clock_ns"]:
            result.clock_ns = [data["clock_ns"]]
        for f in data["figures"]:
            result.add(f["row"], f["contestant"], f["unit"], f["samples"], f["better"], f["guarded"])
        result.foreign = data["foreign_cores"]
        result.targets, result.notes = data["targets"], data["notes"]
        result.gaps = [(g["contestant"], g["why"]) for g in data["gaps"]]
        return result
