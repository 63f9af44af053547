# SPDX-License-Identifier: Apache-2.0
"""The benchmark suite; scripts/bench prepares everything and starts it.

    scripts/bench [--quick] [--only CASE]... [--check | --write-baseline]
"""

import argparse
import datetime
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import time

import baseline
import listing
import machine
import markdown
import plot
import where_instructions_go
from contestants import Clock
from foreign import Watch, quiet_wait
from gap import Gap
from lttng import Daemon
from result import CaseResult
from samples import patience
from settings import DOCUMENT, TUNING, WORK, Settings
from traces import CallTraces, MemoryTraces

CASES = ("clock", "emit", "tail", "off", "threads", "sustain", "calls", "size", "read", "start",
         "idle", "wait", "live", "malloc", "rings")
QUICK_LEAVES_OUT = ("wait", "live")  # minutes of looking at little; they have no target
CHECK_TRIES = 3
DISTURBED_CORES = 0.05  # busy with others' work: a loss says nothing
PROFILED_FIB = 22
PATIENCE_S = 30  # for other processes to end, before each case of a full run


class Bench:
    """What the cases share."""

    def __init__(self, settings):
        self.settings = settings
        self.lttng = Daemon()
        self.lttng_session = None
        self.clock = Clock()
        self.call_traces = CallTraces(self, settings.choose(25, 32))
        self.memory_traces = MemoryTraces(self)

    def measure(self, name):
        case = importlib.import_module(f"case_{name}")
        result = CaseResult(name, case.TITLE)
        print(f"==> {name}: {case.TITLE}", flush=True)
        if not self.settings.quick:
            quiet_wait(PATIENCE_S)
        start, watch = time.monotonic(), Watch()
        try:
            case.measure(self, result)
        except Gap as gap:
            result.gap("the whole case", str(gap))
        result.foreign = watch.share(time.monotonic() - start)
        result.say_what_was_excluded()
        for figure in result.figures:
            print(f"    {figure.row + ', ' + figure.contestant:<60} "
                  f"{markdown.with_unit(figure.value, figure.unit)}{markdown.spread(figure)}")
        for who, why in result.gaps:
            print(f"    GAP: {who}: {why}")
        for target in result.targets:
            verdict = {True: "reached", False: "MISSED", None: "NOT MEASURED"}[target["met"]]
            print(f"    {verdict}: {target['text']}: "
                  f"{markdown.with_unit(target['measured'], target['unit'])}, to reach "
                  f"{target['comparison']} {markdown.with_unit(target['limit'], target['unit'])}")
        print(f"    took {time.monotonic() - start:.1f} s, others busy on {result.foreign:.2f} cores",
              flush=True)
        return result

    def close(self):
        self.clock.close()
        self.lttng.end()
        shutil.rmtree(WORK, ignore_errors=True)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure adatrace beside its peers.")
    parser.add_argument("--quick", action="store_true",
                        help="smaller pieces of work, some two minutes, without what is about "
                             "waiting and watching; figures go to bench/results/quick only")
    parser.add_argument("--only", action="append", choices=CASES, metavar="CASE",
                        help=f"only this case (repeatable): {', '.join(CASES)}")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true",
                       help="compare with bench/baseline.json, fail on a loss of more than "
                       f"{baseline.TOLERANCE * 100:.0f} %%")
    group.add_argument("--write-baseline", action="store_true",
                       help="make this run's figures the baseline")
    return parser.parse_args()


def merge_earlier(settings, results, names):
    """With --only, the other cases keep what an earlier run found."""
    path = settings.results / "results.json"
    if len(names) == len(CASES) or not path.exists():
        return results
    earlier = {c["name"]: CaseResult.from_json(c) for c in json.loads(path.read_text())["cases"]}
    earlier.update({r.name: r for r in results})
    return [earlier[name] for name in CASES if name in earlier]


def write_between(text, name, content, document=DOCUMENT):
    """Replace what stands between the markers of `name`; they stay."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"bench: {document.name} has lost its markers {begin} and {end}")
    return f"{before}{begin}\n\n{content}\n{end}{after}"


def write_document(bench, run):
    print("==> Where the instructions go", flush=True)
    text = write_between(DOCUMENT.read_text(encoding="utf-8"), "bench", markdown.document(run))
    text = write_between(text, "profile", where_instructions_go.render(bench, CallTraces(bench, PROFILED_FIB)))
    try:
        code = listing.render()
    except Gap as gap:
        code = f"Gap: {gap}"
        print(f"    GAP: the listing: {gap}")
    DOCUMENT.write_text(write_between(text, "listing", code), encoding="utf-8")


def write_tuning(run):
    """The page for who wants to change something has the table of the ways of waiting, too."""
    for result in run["results"]:
        if result.name == "wait":
            content = f"Measured {run['date']} on {machine.in_words(run['machine'])}\n\n{markdown.case_table(result)}"
            text = write_between(TUNING.read_text(encoding="utf-8"), "wait", content, TUNING)
            TUNING.write_text(text, encoding="utf-8")


def write_results(bench, run):
    settings = bench.settings
    settings.results.mkdir(parents=True, exist_ok=True)
    data = {key: run[key] for key in ("date", "quick", "machine")}
    data["cases"] = [r.as_json() for r in run["results"]]
    (settings.results / "results.json").write_text(
        json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (settings.results / "table.md").write_text(markdown.document(run), encoding="utf-8")
    picture = plot.draw(run["results"])
    if picture:
        (settings.results / "plot.svg").write_text(picture, encoding="utf-8")
    if not run["quick"]:
        write_document(bench, run)
        write_tuning(run)


def disturbance(result):
    """Why a loss of this case says nothing, or None."""
    if result.foreign > DISTURBED_CORES:
        return f"other processes kept {result.foreign:.2f} cores busy"
    if result.shared:
        return f"other guests shared a core in {len(result.shared)} rounds"
    return None


def judged(lost, base, run, disturbed):
    """Those losses that are ours for certain; of the others it is said why not."""
    if lost and base["cpu"] != run["machine"]["cpu"]:
        print(f"    NOT JUDGED: the baseline is of another machine, {base['cpu']}")
        return []
    for name in sorted({key.split(" / ")[0] for key, *_ in lost} & set(disturbed)):
        print(f"    NOT JUDGED: {name}: in the last try others used the machine: {disturbed[name]}")
    return [loss for loss in lost if loss[0].split(" / ")[0] not in disturbed]


def check(bench, run):
    """Exit status. A loss counts when it is there in every try: other processes only make slower."""
    base = baseline.load(run["quick"])
    if not base:
        print("bench: no baseline for this kind of run; make one with --write-baseline",
              file=sys.stderr)
        return 1
    if base["cpu"] == run["machine"]["cpu"]:
        bench.clock.widest_was(base["width"])
    lost, disturbed = baseline.losses(run["results"], base), {}
    patience["tries"] = CHECK_TRIES  # rounds that nobody disturbs are worth waiting for now
    for attempt in range(2, CHECK_TRIES + 1):
        names = [n for n in CASES if any(key.startswith(f"{n} / ") for key, *_ in lost)]
        if not names:
            break
        print(f"==> Worse than the baseline: {', '.join(key for key, *_ in lost)}. Try {attempt}")
        results = [bench.measure(n) for n in names]
        disturbed = {r.name: why for r in results if (why := disturbance(r))}
        again = {key for key, *_ in baseline.losses(results, base)}
        lost = [loss for loss in lost if loss[0] in again]
    for key, then, now, loss in lost:
        print(f"    LOSS {loss:.0%}: {key}: {markdown.number(now)}, baseline {markdown.number(then)}"
              " (in readings of the clock where it is a time)")
    lost = judged(lost, base, run, disturbed)
    absent = baseline.unmeasured(run["results"], base)
    for key in absent:
        print(f"    NOT MEASURED, but in the baseline: {key}")
    if not lost and not absent:
        print(f"==> No loss of more than {baseline.TOLERANCE:.0%} against {base['commit']}")
    return 1 if lost or absent else 0


def main():
    options = arguments()
    settings = Settings(options.quick)
    usual = [n for n in CASES if not (options.quick and n in QUICK_LEAVES_OUT)]
    names = [n for n in CASES if n in options.only] if options.only else usual
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    start = time.monotonic()
    run = {"date": datetime.date.today().isoformat(), "quick": options.quick,
           "machine": machine.describe()}
    print("    " + machine.in_words(run["machine"]))
    if run["machine"]["load_at_start"] > 0.5:
        print("    The machine is busy: figures will be worse than they are.")
    if settings.quick:
        patience["tries"] = 1
    bench, status = Bench(settings), 0
    try:
        results = [bench.measure(name) for name in names]
        run["results"] = merge_earlier(settings, results, names)
        write_results(bench, run)
        if options.write_baseline:
            baseline.write({**run, "results": results, "width": bench.clock.widest_in_readings()})
        if options.check:
            status = check(bench, {**run, "results": results})
    finally:
        bench.close()
    print(f"==> {markdown.summary(run['results'])}; {time.monotonic() - start:.0f} s; "
          f"{os.path.relpath(settings.results)}")
    return status


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    sys.exit(main())
