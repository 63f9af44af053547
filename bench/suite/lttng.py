# SPDX-License-Identifier: Apache-2.0
"""LTTng, privately: a session daemon of our own, its sessions, and the environment of its programs.

The daemon gets its own LTTNG_HOME. Where this runs as root, LTTng insists on /run/lttng and on
/dev/shm; scripts/bench therefore enters a mount namespace where both are ours. The daemon is ended by
its process id, however the suite ends.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from commands import run
from gap import Gap
from settings import WORK, Settings

EMIT_EVENTS = ["empty", "u64", "words4", "words16", "text", "mix", "call"]
PRIVATE_MARK = "BENCH_PRIVATE_MOUNTS"  # scripts/bench sets it inside the namespace


def library(name):
    """Path of one of lttng-ust's preloadable helpers."""
    for folder in sorted(Path("/usr/lib").glob("*-linux-gnu")) + [Path("/usr/lib"),
                                                                  Path("/usr/lib64")]:
        for found in sorted(folder.glob(f"{name}.so.*")):
            return found
    raise Gap(f"{name}.so is not there (liblttng-ust)")


class Daemon:
    """lttng-sessiond, started when first needed."""

    def __init__(self):
        self.process, self.home, self.failure, self.sessions = None, WORK / "lttng-home", None, 0

    def environment(self, **more):
        return Settings.environment(LTTNG_HOME=self.home, **more)

    def program_environment(self, **more):
        """Of a program that is traced: it waits until it is registered, and may wait for room."""
        return self.environment(LTTNG_UST_REGISTER_TIMEOUT=-1, LTTNG_UST_ALLOW_BLOCKING=1, **more)

    def need(self):
        """Have it running, or raise the Gap that says why not."""
        if self.failure:
            raise Gap(self.failure)
        if self.process:
            return
        try:
            self.start()
        except Gap as gap:
            self.failure = str(gap)
            raise

    def start(self):
        for program in ("lttng", "lttng-sessiond", "setpriv"):
            if not shutil.which(program):
                raise Gap(f"{program} is not installed")
        if os.geteuid() == 0 and not os.environ.get(PRIVATE_MARK):
            raise Gap("as root the session daemon can only be private in a mount namespace of its "
                      "own, and this machine does not let us have one")
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        log = open(self.home / "sessiond.log", "wb")
        # It ends with the suite even when that is killed.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "lttng-sessiond", "--no-kernel", "--quiet"],
            stdout=log, stderr=log, env=self.environment(), process_group=0)
        log.close()
        self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Gap(f"lttng-sessiond ended with status {self.process.returncode}")
            done = subprocess.run(["lttng", "-n", "list"], env=self.environment(), check=False,
                                  capture_output=True)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        self.end()
        raise Gap("lttng-sessiond does not answer")

    def command(self, *words):
        return run(["lttng", "-n", *words], self.environment(), keep_output=True,
                   timeout_s=300).stdout.decode()

    def end(self):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Session:
    """One recording session; recording from entering the context to stop() or the context's end."""

    def __init__(self, daemon, output, events, blocking=False, subbuf="4M", count=8):
        daemon.need()
        daemon.sessions += 1
        self.daemon, self.name, self.output = daemon, f"bench{daemon.sessions}", Path(output)
        self.started = False
        self.discarded = 0
        daemon.command("create", self.name, f"--output={output}")
        blocking_words = ["--blocking-timeout=inf"] if blocking else []
        daemon.command("enable-channel", "-u", "-s", self.name, f"--subbuf-size={subbuf}",
                       f"--num-subbuf={count}", *blocking_words, "bench")
        daemon.command("enable-event", "-u", "-s", self.name, "-c", "bench", ",".join(events))

    def __enter__(self):
        self.daemon.command("start", self.name)
        self.started = True
        return self

    def stop(self):
        """Stop and flush; everything is in the files when this returns. Seconds that stopping took.

        Waiting for the consumer is not in them: `lttng stop` looks five times a second whether it is done, which
        would be counted against LTTng.
        """
        if not self.started:
            return 0.0
        self.started = False
        start = time.monotonic()
        self.daemon.command("stop", "--no-wait", self.name)
        taken = time.monotonic() - start
        self.wait_for_consumer()
        listing = self.daemon.command("list", self.name)
        self.discarded = sum(map(int, re.findall(r"Discarded events:\s*(\d+)", listing)))
        return taken

    def wait_for_consumer(self):
        size, deadline = -1, time.monotonic() + 30
        while size != (size := trace_bytes(self.output)) and time.monotonic() < deadline:
            time.sleep(0.1)

    def __exit__(self, *_):
        self.stop()
        self.daemon.command("destroy", self.name)


def trace_bytes(folder):
    """Size of all streams and metadata below a folder."""
    return sum(p.stat().st_size for p in Path(folder).rglob("*")
               if p.is_file() and not p.name.endswith(".idx"))


def event_count(folder):
    """Counted by babeltrace2."""
    done = run(["babeltrace2", folder, "-c", "sink.utils.counter", "-p", "step=+0"],
               keep_output=True)
    found = re.search(rb"(\d+) Event messages", done.stdout)
    if not found:
        raise Gap("babeltrace2's counter said nothing")
    return int(found.group(1))
