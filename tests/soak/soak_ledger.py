# SPDX-License-Identifier: Apache-2.0
"""Adding up what the files of a session hold, one after the other, until nothing is unaccounted for."""

from dataclasses import dataclass, field

import recording

CHECK = recording.BUILD / "tests" / "soak" / "soak_check"
NOT_ENDED = 3  # of soak_check


@dataclass
class Emitter:
    """The numbers of one id, of one kind."""

    next: int = 0
    decoded: int = 0
    holes: int = 0


@dataclass
class Ledger:
    """Files are taken in the order in which they were written."""

    emitters: dict = field(default_factory=dict)
    ended: set = field(default_factory=set)
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
        self.events += decoded
        self.dropped += dropped
        self.overwritten += overwritten

    def id_take(self, path, words):
        kind, (number, first, last, count, holes) = words[0], map(int, words[1:])
        emitter = self.emitters.setdefault((kind, number), Emitter())
        missing = holes + first - emitter.next
        if missing < 0:
            self.complain(f"{path.name}: id {kind} {number}: {first} comes after {emitter.next - 1}")
        emitter.holes += missing
        emitter.decoded += count
        emitter.next = last + 1

    def backwards_take(self, path, words):
        if int(words[0]):
            self.complain(f"{path.name}: {words[0]} events are earlier than the one before of their thread")

    def truth_take(self, path):
        """What the program's threads say that they have written. Those that were killed say nothing."""
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            number, ticks, signals = map(int, line.split())
            for kind, written in (("t", ticks), ("s", signals)):
                emitter = self.emitters.pop((kind, number), Emitter())
                emitter.holes += written - emitter.next
                if emitter.holes < 0 or emitter.decoded + emitter.holes != written:
                    self.complain(f"id {kind} {number}: wrote {written}, {emitter.decoded} decoded")
                self.ended.add((kind, number))
                self.lost += emitter.holes
        self.lost += sum(emitter.holes for emitter in self.emitters.values())

    def end(self, truth):
        self.truth_take(truth)
        if self.lost > self.overwritten:
            self.complain(f"{self.lost} events are missing, {self.overwritten} were overwritten")
