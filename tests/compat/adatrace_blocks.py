# SPDX-License-Identifier: Apache-2.0
"""The frame of the second decoder: which blocks a file consists of, and what is in them (1 of
docs/FORMAT.md). A file that was cut off or damaged is no error: it has fewer blocks.
"""

import ctypes
import struct
from collections import namedtuple

from adatrace_columns import expect

MAX_CONTENT_BYTES = 67_108_864
MAX_COUNT = 1_048_576


def crc32c_of_word(word):
    for _ in range(16):
        word = word >> 1 ^ (0x82F63B78 if word & 1 else 0)
    return word


CRC32C = [crc32c_of_word(word) for word in range(1 << 16)]


def crc32c(data):
    """By words of 16 bits, because each step costs a round of the interpreter."""
    crc, even = 0xFFFFFFFF, len(data) & ~1
    for word, in struct.iter_unpack("<H", data[:even]):
        crc = CRC32C[(crc ^ word) & 0xFFFF] ^ crc >> 16
    if even < len(data):
        # A byte in the upper half comes down in eight steps that change nothing.
        crc = CRC32C[((crc ^ data[even]) & 0xFF) << 8] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_versionString.restype = ctypes.c_char_p
ZSTD.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
ZSTD.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
ZSTD.ZSTD_decompress.restype = ctypes.c_size_t


def zstd_version():
    """Of this machine's library: "1.5.4"."""
    return ZSTD.ZSTD_versionString().decode()


def unpack_frame(frame, content_bytes):
    """The content of exactly one zstd frame that says itself how much it unpacks to."""
    size, room = ctypes.c_size_t(len(frame)), ctypes.c_size_t(content_bytes)
    expect(ZSTD.ZSTD_getFrameContentSize(frame, size) == content_bytes, "frame of another size")
    expect(ZSTD.ZSTD_findFrameCompressedSize(frame, size) == len(frame), "not one zstd frame")
    content = ctypes.create_string_buffer(content_bytes or 1)
    unpacked = ZSTD.ZSTD_decompress(content, room, frame, size)
    expect(unpacked == content_bytes, "zstd frame does not unpack")
    return content.raw[:content_bytes]


START, META, DATA, INDEX, END = range(1, 6)
VERSION = 1
CUT_OFF = "cut off"
SKIPPABLE, MAGIC = 0x184D2A5A, b"adatrace"
PREFIX = struct.Struct("<II8sH")
HEADER = struct.Struct("<16xHBBIQQQIIIIIhHII")
Header = namedtuple("Header", "version kind flags thread sequence first_ticks last_ticks records "
                              "gaps content_bytes frame_bytes frame_crc level reserved recording "
                              "header_crc")


class OtherVersion(Exception):
    """A good header of another version: its layout is not known."""


def header_at(data, offset, recording, searching=False):
    """The good header at `offset`, or None. `recording` is None until the first one is found."""
    prefix = data[offset:offset + PREFIX.size]
    if len(prefix) < PREFIX.size:
        return None
    skippable, size, magic, version = PREFIX.unpack(prefix)
    packed = data[offset:offset + 8 + size]
    if (skippable, magic) != (SKIPPABLE, MAGIC) or not 72 <= size <= 1016 or len(packed) < 8 + size:
        return None
    if crc32c(packed[:-4]) != int.from_bytes(packed[-4:], "little"):
        return None
    if version != VERSION:
        if searching:
            return None
        raise OtherVersion(f"version {version}")
    if size != HEADER.size - 8:
        return None
    header = Header._make(HEADER.unpack(packed))
    good = (max(header.records, header.gaps) <= MAX_COUNT
            and header.content_bytes <= MAX_CONTENT_BYTES
            and header.first_ticks <= header.last_ticks)
    return header if good and recording in (None, header.recording) else None


def header_behind(data, offset, recording):
    """(place, header) of the first good header at `offset` or behind; (None, None)."""
    at = data.find(MAGIC, offset + 8)
    while at >= 0:
        header = header_at(data, at - 8, recording, searching=True)
        if header:
            return at - 8, header
        at = data.find(MAGIC, at + 1)
    return None, None


def blocks_of(data):
    """(offset, header, None) of every block, (offset, None, words) where one is missing."""
    expected, inside, recording = 0, 0, None
    while expected < len(data):
        offset, header = expected, header_at(data, expected, recording)
        if not header:
            # Bytes may be lost: then the next block begins before the end of the last one.
            offset, header = header_behind(data, inside, recording)
            yield expected, None, "no good header" if header else CUT_OFF
        if not header:
            return
        recording = header.recording
        yield offset, header, None
        inside = offset + HEADER.size
        expected = inside + header.frame_bytes


def is_all_there(data, offset, header):
    return offset + HEADER.size + header.frame_bytes <= len(data)


def content_of(data, offset, header):
    """The unpacked content of a block."""
    begin = offset + HEADER.size
    expect(is_all_there(data, offset, header), CUT_OFF)
    frame = data[begin:begin + header.frame_bytes]
    expect(crc32c(frame) == header.frame_crc, "wrong frame_crc")
    return unpack_frame(frame, header.content_bytes)
