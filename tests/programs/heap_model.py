# SPDX-License-Identifier: Apache-2.0
"""A heap rebuilt from the memory events of one process, and what cannot be true of it."""

PROVIDER = "memory:"
NULL = 0


def address_of(value):
    return int(value, 16) if isinstance(value, str) else value


class Heap:
    """Counts as valgrind does: a realloc is a free and an allocation, free(NULL) is nothing."""

    def __init__(self):
        self.live = {}  # address: size
        self.allocations = self.frees = self.bytes = 0
        self.wrong = []

    def allocate(self, address, size, what):
        if address in self.live:
            self.wrong.append(f"{what} returned {address:#x}, which was in use")
        self.live[address] = size
        self.allocations += 1
        self.bytes += size

    def release(self, address, what):
        if self.live.pop(address, None) is None:
            self.wrong.append(f"{what} of {address:#x}, which was not in use")
        self.frees += 1

    def take(self, event):
        """One memory event, in the order in which the thread wrote them."""
        what, fields = event["event"].removeprefix(PROVIDER), event["fields"]
        before = address_of(fields.get("address", NULL))
        after = address_of(fields.get("result", NULL))
        size = fields.get("size", 0)
        # A failed realloc frees nothing, but to size 0 it frees and returns NULL.
        if before != NULL and (what == "free" or after != NULL or size == 0):
            self.release(before, what)
        if after != NULL:
            self.allocate(after, size, what)


def heap_of(events):
    heap = Heap()
    for event in events:
        if event["event"].startswith(PROVIDER):
            heap.take(event)
    return heap
