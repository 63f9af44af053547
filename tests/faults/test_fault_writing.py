#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that write traces from what there is, with every call failing once: cut, merge, recover, replay.

What they write is as always, or a sentence says why not and the status is 1. What they read from is
not touched, and what stood under the new name is there until something whole takes its place.
"""

import re
import subprocess

import fault_plan
import fault_sweep
import fault_verdict
import recording

ADATRACE = recording.ADATRACE
PROGRAM = fault_sweep.PROGRAMS / "fault_program"
LEFT = fault_sweep.PROGRAMS / "fault_left"
EVENTS = 50
_WHEN = re.compile(r" on \d+-\d+-\d+ at .*")
STOOD = b"what stood there before"


class Writing(fault_sweep.Sweeping):
    key = "faults-writing"
    says_less = (b"    not known: when its last events were, to the second: whether the machine was started anew since "
                 b"cannot be read\n",)

    def setUp(self):
        super().setUp()
        self.new = self.out / "new.adatrace"
        self.usual = {}  # what is written without any fault

    def recorded(self, name):
        trace = self.folder / f"{name}.adatrace"
        self.assertEqual(recording.record(trace, [PROGRAM, EVENTS, 2, "fork"]).status, 7)
        return trace

    def left(self):
        """Of a session that was killed: a file without an end, and its rings with events that it has not."""
        trace, segment = self.folder / "left.adatrace", self.folder / "rings.segment"
        for _ in range(20):  # the drain may have been as fast as the program
            for path in (trace, segment):
                path.unlink(missing_ok=True)
            subprocess.run([LEFT, trace, segment, "40000"], env=self.environment, check=False)
            made = self.out / "left.recovered.adatrace", self.out / "rings.segment.recovered.adatrace"
            done = recording.run([ADATRACE, "recover", trace, segment], cwd=self.out, env=self.environment)
            if done.status == 0 and all(path.exists() and fault_verdict.ticks(path) for path in made):
                return trace, segment
        self.fail("the drain always has all or nothing")

    def clean(self):
        super().clean()
        if getattr(self, "stands", False):
            self.new.write_bytes(STOOD)

    @staticmethod
    def untouched(paths):
        return [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]

    @staticmethod
    def content(trace):
        """What a file says, without when that was written."""
        info = recording.info(trace)
        return (recording.verify(trace).status, info["processes"], info["threads"],
                [_WHEN.sub("", note["text"]) for note in info["notes"]],
                recording.run([ADATRACE, "decode", trace, "--format", "json"]).stdout)

    def written(self):
        """The new files by name, without what stood there before."""
        return {path.name: path for path in sorted(self.out.iterdir())
                if path.stat().st_size != len(STOOD) or path.read_bytes() != STOOD}

    def files_problem(self, done, fault):
        """Every file that is there is whole and as always, and every one is there when it says so."""
        files = self.written()
        if not fault:
            self.usual = {name: self.content(path) for name, path in files.items()}
            return None if files else "writes nothing"
        if self.stands and not self.new.exists():
            return "what stood there before is lost"
        for name, path in files.items():
            # What has a name for a moment only keeps it when that cannot be taken away.
            if name not in self.usual:
                return None if fault.call == "unlink" else f"left {name}"
            if self.content(path) != self.usual[name]:
                return f"{name} is not what it always is"
        if done.status == 0 and files.keys() != self.usual.keys():
            return f"says that all is well, and wrote {list(files)}"
        return None

    def judge(self, done, base, fault):
        return self.status_problem(done, base, fault) or self.files_problem(done, fault)

    def sweep_writing(self, words, sources, judge=None, stands=False, **how):
        """`stands`: a file of the new name is there already."""
        self.stands = stands
        before = self.untouched(sources)
        self.clean()
        bench = fault_plan.Bench(self.folder, how.pop("objects", "*"), "adatrace")
        self.sweep(bench, [ADATRACE, *words], judge or self.judge, binary=ADATRACE, cwd=self.out, **how)
        self.assertEqual(self.untouched(sources), before, "what was read from is not as it was")

    def test_cut(self):
        trace = self.recorded("a")
        self.sweep_writing(["cut", trace, "-o", self.new, "--force"], [trace], stands=True)

    def test_merge(self):
        traces = [self.recorded(name) for name in "ab"]
        self.sweep_writing(["merge", *traces, "-o", self.new], traces)

    def test_recover(self):
        left = self.left()
        self.sweep_writing(["recover", *left], left)

    def test_recover_each_time(self):
        left = self.left()
        self.sweep_writing(["recover", *left], left, objects=":adatrace:",
                           chosen=fault_sweep.each_time("open", "calloc", "strndup"))

    def test_recover_in_place_of_another(self):
        trace, _ = self.left()
        self.sweep_writing(["recover", trace, "-o", self.new, "--force"], [trace], stands=True, objects=":adatrace:",
                           chosen=fault_sweep.each_time("open", "write", "linkat", "rename"))

    def replay_problem(self, done, base, fault):
        """It records: what is not in its file is counted there, and the file has an end in any case."""
        problem = self.status_problem(done, base, fault) or self.others_problem(fault)
        if problem:
            return problem
        if not self.new.exists():
            return "what stood there before is lost"
        if self.new.read_bytes() == STOOD:
            return None if done.status else "says that all is well, and has written nothing"
        return self.recording_problem(done.status)

    def recording_problem(self, status):
        verdict, info = recording.verify(self.new), recording.info(self.new)
        told = fault_verdict.missing(info) + info["dropped"] + info["damaged"]
        if verdict.status not in (0, 3) or not info["file"]["ended"]:
            return f"half a file: verify {verdict.status}"
        if told and verdict.status == 0:
            return f"{told} are missing, and verify 0"
        found = fault_verdict.ticks(self.new)
        if status == 0 and (found != self.expected or verdict.status):
            return f"says that all is well with {found} events of {self.expected}, verify {verdict.status}"
        return None

    def others_problem(self, fault):
        others = [path.name for path in self.out.iterdir() if path != self.new]
        return f"left {others}" if others and not (fault and fault.call == "unlink") else None

    def test_replay(self):
        trace = self.recorded("a")
        self.expected = fault_verdict.ticks(trace)
        # With libraries' own calls only in the long form: libdw's are looked at where it records.
        objects = "*" if fault_sweep.arguments.all else ":adatrace:"
        self.sweep_writing(["replay", trace, "-o", self.new, "--force", "--speed", "max", "--policy", "block"], [trace],
                           self.replay_problem, stands=True, objects=objects)


if __name__ == "__main__":
    fault_sweep.main()
