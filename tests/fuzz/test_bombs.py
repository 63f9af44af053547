#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of a few kilobytes that claim gigabytes: reading them stays within the declared limits.

    test_bombs.py [NAME...]   those files whose functions are called file_of_NAME; else all

There is a file for each limit, made so that no other limit holds what it claims: without that one limit a command asks
for more than the address space that it has here, or fills more memory than is said for the file. Where the limit is
stands with the file.
"""

import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import recording

sys.path.insert(0, str(recording.SOURCE / "tests" / "compat"))

from adatrace_blocks import DATA, META, START, Header  # noqa: E402
from block_sealer import sealed, sealed_frame  # noqa: E402

SANITIZED = bool(recording.SANITIZER)  # they need addresses by the terabyte
ADDRESSES = 2 << 30
SECONDS = 60 if not SANITIZED else 600
RECORDS_MAX = 1 << 20
FIELDS = 12  # of 8 bytes: with ticks and the like nearly all that a block may unpack to
WIDE = 680  # elements of a field: records of 64 KiB, as large as they may be
HEADS = 16  # blocks of 120 MiB


def string(text):
    return struct.pack("<I", len(text)) + text


def item(kind, body):
    return struct.pack("<HHI", kind, 0, len(body)) + body


def name16(text):
    return struct.pack("<H", len(text)) + text


def type_item(number, elements):
    fields = b"".join(struct.pack("<BBHH", 1, 8, elements, 0) + name16(b"f%d" % n) for n in range(FIELDS))
    schema = struct.pack("<HBBHH", 8, 0, 6, FIELDS, 1) + name16(b"bomb") + name16(b"word%d" % number) + name16(b"") + name16(b"")
    return item(7, struct.pack("<I", number) + string(schema + fields))


def process_items(threads):
    process = item(3, struct.pack("<IIIQQQ", 1, 0, 11, 1000, 99, 1) + string(b"/bin/bomb") + string(b"bomb"))
    return [process] + [item(5, struct.pack("<IIIQQ", n + 1, 1, 11 + n, 1000, 4096) + string(b"t%d" % n))
                        for n in range(threads)]


def header(kind, **fields):
    """Zeroes but for these fields; sealed() sees to sizes and checksums."""
    return Header(*[0] * len(Header._fields))._replace(version=1, kind=kind, recording=7, **fields)


def meta(items):
    return sealed(header(META, records=len(items)), b"".join(items))


CONSTANT = b"\0" + bytes(8)  # a column of zeros


def data(thread, number, records, ticks, columns, last_ticks=2000):
    """A block of one run; `ticks` is the column of them."""
    content = struct.pack("<IIIQ", records, 0, 1, 2000) + struct.pack("<III", number, records, len(columns)) + ticks + columns
    return sealed(header(DATA, thread=thread, records=records, first_ticks=2000, last_ticks=last_ticks), content)


def begin(threads, *types):
    return sealed(header(START), b"") + meta([*types, *process_items(threads)])


def file_of_columns():
    """A million records of 64 KiB in three hundred bytes. BLOCK_DECODED_BYTES_MAX, numbers (block_decode.c)."""
    return begin(1, type_item(2, WIDE)) + data(1, 2, RECORDS_MAX, CONSTANT, CONSTANT * FIELDS)


def file_of_texts():
    """Sixty thousand times the same string of 64 KiB. BLOCK_DECODED_BYTES_MAX, strings (block_decode.c)."""
    text = b"x" * 65535
    fields = struct.pack("<BBHH", 9, 0, 1, 0) + name16(b"text")
    schema = struct.pack("<HBBHH", 8, 0, 6, 1, 1) + name16(b"bomb") + name16(b"word1") + name16(b"") + name16(b"")
    one = struct.pack("<I", 1)
    column = b"\5" + one + b"\0" + struct.pack("<I", len(text)) + text + b"\0\0"  # a dictionary of one entry
    return (begin(1, item(7, one + string(schema + fields))) + data(1, 1, 60000, CONSTANT, column))


def file_of_records():
    """Two thousand million records of nothing but their times. BLOCK_RECORDS_MAX (block_header.c)."""
    return begin(1, type_item(1, 1)) + data(1, 1, 1 << 31, CONSTANT, CONSTANT * FIELDS)


def file_of_content():
    """Contents of 3 GiB: an end that nobody comes to. BLOCK_CONTENT_BYTES_MAX (block_header.c)."""
    frame = struct.pack("<IBQ", 0xFD2FB528, 3 << 6 | 1 << 5, 3 << 30) + b"\1\0\0"
    return begin(1) + sealed_frame(header(META, records=1), frame, 3 << 30) * 2


def file_of_metadata():
    """Notes of nothing but spaces, up to the most that a block may hold, again and again. METADATA_BYTES_LEAST and
    METADATA_BYTES_PER_FILE_BYTE (trace_tables.c)."""
    note = item(10, struct.pack("<IIQ", 1, 1, 2000) + string(b" " * (1 << 20)))
    block = sealed(header(META, records=60), note * 60)
    return begin(1) + block * 100


def file_of_heads():
    """Threads whose first events come before all their others: a merge needs a block of each, all at once.
    HELD_BYTES_MAX (trace_reader.c)."""
    records = (120 << 20) // (8 * FIELDS * WIDE)

    def block(thread):  # its second record comes 256 ticks times its number after its first
        ticks = b"\1\2" + bytes(8) + b"\0" + bytes([thread]) + bytes(records - 2)
        return data(thread, 2, records, ticks, CONSTANT * FIELDS, 2000 + 256 * thread)

    return begin(HEADS, type_item(2, WIDE)) + b"".join(block(n + 1) for n in range(HEADS))


def file_of_blocks():
    """As large as blocks may be, one after the other, for many at work. ahead_bytes_max (trace_reader.c)."""
    records = (100 << 20) // (8 * FIELDS)
    return begin(1, type_item(1, 1)) + data(1, 1, min(records, RECORDS_MAX), CONSTANT, CONSTANT * FIELDS) * 40


def file_of_empty_frames():
    """Headers that promise the most there can be, in front of frames that hold nothing. It costs nothing in any case:
    the size that a frame tells of itself is looked at first (frame.c), and for time."""
    lying = sealed(header(DATA, thread=1, records=RECORDS_MAX, last_ticks=9), b"")
    return begin(1) + lying * 2000


# Each with the memory that reading it may fill, in MiB, and the commands that come across what it claims.
ALL = (["info"], ["verify"], ["report", "-j", "1"], ["cut", "-f", "-o", "OUT", "--from", "1s"],
       ["decode", "-j", "1", "--from", "1s"], ["merge", "-f", "-o", "OUT"])
BOMBS = (
    (file_of_columns, 160, ALL),
    (file_of_texts, 160, ALL[:3]),
    (file_of_records, 160, ALL[:3]),
    (file_of_content, 160, ALL[:3]),
    (file_of_metadata, 160, ALL),
    (file_of_heads, 750, (["decode", "-j", "1", "-w", "bomb:word2.f0[0] == 1"],)),
    (file_of_blocks, 400, (["report", "-j", "16"], ["decode", "-j", "16", "-w", "bomb:word1.f0 == 1"])),
    (file_of_empty_frames, 160, ALL),
)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))


def run(words, resident_mib_max):
    """Status and resident memory of a command that has to end by itself."""
    with subprocess.Popen([recording.ADATRACE, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          preexec_fn=limits) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1, 3), f"{words}: status {process.returncode}: {said[-2000:]}"
    assert "memory" not in said, f"{words}: {said[-2000:]}"
    if not SANITIZED:
        assert usage.ru_maxrss <= resident_mib_max << 10, f"{words}: {usage.ru_maxrss} KiB resident"
    return process.returncode, usage.ru_maxrss


def chosen(words):
    """Every file that this can make is tried: one that nobody names would be no test of its limit."""
    made = {name: value for name, value in globals().items() if name.startswith("file_of_")}
    assert list(made.values()) == [row[0] for row in BOMBS], "a file is not tried"
    assert all(f"file_of_{word}" in made for word in words), words
    return [row for row in BOMBS if not words or row[0].__name__.removeprefix("file_of_") in words]


def main(words):
    most, commands, began = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for make, resident_mib_max, all_words in chosen(words):
            path, out = Path(folder) / f"{make.__name__}.adatrace", Path(folder) / "out.adatrace"
            path.write_bytes(make())
            assert path.stat().st_size < 1 << 20, path.stat().st_size
            for command in all_words:
                status, resident = run([out if word == "OUT" else word for word in command] + [path], resident_mib_max)
                most = max(most, resident)
                commands += 1
                print(f"{make.__name__} {command[0]}: status {status}, {resident >> 10} MiB", flush=True)
            assert run(["verify", path], resident_mib_max)[0] in (1, 3), "a bomb is no sound trace"
    place = os.environ.get("ADATRACE_EVIDENCE")
    if place and not words:
        seconds = time.monotonic() - began
        (Path(place) / "bombs").write_text(f"at most {most >> 10} MiB resident, {seconds:.0f} s for {commands} commands\n",
                                           encoding="utf-8")


main(sys.argv[1:])
