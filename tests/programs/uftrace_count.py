# SPDX-License-Identifier: Apache-2.0
"""How often uftrace saw each function called: the second opinion on ours."""

import re
from collections import Counter

from recording import run

ROW = re.compile(r"^\s*(\d+)\s+(\S.*?)\s*$")


def calls(command, data, **where):
    recorded = run(["uftrace", "record", "--no-pager", "--no-libcall", "--no-sched", "--buffer=8M", "--max-stack=65535",
                    "-d", data, *command], **where)
    report = run(["uftrace", "report", "--no-pager", "-d", data, "-f", "call", "--color=no"])
    if b"LOST" in recorded.stderr or b"LOST" in report.stdout + report.stderr:
        raise AssertionError("uftrace lost records; make the work smaller")
    counted = Counter()
    for line in report.stdout.decode().splitlines():
        row = ROW.match(line)
        if row:
            counted[row.group(2)] += int(row.group(1))
    if not counted:
        raise AssertionError(f"uftrace saw no call: {recorded.stderr} {report.stdout} {report.stderr}")
    return recorded, counted
