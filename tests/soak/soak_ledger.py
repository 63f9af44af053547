# SPDX-License-Identifier: Apache-2.0
"""Adding up what the files of a session hold, one after the other, until nothing is unaccounted for."""

from collections import Counter
from dataclasses import dataclass, field

import recording

CHECK = recording.BUILD / "tests" / "soak" / "soak_check"
NOT_ENDED = 3  # of soak_check


@dataclass(slots=True)
class Emitter:
    """The numbers of one id, of one kind."""

    thread: int | None = None  # nobody has seen it yet
    next: int = 0
    decoded: int = 0
    holes: int = 0
    told: int = 0  # what its thread's gaps before the last of them say was overwritten


@dataclass(slots=True)
class Thread:
    """What its gaps say was overwritten, up to the file that is being taken, and with it."""

    tid: int
    told_before: int = 0
    told: int = 0


@dataclass
class Ledger:
    """Files are taken in the order in which they were written."""

    emitters: dict = field(default_factory=dict)
    threads: dict = field(default_factory=dict)  # by number, which is the same in all files
    ended: int = 0  # numberings of which the end is known
    complaints: list = field(default_factory=list)
    files: int = 0
    events: int = 0
    dropped: int = 0
    overwritten: int = 0
    lost: int = 0  # numbers that nobody decoded

    def complain(self, text):
        self.complaints.append(text)

    def take(self, path, last):
        """One file. False: it has no end yet. `last`: nobody will write to it any more."""
        checked = recording.run([CHECK, path])
        if checked.status == NOT_ENDED and not last:
            return False
        verified = recording.verify(path)
        if verified.status not in (0, 3):
            self.complain(f"{path.name}: verify says {verified.status}: "
                          f"{verified.stdout.decode()[-300:]}{verified.stderr.decode()[-300:]}")
        if checked.status != 0:
            self.complain(f"{path.name}: cannot be read to its end")
            return True
        self.files += 1
        for line in checked.stdout.decode().splitlines():
            word, *rest = line.split()
            {"thread": self.thread_take, "id": self.id_take, "backwards": self.backwards_take}[word](path, rest)
        return True

    def thread_take(self, path, words):
        number, pid, tid, written, dropped, overwritten, damaged, stored, decoded, gap_dropped, gap_over = \
            map(int, words)
        who = f"{path.name}: thread {number} ({pid}/{tid})"
        if written != stored + overwritten + damaged:
            self.complain(f"{who}: {written} written, {stored} stored, {overwritten} overwritten, {damaged} damaged")
        if stored != decoded:
            self.complain(f"{who}: {stored} stored, {decoded} decoded")
        if dropped != gap_dropped or overwritten != gap_over:
            self.complain(f"{who}: ledger {dropped} dropped, {overwritten} overwritten; gaps {gap_dropped}, {gap_over}")
        if damaged:
            self.complain(f"{who}: {damaged} damaged")
        thread = self.threads.setdefault(number, Thread(tid))
        thread.told_before = thread.told
        thread.told += gap_over
        self.events += decoded
        self.dropped += dropped
        self.overwritten += overwritten

    def id_take(self, path, words):
        kind = words[0]
        number, thread, first, last, count, holes, untold, told_first, told_last = map(int, words[1:])
        who = f"{path.name}: id {kind} {number}"
        before = self.threads[thread].told_before
        emitter = self.emitters.setdefault((kind, number), Emitter(thread))
        if emitter.thread != thread:
            self.complain(f"{who}: in thread {emitter.thread}, and in {thread}")
        if first < emitter.next:
            self.complain(f"{who}: {first} comes after {emitter.next - 1}")
        untold += max(0, first - emitter.next - (before + told_first - emitter.told))
        if untold:
            self.complain(f"{who}: {untold} missing where no gap tells of them")
        emitter.holes += holes + first - emitter.next
        emitter.decoded += count
        emitter.next = last + 1
        emitter.told = before + told_last

    def backwards_take(self, path, words):
        if int(words[0]):
            self.complain(f"{path.name}: {words[0]} events are earlier than the one before of their thread")

    def truth_take(self, path):
        """What the program's threads say that they have written. Those that were killed say nothing."""
        if not path.exists():
            self.complain("no thread has said how much it wrote")
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            number, ticks, signals = map(int, line.split())
            for kind, written in (("t", ticks), ("s", signals)):
                if written or (kind, number) in self.emitters:
                    self.end_take(kind, number, written)
        if not self.ended:
            self.complain("no thread has said that it wrote anything")

    def end_take(self, kind, number, written):
        emitter = self.emitters.setdefault((kind, number), Emitter())
        missing = written - emitter.next
        emitter.holes += missing
        if missing < 0 or emitter.decoded + emitter.holes != written:
            self.complain(f"id {kind} {number}: wrote {written}, {emitter.decoded} decoded")
        if emitter.thread is not None and missing > self.threads[emitter.thread].told - emitter.told:
            self.complain(f"id {kind} {number}: {missing} missing at its end, where no gap tells of them")
        self.ended += 1

    def losses_compare(self):
        """What is missing of a thread's numberings together; of those that nobody has seen the id says whose they are:
        the thread of the id's other kind, or one with its tid of which no id was seen."""
        spare = Counter({number: thread.told for number, thread in self.threads.items()})
        thread_of = {number: e.thread for (_, number), e in self.emitters.items() if e.thread is not None}
        seen = set(thread_of.values())
        by_tid = Counter()
        for number in self.threads.keys() - seen:
            by_tid[self.threads[number].tid & 0xffff] += spare.pop(number)
        for (_, number), emitter in self.emitters.items():
            if number in thread_of:
                spare[thread_of[number]] -= emitter.holes
            else:
                by_tid[number & 0xffff] -= emitter.holes
            self.lost += emitter.holes
        for what, left in (("thread", spare), ("tid", by_tid)):
            for number in (number for number, events in left.items() if events < 0):
                self.complain(f"{what} {number}: {-left[number]} more are missing than were overwritten")

    def end(self, truth):
        self.truth_take(truth)
        self.losses_compare()
