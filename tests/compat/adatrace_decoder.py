#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second decoder of trace files, written from docs/FORMAT.md alone; (numbers) are its sections.

    adatrace_decoder.py FILE              every event as a line of JSON, gaps among them
    adatrace_decoder.py --metadata FILE   everything else as one JSON object

It shares no line with format/, so what the two agree on is what the page says. It reads the file as
a whole, needs the standard library and libzstd, and finds in a file that was cut off or damaged all
that the page says is still good. adatrace_blocks.py has section 1, adatrace_columns.py the columns
of section 3. As a module: Trace(bytes).
"""

import bisect
import heapq
import itertools
import json
import math
import struct
import sys
from collections import Counter, namedtuple
from pathlib import Path

from adatrace_blocks import (DATA, END, HEADER, INDEX, META, START, Header, blocks_of, content_of,
                             is_all_there)
from adatrace_columns import (BYTES, DURATION, ENUM, FLOAT, STRING, UNSIGNED, Columns, Cursor,
                              Damage, expect, text_of)

MAX_RUNS = 256
MAX_SCHEMA_BYTES = 65_536

# ---- Items (2) ----

ITEMS = {
    1: ("recording", "u32 cpu_count, u32 page_bytes, u64 ticks_per_second, str adatrace_version, "
                     "str host, str kernel, str cpu, str command, str directory, "
                     "str clock_source, str policy, str boot_id, str session"),
    2: ("clock", "u64 ticks, u64 monotonic_ns, u64 realtime_ns, u64 uncertainty_ns"),
    3: ("process", "u32 process, u32 parent, u32 pid, u64 start_ticks, u64 start_time, u64 image, "
                   "str executable, str command"),
    4: ("process_end", "u32 process, i32 status, u64 end_ticks"),
    5: ("thread", "u32 thread, u32 process, u32 tid, u64 start_ticks, u64 ring_bytes, str name"),
    6: ("ledger", "u32 thread, u32 final, u64 written, u64 written_bytes, u64 dropped, "
                  "u64 dropped_bytes, u64 overwritten, u64 overwritten_bytes, u64 damaged, "
                  "u64 nested, u64 high_water_bytes, u64 stored"),
    7: ("type", "u32 type, schema schema"),
    8: ("module", "u32 module, u32 process, u64 base, u64 end, u64 bias, u64 from_ticks, "
                  "u64 to_ticks, str path, str build_id"),
    9: ("symbol", "u32 process, u32 module, u32 line, u64 address, u64 start, u64 from_ticks, "
                  "u64 to_ticks, str name, str file"),
    10: ("note", "u32 kind, u32 process, u64 ticks, str text"),
}
LATER = ("boot_id", "session")  # what is not there, or cut short, in older traces
READERS = {
    "u32": lambda cursor: cursor.number("I"),
    "i32": lambda cursor: cursor.number("i"),
    "u64": lambda cursor: cursor.number("Q"),
    "str": lambda cursor: text_of(cursor.blob().partition(b"\0")[0]),
    "schema": lambda cursor: event_type_of(cursor.blob()),
}


def items_of(header, content):
    """(name, fields) of every item of a START or META block whose kind is known."""
    cursor = Cursor(content)
    for _ in range(header.records):
        kind, _reserved, body_bytes = cursor.numbers("HHI")
        body = Cursor(cursor.take(body_bytes))
        if kind in ITEMS:
            name, layout = ITEMS[kind]
            fields = (field.split() for field in layout.split(", "))
            yield name, dict(fields_of(body, fields))
    expect(cursor.at_end(), "bytes left over")


def fields_of(body, fields):
    for how, field in fields:
        if field in LATER:
            try:
                yield field, READERS[how](body)
            except (Damage, struct.error):
                return
        else:
            yield field, READERS[how](body)


# ---- Event types (2.1) ----

WIDTHS = {FLOAT: (4, 8), STRING: (0,), BYTES: (0,)}

EventType = namedtuple("EventType", "phase level line provider name format file fields")
Field = namedtuple("Field", "name kind width count labels")


def event_type_of(schema):
    expect(len(schema) <= MAX_SCHEMA_BYTES, "schema too long")
    cursor = Cursor(schema)
    _id, phase, level, field_count, line = cursor.numbers("HBBHH")
    words = [blob16_of(cursor) for _ in range(4)]
    expect(phase <= 11 and field_count <= 32, "no such phase, or too many fields")
    expect(all(0 < len(word) <= 255 for word in words[:2]), "no name, or a long one")
    fields = [field_of(cursor) for _ in range(field_count)]
    expect(sum(field.width * field.count for field in fields) <= 65_536, "fields too wide")
    expect(cursor.at_end(), "bytes left over")
    return EventType(phase, level, line, *map(text_of, words), fields)


def field_of(cursor):
    kind, width, count, label_count = cursor.numbers("BBHH")
    name = blob16_of(cursor)
    labels = {}
    for _ in range(label_count):
        labels.setdefault(cursor.number("q"), text_of(blob16_of(cursor)))
    expect(UNSIGNED <= kind <= BYTES and width in WIDTHS.get(kind, range(1, 9)), "no such field")
    expect(count == 1 or count > 1 and width > 0, "no such array")
    expect(not labels or kind == ENUM, "labels of a number")
    expect(len(name) <= 255, "a long name of a field")
    return Field(text_of(name), kind, width, count, labels)


def blob16_of(cursor):
    blob = cursor.take(cursor.number("H"))
    expect(b"\0" not in blob, "NUL in a name")
    return blob


# ---- Data (3) ----

Event = namedtuple("Event", "ticks thread type values")
Gap = namedtuple("Gap", "ticks thread kind last_ticks records bytes")  # ticks: of the first missing
DAMAGED = 3  # the kind of a gap


def events_of(header, content, types):
    """The Events and Gaps of a DATA block, in their order; type None: its description is lost."""
    columns = Columns(content)
    records, gap_count, run_count, base_ticks = columns.numbers("IIIQ")
    expect((records, gap_count) == (header.records, header.gaps), "not what the header says")
    expect(run_count <= MAX_RUNS, "too many runs")
    runs = [columns.numbers("III") for _ in range(run_count)]
    gaps = [columns.numbers("IIQQQQ") for _ in range(gap_count)]
    sizes = [size for _, size, _ in runs]
    expect(sum(sizes) == records and all(sizes), "runs do not add up")
    columns.spend(16 * records)

    which = columns.column(records, 1) if run_count > 1 else [0] * records
    expect([which.count(run) for run in range(run_count)] == sizes, "records of no run")
    differences = columns.column(records, 8) if records else []
    ticks = list(itertools.accumulate(differences, initial=base_ticks))[1:]
    expect(ticks[:1] in ([], [base_ticks]), "ticks do not begin with base_ticks")
    expect(all(header.first_ticks <= when <= header.last_ticks for when in ticks[:1] + ticks[-1:]),
           "ticks that are not the header's")
    rows = [rows_of(columns, types.get(number), size, column_bytes)
            for number, size, column_bytes in runs]
    expect(columns.at_end(), "bytes left over")
    events = [Event(when, header.thread, *next(rows[run])) for when, run in zip(ticks, which)]
    return with_gaps(header.thread, events, gaps)


def rows_of(columns, event_type, n, column_bytes):
    """(type, values) of each of the n records of a run."""
    end = columns.offset + column_bytes
    if event_type is None:
        columns.take(column_bytes)
        return itertools.repeat((None, ()), n)
    fields = [columns.values(field, n) for field in event_type.fields]
    expect(columns.offset == end, "columns of another size")
    rows = zip(*fields) if fields else itertools.repeat((), n)
    return zip(itertools.repeat(event_type), rows)


def with_gaps(thread, events, gaps):
    """The events, and each gap before the record that its position says."""
    merged, done = [], 0
    for position, kind, first_ticks, last_ticks, records, size in gaps:
        expect(done <= position <= len(events), "gap out of place")
        merged += events[done:position]
        merged.append(Gap(first_ticks, thread, kind, last_ticks, records, size))
        done = position
    return merged + events[done:]


# ---- Time (5) ----


MAX_NS = (1 << 63) - 1


class Clock:
    """Ticks to nanoseconds since time 0 of the trace, without floating point."""

    def __init__(self, pairs, ticks_per_second, first_ticks):
        self.pairs = []
        for ticks, ns in sorted(pairs, key=lambda pair: pair[0]):
            if not self.pairs or ticks > self.pairs[-1][0] and ns > self.pairs[-1][1]:
                self.pairs.append((ticks, ns))
        if not self.pairs:
            self.pairs.append((first_ticks, 0))
        (t0, m0), (t1, m1) = self.pairs[0], self.pairs[-1]
        self.slope = (1_000_000_000, ticks_per_second) if ticks_per_second else (1, 1)
        if t0 < t1:
            self.slope = (m1 - m0, t1 - t0)

    def ns(self, ticks):
        after = bisect.bisect_right(self.pairs, ticks, key=lambda pair: pair[0])
        t0, m0 = self.pairs[max(after - 1, 0)]
        rise, run = self.slope
        if 0 < after < len(self.pairs):
            t1, m1 = self.pairs[after]
            rise, run = m1 - m0, t1 - t0
        ns = m0 + (ticks - t0) * rise // run - self.pairs[0][1]
        return min(max(ns, -MAX_NS), MAX_NS)

    def duration_ns(self, ticks):
        return min(ticks * self.slope[0] // self.slope[1], (1 << 64) - 1)


# ---- The trace as a whole ----

EndFields = namedtuple("EndFields", "blocks data_blocks records lost_records index_offset "
                                    "first_ticks last_ticks index_blocks error")
IndexEntry = namedtuple("IndexEntry", "offset first_ticks last_ticks thread records frame_bytes "
                                      "kind flags level")
NUMBERED = {"process": "process", "process_end": "process", "thread": "thread",
            "ledger": "thread", "type": "type"}


class Trace:
    """All that is good in the bytes of a file. `damage` holds (offset, words) of what is not."""

    def __init__(self, data):
        self.data = data
        self.damage, self.blocks, self.index, self.end = [], [], [], None
        self.items = {name: {} if name in NUMBERED else [] for name, _ in ITEMS.values()}
        self.streams = {}  # thread: its DATA blocks, (offset, header or what the index says of it)
        self.index_places, self.end_offset = [], None
        self.unknown_events = 0  # as events() meets them; of types whose description is lost
        for offset, header, words in blocks_of(data):
            if header:
                self.blocks.append((offset, header))
                self.guard(offset, self.read_block, header, offset)
            else:
                self.damage.append((offset, words))
        self.add_lost_headers()
        pairs = [(pair["ticks"], pair["monotonic_ns"]) for pair in self.items["clock"]]
        ticks_per_second = sum(r["ticks_per_second"] for r in self.items["recording"][-1:])
        first_ticks = (header.first_ticks for _, header in self.blocks
                       if header.kind == DATA and not header.flags)
        self.clock = Clock(pairs, ticks_per_second, min(first_ticks, default=0))

    def readable_blocks(self):
        damaged = dict(self.damage)
        return [header for offset, header in self.blocks if offset not in damaged]

    def guard(self, offset, read, *arguments):
        """What `read` gives, or None and an entry in `damage`."""
        try:
            return read(*arguments)
        except (Damage, struct.error) as damage:
            if offset not in dict(self.damage):
                self.damage.append((offset, str(damage)))
            return None

    def read_block(self, header, offset):
        if header.kind not in (START, META, DATA, INDEX, END) or header.flags:
            return
        if header.kind == DATA and is_all_there(self.data, offset, header):
            self.streams.setdefault(header.thread, []).append((offset, header))
        content = content_of(self.data, offset, header)
        if header.kind == INDEX:
            self.index_places.append(offset)
            self.index += map(IndexEntry._make, struct.iter_unpack("<QQQIIIBBh", content))
        elif header.kind == END:
            self.end_offset = offset
            self.end = EndFields._make(struct.unpack("<QQQQQQQIi", content))
        elif header.kind != DATA:
            for name, item in items_of(header, content):
                self.keep(name, item)

    def add_lost_headers(self):
        """DATA blocks without a good header that an index tells of, which has every block in its place."""
        if not self.end or not self.index_places or self.index_places[0] != self.end.index_offset:
            return
        expected = 0
        for entry in self.index:
            if entry.offset != expected:
                return
            expected += HEADER.size + entry.frame_bytes
        found = {offset for offset, _ in self.blocks}
        if expected != self.end.index_offset or 0 not in found:
            return
        for entry in self.index:
            if entry.kind == DATA and not entry.flags and entry.offset not in found:
                self.streams.setdefault(entry.thread, []).append((entry.offset, entry))
        for blocks in self.streams.values():
            blocks.sort(key=lambda block: block[0])

    def keep(self, name, item):
        if name in NUMBERED:
            self.items[name][item[NUMBERED[name]]] = item
        else:
            self.items[name].append(item)

    def events(self):
        """Every Event and Gap, merged by ticks (5)."""
        streams = [self.stream(thread) for thread in sorted(self.streams)]
        return heapq.merge(*streams, key=lambda event: event.ticks)

    def stream(self, thread):
        types = {number: item["schema"] for number, item in self.items["type"].items()}
        for offset, header in self.streams[thread]:
            for event in self.events_or_gap(offset, header, types):
                if isinstance(event, Gap) or event.type:
                    yield event
                else:
                    self.unknown_events += 1

    def unpacked_events(self, header, offset, types):
        # Unpacked once more: all contents together would be too much to keep.
        return events_of(header, content_of(self.data, offset, header), types)

    def events_or_gap(self, offset, header, types):
        """What a DATA block holds; of one that is left out, that so many records are missing."""
        events = None
        if isinstance(header, Header):
            events = self.guard(offset, self.unpacked_events, header, offset, types)
        if events is not None:
            return events
        if not header.records:
            return []
        return [Gap(header.first_ticks, header.thread, DAMAGED, header.last_ticks, header.records, 0)]


# ---- As JSON ----

GAP_KINDS = {1: "dropped", 2: "overwritten", DAMAGED: "damaged"}


def plain(value, field, clock):
    """A field's value as JSON has it: bytes as hexadecimal, what is not finite in words."""
    if isinstance(value, list):
        return [plain(element, field, clock) for element in value]
    if field.kind == ENUM:
        return field.labels.get(value, value)
    if field.kind == DURATION:
        return clock.duration_ns(value)
    if field.kind == FLOAT:
        return value if math.isfinite(value) else str(value)
    if field.kind == STRING:
        return text_of(value)
    return value.hex() if field.kind == BYTES else value


def plain_event(trace, event):
    thread = trace.items["thread"].get(event.thread, {"process": 0, "tid": 0})
    process = trace.items["process"].get(thread["process"], {"pid": 0})
    if isinstance(event, Gap):
        name = "adatrace:gap"
        fields = {"kind": GAP_KINDS.get(event.kind, event.kind), "records": event.records,
                  "bytes": event.bytes, "last_ns": trace.clock.ns(event.last_ticks)}
    else:
        name = f"{event.type.provider}:{event.type.name}"
        fields = {field.name: plain(value, field, trace.clock)
                  for field, value in zip(event.type.fields, event.values)}
    return {"ts_ns": trace.clock.ns(event.ticks), "pid": process["pid"], "tid": thread["tid"],
            "event": name, "fields": fields}


def plain_metadata(trace):
    """All but the events: what the items say, and what is damaged."""
    known = Counter(map(type, trace.events()))
    lists = {name: list(items.values()) if name in NUMBERED else items
             for name, items in trace.items.items()}
    for item in lists["type"]:
        schema = item["schema"]
        item["schema"] = {**schema._asdict(), "fields": [f._asdict() for f in schema.fields]}
    return {**lists, "events": known[Event], "gaps": known[Gap],
            "unknown_events": trace.unknown_events, "blocks": len(trace.blocks),
            "end": trace.end and trace.end._asdict(), "damage": trace.damage}


def main(words):
    *options, path = words or ["--help"]
    if path.startswith("-") or options not in ([], ["--metadata"]):
        sys.exit(__doc__)
    trace = Trace(Path(path).read_bytes())
    if options:
        print(json.dumps(plain_metadata(trace), indent=1))
        return
    for event in trace.events():
        print(json.dumps(plain_event(trace, event)))
    for offset, words in trace.damage:
        print(f"{path}: at {offset}: {words}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
