# SPDX-License-Identifier: Apache-2.0
"""The lower half of the second decoder: numbers, strings and columns (3.1, 3.2 of docs/FORMAT.md).

Everything is checked, nothing is trusted: what cannot be raises Damage.
"""

import itertools
import struct
import sys
from array import array

MAX_STR_BYTES = 1_048_576
MAX_DECODED_BYTES = 134_217_728
MAX_ENTRIES = 65_536

UNSIGNED, SIGNED, BOOL, POINTER, CODE, ENUM, DURATION, FLOAT, STRING, BYTES = range(1, 11)
CONST, PLANES, DELTA, DICT, TEXT, TEXT_DICT = range(6)
ARRAY_OF = {1: "B", 2: "H", 3: "I", 4: "I", 5: "Q", 6: "Q", 7: "Q", 8: "Q"}


class Damage(Exception):
    """These bytes are not what a writer writes."""


def expect(condition, what):
    if not condition:
        raise Damage(what)


class Cursor:
    """Reads numbers and strings one after another, never past the end."""

    def __init__(self, data):
        self.data, self.offset = data, 0

    def take(self, count):
        self.offset += count
        expect(self.offset <= len(self.data), "ends too early")
        return self.data[self.offset - count:self.offset]

    def at_end(self):
        return self.offset == len(self.data)

    def numbers(self, layout):
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def number(self, layout):
        return self.numbers(layout)[0]

    def blob(self):
        size = self.number("I")
        expect(size <= MAX_STR_BYTES, "string too long")
        return self.take(size)


def text_of(data):
    """UTF-8; a byte that is not comes out as a lone surrogate, so that nothing is lost."""
    return data.decode("utf-8", "surrogateescape")


class Columns(Cursor):
    """The columns of one DATA block; `budget` is what is left of its decoded size (3.4)."""

    budget = MAX_DECODED_BYTES

    def spend(self, size):
        self.budget -= size
        expect(self.budget >= 0, "decodes to too much")

    def column(self, n, width, inner=False):
        """column(n, width): n unsigned numbers."""
        encoding = self.number("B")
        expect(encoding <= (PLANES if inner else DICT), "no such encoding of numbers")
        if encoding == CONST:
            return [int.from_bytes(self.take(width), "little")] * n
        if encoding == PLANES:
            return self.planes(n, width)
        if encoding == DELTA:
            first = int.from_bytes(self.take(width), "little")
            zigzag, mask = self.column(n, width, inner=True), (1 << 8 * width) - 1
            return list(itertools.accumulate(
                zigzag, lambda value, z: value + (z >> 1 ^ -(z & 1)) & mask, initial=first))[1:]
        return self.dictionary(lambda entries: self.column(entries, width, inner=True), n)

    def planes(self, n, width):
        mask, rest = self.number("B"), self.take(width)
        expect(mask >> width == 0, "planes of no byte")
        numbers = array(ARRAY_OF[width])
        packed = bytearray(n * numbers.itemsize)
        for byte in range(width):
            plane = self.take(n) if mask >> byte & 1 else rest[byte:byte + 1] * n
            packed[byte::numbers.itemsize] = plane
        numbers.frombytes(packed)
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers

    def dictionary(self, read_values, n):
        entries = self.number("I")
        expect(1 <= entries <= MAX_ENTRIES, "dictionary of impossible size")
        values = read_values(entries)
        indexes = self.column(n, 1 if entries <= 256 else 2, inner=True)
        expect(max(indexes) < entries, "index past the dictionary")
        return [values[index] for index in indexes]

    def strings(self, n):
        return [self.take(length) for length in self.column(n, 4, inner=True)]

    def text_column(self, n):
        """text column(n): n byte strings."""
        encoding = self.number("B")
        expect(encoding in (TEXT, TEXT_DICT), "no such encoding of strings")
        strings = self.strings(n) if encoding == TEXT else self.dictionary(self.strings, n)
        self.spend(sum(map(len, strings)) + 4 * n)
        return strings

    def values(self, field, n):
        """A field in the n records of a run: numbers, byte strings, lists for an array."""
        if field.width == 0:
            return self.text_column(n)
        self.spend(n * field.count * field.width)
        numbers = meant_by(self.column(n * field.count, field.width), field)
        if field.count == 1:
            return numbers
        return [list(numbers[i:i + field.count]) for i in range(0, len(numbers), field.count)]


def meant_by(numbers, field):
    """Bit patterns as the values that they stand for."""
    if field.kind == BOOL:
        return [number != 0 for number in numbers]
    if field.kind in (SIGNED, ENUM):
        sign = 1 << 8 * field.width - 1
        return [(number ^ sign) - sign for number in numbers]
    if field.kind == FLOAT:
        bits = struct.pack(f"{len(numbers)}{'I' if field.width == 4 else 'Q'}", *numbers)
        return struct.unpack(f"{len(numbers)}{'f' if field.width == 4 else 'd'}", bits)
    return numbers
