# SPDX-License-Identifier: Apache-2.0
"""Those who come to a session at random: they steer, listen, ask, stall and die."""

import os
import signal
import subprocess
import time
import urllib.request

import recording

PATIENCE_S = 120
MUTE = b"do not answer"


class Clients:
    """Every choice comes from `random`. What goes wrong is told to `complain`."""

    def __init__(self, session, random, complain):
        self.session = session  # pid, folder, env, port, policy, ledger
        self.random = random
        self.complain = complain
        self.listeners = []
        self.snapshots = 0
        self.counts = {}
        self.slowest_s = 0.0  # that any command took, with its repetitions when it got no answer
        self.actions = [
            self.enable, self.disable, self.pause_and_resume, self.rotate, self.snapshot, self.set, self.set,
            self.listener_begin, self.listener_begin, self.listener_stall, self.listener_kill, self.top_once, self.list,
            self.metrics, self.collector_stall, self.program_stall,
        ]

    def turn(self):
        action = self.random.choice(self.actions)
        self.counts[action.__name__] = self.counts.get(action.__name__, 0) + 1
        action()

    # ---- asking and steering ----

    def ask(self, *words, statuses=(0,)):
        began = time.monotonic()
        until = began + PATIENCE_S
        try:
            done = recording.run([recording.ADATRACE, *words], env=self.session.env, timeout=PATIENCE_S)
            # The command waits for a few seconds; a busy machine may not come to the session in those.
            while done.status and MUTE in done.stderr and time.monotonic() < until:
                done = recording.run([recording.ADATRACE, *words], env=self.session.env, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.complain(f"adatrace {' '.join(map(str, words))}: no answer in {PATIENCE_S} s")
            return b""
        if done.status not in statuses:
            self.complain(f"adatrace {' '.join(map(str, words))}: {done.status}: {done.stderr.decode()}")
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        return done.stdout

    def enable(self):
        self.ask("enable", self.random.choice(["*", "soak:*", "memory:*", "plugin:*"]))

    def disable(self):
        self.ask("disable", self.random.choice(["memory:*", "plugin:*", "soak:signal", "soak:tick"]))

    def pause_and_resume(self):
        self.ask("pause")
        if self.random.random() < 0.5:
            self.list()
        self.ask("resume")

    def rotate(self):
        self.ask("rotate")

    def snapshot(self):
        path = self.session.folder / f"snapshot-{self.snapshots}.adatrace"
        self.snapshots += 1
        self.ask("snapshot", "-o", path)
        if path.exists():
            verified = recording.verify(path)
            if verified.status not in (0, 3):
                self.complain(f"{path.name}: verify says {verified.status}: {verified.stdout.decode()[-300:]}")
            path.unlink()

    def set(self):
        words = ["level=auto", "level=3", "level=-5", "ring=4M", "ring=64K", "wait=sleep", "wait=block", "wait=sleep:2ms",
                 "min-level=debug", "min-level=info"]
        if self.session.policy != "overwrite":
            words += ["policy=drop", "policy=block:5ms", "policy=block"]
        self.ask("set", self.random.choice(words))

    def list(self):
        self.ask("list", "-F", "json")

    def top_once(self):
        self.ask("top", "--once", "-F", "json")

    def metrics(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.session.port}/metrics", timeout=PATIENCE_S) as answer:
                if b"adatrace_" not in answer.read():
                    self.complain("metrics: nothing of ours in them")
        except OSError as error:
            self.complain(f"metrics: {error}")

    # ---- listening ----

    def listener_begin(self):
        if len(self.listeners) >= 4:
            self.listener_kill()
        words = self.random.choice([["tail"], ["tail", "-F", "json"], ["top", "--once", "--interval", "2s"]])
        self.listeners.append(subprocess.Popen(
            [str(recording.ADATRACE), *words], env=self.session.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def listening(self):
        """How many, by the time somebody looks: as many come and go in every part of a long run, or not."""
        return sum(listener.poll() is None for listener in self.listeners)

    def listener_stall(self):
        if self.listeners:
            listener = self.random.choice(self.listeners)
            if listener.poll() is None:
                listener.send_signal(self.random.choice([signal.SIGSTOP, signal.SIGCONT]))

    def listener_kill(self):
        if self.listeners:
            listener = self.listeners.pop(self.random.randrange(len(self.listeners)))
            listener.kill()
            listener.wait()

    # ---- others that stand in the way ----

    def stall(self, pid):
        os.kill(pid, signal.SIGSTOP)
        try:
            self.session.pause(self.random.uniform(0.01, 0.3))
        finally:
            os.kill(pid, signal.SIGCONT)

    def collector_stall(self):
        self.stall(self.session.collector.pid)

    def program_stall(self):
        self.stall(self.session.program_pid)

    def end(self):
        """All that still listen are let go of; the session's end ends them."""
        for listener in self.listeners:
            listener.send_signal(signal.SIGCONT)
        for listener in self.listeners:
            try:
                listener.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.complain("a listener did not end with its session")
                listener.kill()
                listener.wait()
