#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of a few kilobytes that claim gigabytes: reading them stays within the declared limits.

Every command runs under limits of address space and processor time that leave no room for what the file claims.
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
from block_sealer import sealed  # noqa: E402

SANITIZED = bool(recording.SANITIZER)  # they need addresses by the terabyte
ADDRESSES = 2 << 30
RESIDENT_KIB_MAX = 1300 << 10
SECONDS = 60 if not SANITIZED else 600
RECORDS_MAX = 1 << 20
FIELDS = 12  # of 8 bytes: with ticks and the like nearly all that a block may unpack to
WIDE = 680  # elements of a field: records of 64 KiB, as large as they may be
THREADS = 64


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


def columns_bomb(thread, number=1):
    """A million records of a hundred bytes, or sixty thousand, in three hundred: every column is one value."""
    constant = b"\0" + bytes(8)
    columns = constant * FIELDS
    content = (struct.pack("<IIIQ", RECORDS_MAX, 0, 1, 2000) + struct.pack("<III", number, RECORDS_MAX, len(columns)) +
               constant + columns)
    return sealed(header(DATA, thread=thread, records=RECORDS_MAX, first_ticks=2000, last_ticks=2000), content)


def file_of_columns():
    types = [type_item(1, 1), type_item(2, WIDE)]
    return (sealed(header(START), b"") + meta([*types, *process_items(THREADS)]) +
            b"".join(columns_bomb(n + 1) for n in range(THREADS)) +
            b"".join(columns_bomb(n + 1, 2) for n in range(THREADS)))


def file_of_metadata():
    """Notes of nothing but spaces, up to the most that a block may hold, again and again."""
    note = item(10, struct.pack("<IIQ", 1, 1, 2000) + string(b" " * (1 << 20)))
    block = sealed(header(META, records=60), note * 60)
    return sealed(header(START), b"") + meta(process_items(1)) + block * 100


def file_of_empty_frames():
    """Headers that promise the most there can be, in front of frames that hold nothing."""
    lying = [sealed(header(DATA, thread=1, records=RECORDS_MAX, last_ticks=9), b"") for _ in range(2000)]
    return sealed(header(START), b"") + meta(process_items(1)) + b"".join(lying)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))


def run(words):
    """Status and resident memory of a command that has to end by itself."""
    with subprocess.Popen([recording.ADATRACE, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          preexec_fn=limits) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1, 3), f"{words}: status {process.returncode}: {said[-2000:]}"
    assert "memory" not in said, f"{words}: {said[-2000:]}"
    if not SANITIZED:
        assert usage.ru_maxrss <= RESIDENT_KIB_MAX, f"{words}: {usage.ru_maxrss} KiB resident"
    return process.returncode, usage.ru_maxrss


def main():
    most, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.adatrace"
        for make in (file_of_columns, file_of_metadata, file_of_empty_frames):
            path = Path(folder) / f"{make.__name__}.adatrace"
            path.write_bytes(make())
            assert path.stat().st_size < 1 << 20, path.stat().st_size
            for words in (["info"], ["verify"], ["report", "-j", "1"], ["cut", "-f", "-o", out, "--from", "1s"],
                          ["decode", "--from", "1s"], ["merge", "-f", "-o", out]):
                status, resident = run([*words, path])
                most = max(most, resident)
                print(f"{make.__name__} {words[0]}: status {status}, {resident >> 10} MiB")
            assert run(["verify", path])[0] in (1, 3), "a bomb is no sound trace"
    place = os.environ.get("ADATRACE_EVIDENCE")
    if place:
        seconds = time.monotonic() - began
        (Path(place) / "bombs").write_text(f"at most {most >> 10} MiB resident, {seconds:.0f} s for 18 commands\n",
                                           encoding="utf-8")


main()
