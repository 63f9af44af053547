# SPDX-License-Identifier: Apache-2.0
"""The debugger of a program that tests/unit/registry/step.h steps through, in an emulator that has no trap flag.

The program says with two instructions, `brk #0x5e1` and `brk #0x5e2`, where stepping begins and ends. In between it is
run one instruction at a time, and behind every so many of them SIGTRAP comes, as from the processor. It speaks the
remote protocol of gdb, for 64-bit Arm, with qemu-user.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

BRK = {0xd420bc20: "begin", 0xd420bc40: "end"}
PC = 0x20
TRAP = 5
PATIENCE_S = 600
EXCLUSIVE = 0x3fc00000  # of an instruction: what it is to the monitor
LOAD_EXCLUSIVE, STORE_EXCLUSIVE = 0x08400000, 0x08000000
EXCLUSIVE_WORDS = 8  # in which the store stands


class Ended(Exception):
    """The program has; with this status."""


class Stepper:
    """One program, from its beginning to its end."""

    def __init__(self, emulator, program, every=1):
        self.every, self.steps, self.interrupted = every, 0, 0
        self.folder = tempfile.TemporaryDirectory()
        path = str(Path(self.folder.name) / "gdb")
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([*emulator, "-g", path, "-E", "ADATRACE_STEPPER=1", str(program)],
                                        stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True)
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(PATIENCE_S)
        self.buffer, self.words = b"", {}
        deadline = time.monotonic() + PATIENCE_S
        while True:  # it makes the socket when it is up
            try:
                self.link.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def run(self):
        """Status and output."""
        try:
            self.ask("qXfer:features:read:target.xml:0,fff")  # or it tells no register by itself
            while True:
                self.go_on("c")
                self.mark("begin")
                self.through()
        except Ended as ended:
            self.link.close()
            self.process.wait(timeout=PATIENCE_S)
            self.output.seek(0)
            return ended.args[0], self.output.read()
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)  # with its copies
                self.process.wait()
            self.folder.cleanup()

    # ---- stepping ----

    def through(self):
        at, loads, first = self.pc(), set(), self.steps + 1
        while True:
            self.go_on("s")
            here = self.pc()
            if here == at and self.mark("end", may_be=True):
                return
            self.steps += 1
            if self.steps == first or self.steps % self.every == 0:  # is there anybody who steps?
                self.interrupt(here)
            # Every stop clears the monitor, as every exception does: the store never succeeds. Once is enough.
            if self.word(here) & EXCLUSIVE == LOAD_EXCLUSIVE:
                if here in loads:
                    here = self.leap(here)
                    loads.discard(here)
                loads.add(here)
            at = here

    def interrupt(self, here):
        """The program's handler runs, and comes back."""
        self.ask(f"Z0,{here:x},4")
        self.go_on(f"C{TRAP:02x}")
        assert self.pc() == here, "the handler does not come back"
        self.ask(f"z0,{here:x},4")
        self.interrupted += 1

    def leap(self, here):
        """Over an exclusive load and what belongs to it."""
        words = [self.word(here + 4 * n) & EXCLUSIVE for n in range(EXCLUSIVE_WORDS)]
        store = here + 4 * words.index(STORE_EXCLUSIVE)
        places = [store + 4, store + 8]  # has it succeeded; and who gives up because the value differs
        for place in places:
            self.ask(f"Z0,{place:x},4")
        self.go_on("c")
        for place in places:
            self.ask(f"z0,{place:x},4")
        return self.pc()

    def mark(self, which, may_be=False):
        at = self.pc()
        found = BRK.get(self.word(at)) == which
        assert found or may_be, f"stopped at {at:#x}, where nothing {which}s"
        if found:
            self.ask(f"P{PC:x}={(at + 4).to_bytes(8, 'little').hex()}")
        return found

    def pc(self):
        return int.from_bytes(bytes.fromhex(self.ask(f"p{PC:x}")), "little")

    def word(self, address):
        if address not in self.words:  # instructions stay what they are
            self.words[address] = int.from_bytes(bytes.fromhex(self.ask(f"m{address:x},4")), "little")
        return self.words[address]

    # ---- the protocol ----

    def go_on(self, how):
        """Until it stops as it should; what signals come besides are its own."""
        said = self.ask(how)
        while said[0] in "TS" and int(said[1:3], 16) != TRAP:
            said = self.ask(f"{'S' if how == 's' else 'C'}{said[1:3]}")
        if said[0] in "WX":
            raise Ended(int(said[1:3], 16) if said[0] == "W" else -int(said[1:3], 16))

    def ask(self, words):
        data = words.encode()
        self.link.sendall(b"$%s#%02x" % (data, sum(data) % 256))
        return self.answer()

    def answer(self):
        while True:
            begin = self.buffer.find(b"$")
            end = self.buffer.find(b"#", begin + 1)
            if begin >= 0 and 0 <= end <= len(self.buffer) - 3:
                said, self.buffer = self.buffer[begin + 1:end].decode(), self.buffer[end + 3:]
                self.link.sendall(b"+")
                return said
            more = self.link.recv(4096)
            if not more:
                raise Ended(self.process.wait(timeout=PATIENCE_S))
            self.buffer += more
