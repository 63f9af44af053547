#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""adatrace record where the machine has little left: limits of the process, and full file systems.

The command either says why it does not run the program, or the program runs as it does untraced
under the same limit, and what is missing in the file is counted and said.
"""

import ctypes
import errno
import os
import re
import resource
import subprocess
import unittest
from pathlib import Path

import fault_sweep
import fault_verdict
import recording

PROGRAM = fault_sweep.PROGRAMS / "fault_program"
PATIENCE_S = 120
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LOADER = (b"error while loading shared libraries", b"cannot be preloaded")
CLONE_NEWNS, CLONE_NEWUSER, MS_REC, MS_PRIVATE = 0x20000, 0x10000000, 0x4000, 0x40000
NOBODY = 65534


def limited(which, value):
    return lambda: resource.setrlimit(which, (value, value))


def errno_forgotten(text):
    """libc's malloc sets errno when it finds no addresses for a heap of a thread's own, and goes on without."""
    return re.sub(rb"errno changed \d+ times", b"", text)


def call(function, *words):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*words):
        raise OSError(ctypes.get_errno(), function)


def small_file_system(place, size):
    """For preexec_fn: a tmpfs that only this process and its children see."""
    def mount():
        uid, gid = os.geteuid(), os.getegid()
        call("unshare", CLONE_NEWNS | (0 if uid == 0 else CLONE_NEWUSER))
        if uid:
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
        call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
        call("mount", b"none", os.fsencode(place), b"tmpfs", 0, f"size={size}".encode())
    return mount


def lines(path):
    return Path(path).read_text(encoding="utf-8").splitlines()


def own_group(controllers):
    """The path of our own cgroup in the hierarchy of these controllers (none: version 2), or None."""
    found = [line.split(":", 2)[2] for line in lines("/proc/self/cgroup") if line.split(":")[1] == controllers]
    return found[0][1:] if found else None


def memory_group():
    """(a cgroup that can be made and limited in its memory, the file that limits it), or None."""
    name = f"adatrace-test-{os.getpid()}"
    for _, place, kind, options, *_ in (line.split() for line in lines("/proc/mounts")):
        if kind == "cgroup2" and own_group("") is not None:  # beside our own, so that all limits above hold
            parent = (Path(place) / own_group("")).parent if own_group("") else Path(place)
            handed_on = parent / "cgroup.subtree_control"
            if handed_on.exists() and os.access(parent, os.W_OK) and "memory" in " ".join(lines(handed_on)):
                return parent / name, "memory.max"
        elif kind == "cgroup" and "memory" in options.split(",") and own_group("memory") is not None:
            parent = Path(place) / own_group("memory")
            if os.access(parent, os.W_OK):
                return parent / name, "memory.limit_in_bytes"
    return None


def may_mount():
    try:
        return subprocess.run(["true"], preexec_fn=small_file_system("/mnt", 4096), check=False).returncode == 0
    except subprocess.SubprocessError:
        return False


class Limits(fault_sweep.Sweeping):
    key = "faults-limits"

    def setUp(self):
        super().setUp()
        self.trace = self.out / "x.adatrace"

    def run_limited(self, command, prepare):
        type(self).runs += 1
        return subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, timeout=PATIENCE_S,
                              preexec_fn=prepare, check=False)

    def run_as_nobody(self, command):
        return subprocess.run([str(word) for word in command], user=NOBODY, group=NOBODY, extra_groups=[],
                              check=False).returncode

    def check(self, words, expected, prepare=None, inner=(), untraced=None, options=()):
        """`prepare` limits the command and all it runs, `inner` (a prefix) the program alone."""
        self.clean()
        untraced = untraced or self.run_limited([*inner, *words], prepare)
        done = self.run_limited(
            [recording.ADATRACE, "record", "-o", self.trace, *options, "--", *inner, *words], prepare)
        theirs, own = recording.own_words(done.stderr)
        note = f"{done.returncode} {done.stdout!r} {done.stderr!r}"
        self.assertEqual(self.left_over(), [], note)
        if done.returncode < 0 or any(word in done.stderr for word in LOADER):
            # Not even the loader has what it needs: the untraced program ended as badly.
            self.assertNotEqual(untraced.returncode, 7, note)
            return done
        if not done.stdout and own and not any(self.out.iterdir()):  # it was not run
            self.assertIn(done.returncode, (1, 126), note)
            return done
        self.assertEqual((done.returncode, errno_forgotten(done.stdout), theirs),
                         (untraced.returncode if untraced.returncode >= 0 else 128 - untraced.returncode,
                          errno_forgotten(untraced.stdout), untraced.stderr), note)
        if untraced.returncode == 7:
            self.assertIsNone(fault_verdict.files_problem([self.trace], expected, own.decode()), note)
        return done

    def few(self):
        return [PROGRAM, "100", "2", "fork"], 303

    def test_descriptors_of_the_command(self):
        words, expected = self.few()
        untraced = self.run_limited(words, None)
        for most in range(25):
            with self.subTest(most):
                done = self.check(words, expected, limited(resource.RLIMIT_NOFILE, most),
                                  untraced=untraced if most >= 4 else None)
        self.assertEqual(done.returncode, 7)  # so many are enough

    def test_descriptors_of_the_program(self):
        words, expected = self.few()
        for most in range(4, 10):
            with self.subTest(most):
                self.clean()
                done = self.run_limited([recording.ADATRACE, "record", "-o", self.trace, "--", "prlimit",
                                         f"--nofile={most}:{most}", *words], None)
                own = recording.own_words(done.stderr)[1].decode()
                self.assertEqual(done.returncode, 7, done.stderr)
                # prlimit itself was traced; what it became may not be, and the trace says so.
                notes = " ".join(note["text"] for note in recording.info(self.trace)["notes"])
                if fault_verdict.ticks(self.trace) != expected:
                    self.assertIn("not traced", notes + own)

    def test_file_size(self):
        for most in (0, 100, 1000, 100 * KIB, 10 * MIB, 48 * MIB, 100 * MIB, GIB):
            for words, expected in (self.few(), ([PROGRAM, "20000", "1"], 40000)):
                with self.subTest(most=most, words=words):
                    self.check(words, expected, limited(resource.RLIMIT_FSIZE, most))

    def test_file_size_reached_while_recording(self):
        # Rings of 4 KiB: then the limit leaves room for them, and the file meets it.
        done = self.check([PROGRAM, "500000", "2"], 1500000, limited(resource.RLIMIT_FSIZE, 6 * MIB),
                          options=["--ring-size", "4K", "--ring-max", "4K", "--policy", "block:100ms"])
        self.assertEqual(done.returncode, 7, done.stderr)

    def test_addresses(self):
        words, expected = self.few()
        for most in (1, 5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500, 1000, 4000):
            with self.subTest(most):
                self.check(words, expected, limited(resource.RLIMIT_AS, most * MIB))

    def test_data(self):
        words, expected = self.few()
        for most in (1, 2, 4, 8, 16, 24, 32, 64):
            with self.subTest(most):
                self.check(words, expected, limited(resource.RLIMIT_DATA, most * MIB))

    def test_memory(self):
        if not memory_group():
            self.leave_out("a limit on memory (cgroup)", "no cgroup can be limited in its memory here")
        group, limit = memory_group()
        words, expected = self.few()
        group.mkdir()
        self.addCleanup(group.rmdir)

        def enter():
            (group / "cgroup.procs").write_text("0", encoding="ascii")
        for most in (24, 64):
            with self.subTest(most):
                (group / limit).write_text(str(most * MIB), encoding="ascii")
                done = self.check(words, expected, enter)
                self.assertEqual(done.returncode, 7, done.stderr)

    def test_stack(self):
        words, expected = self.few()
        for most in (64, 256, 1024):
            with self.subTest(most):
                self.check(words, expected, limited(resource.RLIMIT_STACK, most * KIB))

    def test_no_more_processes(self):
        if os.geteuid():
            self.leave_out("a limit on processes", "the limit counts all of this user's processes: needs another user")
        words, expected = [PROGRAM, "100", "0"], 100
        if self.run_as_nobody(["test", "-x", recording.ADATRACE]):
            self.leave_out("a limit on processes", "the build stands where no other user may look")

        def prepare():
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        self.folder.chmod(0o755)
        for most in range(1, 8):
            with self.subTest(most):
                self.clean()
                for folder in (self.out, self.sessions):
                    os.chown(folder, NOBODY, NOBODY)
                done = self.run_limited([recording.ADATRACE, "record", "-o", self.trace, "--", *words], prepare)
                own = recording.own_words(done.stderr)[1].decode()
                self.assertIn(done.returncode, (1, 7, 126), done.stderr)
                self.assertTrue(own)
                self.assertEqual(self.left_over(), [])
                if done.returncode == 7:
                    self.assertIsNone(fault_verdict.files_problem([self.trace], expected, own))

    def needs_mount(self, what):
        if not may_mount():
            self.leave_out(what, "no file system can be mounted here")

    def test_full_shared_memory(self):
        self.needs_mount("a full /dev/shm")
        # What is mapped lives in memory files of its own: /dev/shm may be full.
        words, expected = self.few()
        self.check(words, expected, small_file_system("/dev/shm", 4096), options=["--name", "full"])

    def test_small_file_system(self):
        self.needs_mount("a full file system of 1 MiB")
        # The last word is the shell's: the file system goes with it, so it looks at the file first.
        small = self.folder / "small"
        small.mkdir()
        trace = small / "x.adatrace"
        packed, stored = "1", "0"  # 300000 events are half of it, or several times as much as there is room for
        for filled, events, level in ((0, 100, packed), (0, 300000, packed), (0, 300000, stored),
                                      (900 * KIB, 300000, stored), (1000 * KIB, 100, packed),
                                      (1020 * KIB, 100, packed), (1024 * KIB, 100, packed)):
            with self.subTest(filled=filled, events=events, level=level):
                self.clean()
                done = self.run_limited(
                    ["sh", "-c", 'head -c "$1" /dev/zero > "$2/fill"; "$3" record -o "$2/x.adatrace" --level "$7" -- '
                     '"$4" "$5" 2; status=$?; cp "$2/x.adatrace" "$6" 2> /dev/null; exit $status', "sh", filled, small,
                     recording.ADATRACE, PROGRAM, events, self.trace, level],
                    small_file_system(small, MIB))
                own = recording.own_words(done.stderr)[1].decode()
                self.assertEqual(self.left_over(), [])
                if done.returncode == 1:
                    self.assertIn(os.strerror(errno.ENOSPC), own)
                    self.assertFalse(self.trace.exists())
                    self.assertEqual(done.stdout, b"")
                    continue
                self.assertEqual(done.returncode, 7, done.stderr)
                self.assertIsNone(fault_verdict.files_problem([self.trace], events * 3, own), own)
                # Room for the end was held back: what is missing stands in the file itself.
                self.assertNotIn(b"was not closed", recording.verify(self.trace).stdout)
                if level == stored:
                    self.assertIn("did not get into", own)
        self.assertFalse(trace.exists())

    def test_full_device(self):
        self.assertEqual(recording.record(self.trace, self.few()[0]).status, 7)
        for words in (["decode", self.trace], ["decode", self.trace, "-F", "json"], ["report", self.trace],
                      ["info", self.trace, "-F", "json"], ["verify", self.trace], ["list"], ["help"], ["config"]):
            with self.subTest(words), open("/dev/full", "wb") as full:
                type(self).runs += 1
                done = subprocess.run([str(recording.ADATRACE), *map(str, words)], stdout=full,
                                      stderr=subprocess.PIPE, env=self.environment, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(os.strerror(errno.ENOSPC).encode(), done.stderr)

    @classmethod
    def assert_reached(cls):
        """A limit is no call that is reached or not."""

    @classmethod
    def figure(cls):
        return (f"{cls.runs} runs under limits and with nothing left: the program as untraced, or a sentence; every "
                "missing event counted")


if __name__ == "__main__":
    fault_sweep.main()
