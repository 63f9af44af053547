# SPDX-License-Identifier: Apache-2.0
"""load_threads, recorded or recording itself, and what its traces have to say."""

import os
import time
from collections import Counter

import recording
from live_program import PATIENCE_S, LiveTest, Program

LOAD = recording.BUILD / "tests" / "live" / "load_threads"


class Load(Program):
    """load_threads under the command given, or by itself."""

    def __init__(self, env, threads, *words, prefix=()):
        super().__init__(env, *prefix, program=(LOAD, threads, *words))

    def ask(self, *words):
        """The words behind "done"."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if answer[:1] != ["done"]:
            raise AssertionError(f"{words}: {answer}")
        return answer[1:]

    def send(self, signal):
        """To the program itself, not to who records it."""
        os.kill(self.pid, signal)

    def counts(self):
        """By thread id, how many it has tried to emit."""
        return {int(tid): int(count) for tid, count in (word.split(":") for word in self.ask("counts"))}


class LoadTest(LiveTest):
    def load(self, threads, *options, trace="x.adatrace"):
        prefix = (recording.ADATRACE, "record", "-e", "load:*", "-o", self.folder / trace, *options, "--")
        program = Load(self.env, threads, prefix=prefix)
        self.addCleanup(program.kill)
        return program

    def load_by_itself(self, threads, *words):
        program = Load(self.env, threads, *words)
        self.addCleanup(program.kill)
        return program

    def wait_for(self, is_so):
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def verify(self, trace, *statuses):
        done = recording.verify(trace)
        self.assertIn(done.status, statuses or (0,), done.stdout.decode())
        return done.status

    def ledgers(self, traces):
        """By thread id, what the ledgers of all these files add up to."""
        sums = {}
        for trace in traces:
            for thread in recording.info(trace)["threads"]:
                sums.setdefault(thread["tid"], Counter()).update(
                    {key: thread[key] for key in ("written", "dropped", "overwritten", "stored")})
        return sums

    def numbers(self, trace):
        """By thread id, the numbers of its events, in order; gaps are (kind, records)."""
        streams = {}
        for event in recording.events(trace):
            stream = streams.setdefault(event["tid"], [])
            fields = event["fields"]
            stream.append((fields["kind"], fields["records"]) if event["event"] == recording.GAP
                          else fields["number"])
        return streams
