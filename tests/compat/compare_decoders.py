#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do `adatrace` and the second decoder find the same in a trace?

    compare_decoders.py ADATRACE FILE...

Every event, field, gap and their order, as `decode --format json` prints them, and the counts of
`info --format json`. What is written here is only how the command words things: see
`adatrace decode --help`. Prints the differences; exit status 1 when there are any.
"""

import itertools
import json
import math
import os
import re
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

from adatrace_blocks import CUT_OFF, DATA, OtherVersion
from adatrace_columns import BYTES, CODE, DURATION, ENUM, FLOAT, POINTER, STRING
from adatrace_decoder import GAP_KINDS, Event, Gap, Trace

PHASES = {1: "begin", 2: "end", 3: "counter", 4: "span_begin", 5: "span_step", 6: "span_end",
          7: "flow_out", 8: "flow_in", 9: "enter", 10: "exit", 11: "format"}
NOTE_KINDS = {1: "info", 2: "warning", 3: "untraced", 4: "untrue"}
LEDGER = ("written", "written_bytes", "dropped", "dropped_bytes", "overwritten",
          "overwritten_bytes", "damaged", "nested", "high_water_bytes", "stored")
SHOWN_AT_MOST = 20


def worded(text):
    r"""A byte that is not UTF-8 shows as \xNN."""
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c for c in text)


def number_of(shown, field):
    """What the command shows of a FLOAT as the number that it stands for; words stay words."""
    if isinstance(shown, list):
        return [number_of(element, field) for element in shown]
    if isinstance(shown, str):
        return shown
    return struct.unpack("f", struct.pack("f", shown))[0] if field.width == 4 else float(shown)


def parsed(line):
    """JSON, but -0 keeps its sign."""
    return json.loads(line, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))


def holds_at(item, ticks):
    """Does a MODULE or SYMBOL hold at that time?"""
    end = item["to_ticks"]
    return item["from_ticks"] <= ticks and (ticks < end or end == 2 ** 64 - 1)


class Words:
    """The events of a trace as the command words them."""

    def __init__(self, trace):
        self.trace = trace
        self.symbols, self.modules = {}, {}
        for symbol in trace.items["symbol"]:
            place = self.image(symbol["process"]), symbol["address"]
            self.symbols.setdefault(place, []).append(symbol)
        latest = {}
        for module in trace.items["module"]:
            before = latest.get(module["module"])
            if before is None or module["to_ticks"] != 2 ** 64 - 1:
                latest[module["module"]] = module
        for module in latest.values():
            self.modules.setdefault(self.image(module["process"]), []).append(module)

    def image(self, process):
        return self.trace.items["process"].get(process, {}).get("image")

    def value(self, value, field):
        if isinstance(value, list):
            return [self.value(element, field) for element in value]
        if field.kind in (POINTER, CODE):
            return hex(value)
        if field.kind == ENUM:
            label = field.labels.get(value)
            return value if label is None else worded(label)
        if field.kind == DURATION:
            return self.trace.clock.duration_ns(value)
        if field.kind == FLOAT and not math.isfinite(value):
            return "nan" if math.isnan(value) else str(value)
        if field.kind == STRING:
            return worded(value.decode("utf-8", "surrogateescape"))
        return value.hex() if field.kind == BYTES else value

    def place(self, address, image, ticks):
        """FILE:LINE of a code address, or None."""
        symbols = self.symbols.get((image, address), ()) if image is not None else ()
        for symbol in sorted(symbols, key=lambda symbol: symbol["from_ticks"]):
            if symbol["name"] and holds_at(symbol, ticks):
                return f"{worded(symbol['file'])}:{symbol['line']}" if symbol["file"] else None
        return None

    def meaning(self, address, image, ticks):
        """Name and offset of a code address at a time; of the file it is in, if it has no name."""
        if image is None:
            return None
        symbols = self.symbols.get((image, address), ())
        for symbol in sorted(symbols, key=lambda symbol: symbol["from_ticks"]):
            if symbol["name"] and holds_at(symbol, ticks):
                offset = max(address - symbol["start"], 0) if symbol["start"] else 0
                return worded(symbol["name"]) + (f"+{offset:#x}" if offset else "")
        for module in reversed(self.modules.get(image, ())):
            if module["base"] <= address < module["end"] and holds_at(module, ticks):
                offset = (address - module["bias"]) % 2 ** 64
                return f"{worded(os.path.basename(module['path']) or module['path'])}+{offset:#x}"
        return None

    def event(self, event):
        trace = self.trace
        thread = trace.items["thread"].get(event.thread, {"process": 0, "tid": 0, "name": ""})
        process = trace.items["process"].get(thread["process"], {"pid": 0, "image": None})
        worded_event = {"ts_ns": trace.clock.ns(event.ticks), "pid": process["pid"],
                        "tid": thread["tid"], "thread": worded(thread["name"])}
        if isinstance(event, Gap):
            fields = {"kind": GAP_KINDS.get(event.kind, "damaged"), "records": event.records,
                      "bytes": event.bytes, "first_ns": trace.clock.ns(event.ticks),
                      "last_ns": trace.clock.ns(event.last_ticks)}
            return {**worded_event, "event": "adatrace:gap", "fields": fields}
        kind = event.type
        worded_event["event"] = worded(f"{kind.provider}:{kind.name}")
        if kind.phase in PHASES:
            worded_event["phase"] = PHASES[kind.phase]
        values = list(zip(kind.fields, event.values))
        worded_event["fields"] = {worded(f.name): self.value(v, f) for f, v in values}
        symbols = {worded(f.name): self.meaning(v, process["image"], event.ticks)
                   for f, v in values if f.kind == CODE and f.count == 1}
        lines = {worded(f.name): self.place(v, process["image"], event.ticks)
                 for f, v in values if f.kind == CODE and f.count == 1}
        for member, known in (("symbols", symbols), ("lines", lines)):
            known = {name: meaning for name, meaning in known.items() if meaning}
            worded_event.update({member: known} if known else {})
        return worded_event


def alike(shown, own, event):
    """Does the command show what we decoded? Order counts, and the type of each value."""
    shown.pop("text", None)  # how printf words an event is not part of the format
    if shown["pid"] == 0:
        shown.pop("symbols", None)  # nor are symbols of a process whose metadata is damaged
        shown.pop("lines", None)
    for field in () if isinstance(event, Gap) else event.type.fields:
        name = worded(field.name)
        if field.kind == FLOAT and name in shown["fields"]:
            shown["fields"][name] = number_of(shown["fields"][name], field)
    return json.dumps(shown) == json.dumps(own)


class Printed:
    """What the command prints as JSON, line by line; `status` is known after the last one."""

    def __init__(self, adatrace, command, path):
        self.words = [str(adatrace), command, str(path), "--format", "json"]
        self.status = None

    def __iter__(self):
        with subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              encoding="utf-8") as command:
            yield from command.stdout
        self.status = command.returncode


def event_differences(lines, trace, counted):
    """Compare line by line; `counted` counts what the second decoder finds."""
    words = Words(trace)
    for number, (line, event) in enumerate(itertools.zip_longest(lines, trace.events()), 1):
        if event is None:
            yield f"line {number}: only the command has {line.rstrip()}"
            continue
        own = words.event(event)
        counted[type(event)] += 1
        if line is None:
            yield f"line {number}: the command lacks {json.dumps(own)}"
        elif not alike(parsed(line), own, event):
            yield f"line {number}: {line.rstrip()}\n    but decoded {json.dumps(own)}"


def successor(processes, number, end):
    """What exec made of a process that ended without a status: the next of its pid begins there."""
    mine = processes[number]
    next_one = next((process for process in processes.values()
                     if (process["pid"], process["start_ticks"]) == (mine["pid"], end["end_ticks"])), mine)
    is_same = not mine["start_time"] or next_one["start_time"] in (0, mine["start_time"])
    return next_one if next_one is not mine and is_same else None


def ending(processes, number, end):
    """How a process ended, in words."""
    status = end.get("status")
    if status is None:
        return "not seen"
    if status == -1:
        after = successor(processes, number, end)
        return f"exec {worded(after['executable'] or after['command'])}" if after else "not known"
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit {os.WEXITSTATUS(status)}"


def own_info(trace, events):
    """What `info` has to say about the trace, as far as the page defines it."""
    items, clock = trace.items, trace.clock
    whole = [header.kind for header in trace.readable_blocks() if not header.flags]
    recording = {name: worded(value) if isinstance(value, str) else value
                 for item in items["recording"][-1:] for name, value in item.items()}
    nothing = dict.fromkeys(LEDGER, 0)
    ledgers = {number: items["ledger"].get(number, nothing) for number in items["thread"]}
    processes = []
    for number, process in items["process"].items():
        end = items["process_end"].get(number, {})
        mine = [ledgers[n] for n, t in items["thread"].items() if t["process"] == number]
        processes.append({
            "pid": process["pid"],
            "parent_pid": items["process"].get(process["parent"], {"pid": 0})["pid"],
            "executable": worded(process["executable"]), "command": worded(process["command"]),
            "start_ns": clock.ns(process["start_ticks"]),
            "end_ns": clock.ns(end["end_ticks"]) if end else None,
            "end": ending(items["process"], number, end), "threads": len(mine),
            **{name: sum(ledger[name] for ledger in mine)
               for name in LEDGER if name != "high_water_bytes"}})
    threads = [{"pid": items["process"].get(t["process"], {"pid": 0})["pid"], "tid": t["tid"],
                "name": worded(t["name"]), "start_ns": clock.ns(t["start_ticks"]),
                "ring_bytes": t["ring_bytes"], "final": bool(ledgers[n].get("final")),
                **{name: ledgers[n][name] for name in LEDGER}}
               for n, t in items["thread"].items()]
    notes = [{"kind": NOTE_KINDS.get(n["kind"]), "ts_ns": clock.ns(n["ticks"]),
              "text": worded(n["text"])} for n in items["note"]]
    return {
        "events": events, "processes": processes, "threads": threads, "notes": notes,
        "recording": {name: recording.get(name, "") for name in
                      ("adatrace_version", "command", "directory", "policy")},
        "machine": {**{name: recording.get(name, "") for name in
                       ("host", "kernel", "cpu", "clock_source")},
                    **{name: recording.get(name, 0) for name in
                       ("cpu_count", "page_bytes", "ticks_per_second")}},
        "file": {"bytes": len(trace.data), "ended": trace.end is not None,
                 "blocks": len(trace.readable_blocks()), "data_blocks": whole.count(DATA)},
    }


def info_differences(shown, own, where="info"):
    """Where `shown` says otherwise than `own`; it may say more."""
    if isinstance(own, dict) and isinstance(shown, dict):
        for name, value in own.items():
            yield from info_differences(shown.get(name), value, f"{where}.{name}")
    elif isinstance(own, list) and isinstance(shown, list) and len(own) == len(shown):
        for number, (one, other) in enumerate(zip(shown, own)):
            yield from info_differences(one, other, f"{where}[{number}]")
    elif shown != own:
        yield f"{where} is {json.dumps(shown)}, but decoded {json.dumps(own)}"


def damage_differences(verified, trace):
    """Where one finds a block damaged and the other does not."""
    found = (re.search(r"(?:block|metadata) at offset (\d+)", finding["text"])
             for finding in verified["findings"] if finding["severity"] == "damage")
    shown = {int(match[1]) for match in found if match}
    own = {offset for offset, words in trace.damage if words != CUT_OFF}
    if shown != own:
        yield f"verify finds damage at {sorted(shown)}, but decoded {trace.damage}"


def differences(adatrace, path, counted=None, with_info=True):
    """All differences, in words. `counted` becomes what was compared."""
    counted = Counter() if counted is None else counted
    decode, info, verify = (Printed(adatrace, word, path) for word in ("decode", "info", "verify"))
    try:
        trace = Trace(Path(path).read_bytes())
        readable = trace.readable_blocks()
    except OtherVersion:
        readable = []
    if not readable:
        shown = list(decode)
        if decode.status != 1 or shown:
            yield f"decode exits with {decode.status} and {len(shown)} lines; nothing is readable"
        return
    yield from event_differences(decode, trace, counted)
    if decode.status != 0:
        yield f"decode exits with {decode.status}"
        return
    yield from damage_differences(json.loads("".join(verify)), trace)
    # What is said of processes and threads whose metadata is damaged is up to the command.
    if with_info and all(words == CUT_OFF for _, words in trace.damage):
        own = own_info(trace, counted[Event] + trace.unknown_events)
        yield from info_differences(json.loads("".join(info)), own)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    different = 0
    for path in sys.argv[2:]:
        counted = Counter()
        found = list(itertools.islice(differences(sys.argv[1], path, counted), SHOWN_AT_MOST))
        print(f"{path}: {'DIFFERENT' if found else 'the same'}: "
              f"{counted[Event]} events, {counted[Gap]} gaps")
        for difference in found:
            print(f"  {difference}")
        different += bool(found)
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
