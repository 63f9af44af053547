# SPDX-License-Identifier: Apache-2.0
"""What the programs of examples/ print and emit, however they were built and started."""

from collections import Counter

import recording

STDOUT = {"shop": b"3000 orders, 3 clerks\n", "kitchen": b"500 dishes, 10 burnt\n"}

EMITTED = {
    "shop": Counter({"shop:sold": 3000, "shop:waiting": 2 * 3000, "shop:queue": 3000 + 3,
                     "shop:serve": 2 * 3000, "shop:milestone": 3}),
    "kitchen": Counter({"kitchen:cooked": 490, "kitchen:burnt": 10, "kitchen:cook": 2 * 500,
                        "kitchen:served": 2 * 490}),
}

# Which threads emit what, by the names that they gave themselves.
EMITTERS = {"shop:sold": {"clerk 1", "clerk 2", "clerk 3"}, "shop:serve": {"clerk 1", "clerk 2", "clerk 3"},
            "kitchen:cooked": {"cook"}, "kitchen:served": {"cook", "waiter"}}


def check_outcome(test, name, outcome):
    """The program did its work; the test fails with its stderr otherwise."""
    test.assertEqual(outcome.status, 0, outcome.stderr.decode())
    test.assertEqual(outcome.stdout, STDOUT[name])


def check_trace(test, name, trace):
    """The trace is whole and holds all that the example emits."""
    verified = recording.verify(trace)
    test.assertEqual(verified.status, 0, verified.stdout + verified.stderr)
    decoded = list(recording.events(trace))
    own = Counter(e["event"] for e in decoded if e["event"].startswith(name + ":"))
    test.assertEqual(own, EMITTED[name])
    for event in decoded:
        if event["event"] in EMITTERS:
            test.assertIn(event["thread"], EMITTERS[event["event"]])
    mismatches = list(recording.ledger_mismatches(recording.info(trace), recording.count(decoded)))
    test.assertEqual(mismatches, [])
    return decoded
