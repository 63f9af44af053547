# SPDX-License-Identifier: Apache-2.0
"""Blocks with any header and any content, sealed with checksums that are right.

For what no writer writes: later versions, hostile files, lost metadata. Says with docs/FORMAT.md
what a block is, as adatrace_blocks.py does; a trace taken apart and put together has no index.
"""

import ctypes
import struct

from adatrace_blocks import (HEADER, INDEX, MAGIC, PREFIX, SKIPPABLE, ZSTD, blocks_of, content_of,
                             crc32c)

ZSTD.ZSTD_createCCtx.restype = ctypes.c_void_p
ZSTD.ZSTD_compress2.restype = ctypes.c_size_t
CONTEXT = ctypes.c_void_p(ZSTD.ZSTD_createCCtx())
ZSTD_CHECKSUM_FLAG = 201


def frame_of(content):
    """One zstd frame with content size and checksum."""
    ZSTD.ZSTD_CCtx_setParameter(CONTEXT, ZSTD_CHECKSUM_FLAG, 1)
    frame = ctypes.create_string_buffer(len(content) + len(content) // 128 + 1024)
    room, size = ctypes.c_size_t(len(frame)), ctypes.c_size_t(len(content))
    packed = ZSTD.ZSTD_compress2(CONTEXT, frame, room, content, size)
    return frame.raw[:packed]


def sealed(header, content):
    """The bytes of a block; sizes and checksums of the header are made right."""
    return sealed_frame(header, frame_of(content), len(content))


def sealed_frame(header, frame, content_bytes):
    """The same around a frame that is there, whatever it holds."""
    header = header._replace(content_bytes=content_bytes, frame_bytes=len(frame), frame_crc=crc32c(frame))
    packed = bytearray(HEADER.pack(*header))
    PREFIX.pack_into(packed, 0, SKIPPABLE, HEADER.size - 8, MAGIC, header.version)
    struct.pack_into("<I", packed, HEADER.size - 4, crc32c(packed[:-4]))
    return bytes(packed) + frame


def taken_apart(data):
    """[header, content] of every block before the index."""
    return [[header, content_of(data, offset, header)]
            for offset, header, _ in blocks_of(data) if header and header.kind < INDEX]


def put_together(blocks):
    return b"".join(sealed(header, content) for header, content in blocks)
