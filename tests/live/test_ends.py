#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How processes ended: short ones, chains of execs, subshells. As often as time allows, since the order of events is
the machine's."""

import os
import time
import unittest
from itertools import pairwise

import evidence
import recording
from live_program import LiveTest

RECORDINGS = 60
TIME_S = 30

# A wrapper as version managers have them: every link asks around in subshells, then executes the next one.
CHAIN = {
    "first": '#!/bin/sh\nhere=$(readlink -f "$0")\nexec env STEP=1 sh "$(dirname "$here")/second" "$@"\n',
    "second": '#!/usr/bin/env sh\nnothing=$(readlink /nothing)\nthere=$(cd "$(dirname "$0")" && pwd)\n'
              'exec "$there/third" "$@"\n',
    "third": "#!/bin/sh\n(exit 3)\nnothing=$(readlink /nothing)\nexec env STEP=3 true\n",
}


class Ends(LiveTest):
    def infos(self, *command):
        """What info says of many recordings of it."""
        trace, until = self.folder / "x.adatrace", time.monotonic() + TIME_S
        for done in range(RECORDINGS):
            if done and time.monotonic() > until:
                return
            self.adatrace("record", "-f", "-o", trace, "--", *command)
            yield self.info()

    @unittest.skipUnless(recording.HAS_AGENT, recording.NO_AGENT)
    def test_status_of_a_short_program_is_known(self):
        for info in self.infos("true"):
            self.assertEqual([process["end"] for process in info["processes"]], ["exit 0"])

    def assert_chain(self, images):
        """The images of one pid, one after another."""
        for image, after in pairwise(images):
            self.assertEqual(image["end"], f"exec {after['executable']}")
            self.assertEqual(image["end_ns"], after["start_ns"])
        self.assertRegex(images[-1]["end"], r"^exit \d+$")

    @unittest.skipUnless(recording.HAS_AGENT, recording.NO_AGENT)
    def test_every_image_of_a_chain_ends_in_the_next_one(self):
        for name, text in CHAIN.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        recordings = images_all = 0
        for info in self.infos(self.folder / "first"):
            recordings, images_all = recordings + 1, images_all + len(info["processes"])
            self.assertEqual([note for note in info["notes"] if note["kind"] == "untraced"], [])
            of_pid = {}
            for process in sorted(info["processes"], key=lambda process: process["start_ns"]):
                of_pid.setdefault(process["pid"], []).append(process)
            for images in of_pid.values():
                self.assert_chain(images)
            program = [images for images in of_pid.values() if not images[0]["parent_pid"]]
            self.assertEqual([os.path.basename(image["executable"]) for image in program[0]][-2:], ["env", "true"])
            self.assertEqual(program[0][-1]["end"], "exit 0")
        evidence.tell("ends", f"{images_all:,} images of programs in {recordings} recordings of a chain of execs")


if __name__ == "__main__":
    unittest.main()
