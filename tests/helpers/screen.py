# SPDX-License-Identifier: Apache-2.0
"""A command on a terminal that tmux plays: what stands on it, where its cursor is, and keys."""

import os
import shlex
import subprocess
import time

PATIENCE_S = 60


class Screen:
    """The command in a tmux of its own, which ends with the test; `environment` is added to ours. A shell behind
    it tells its status, and what it said at its end stays to be seen."""

    def __init__(self, test, columns, rows, *command, environment=None):
        self.socket = str(test.folder / "tmux")
        words = ["env", "LC_ALL=C.UTF-8", *(f"{name}={value}" for name, value in (environment or {}).items()), *command]
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows),
                  f"{shlex.join(map(str, words))}; echo status $?; cat")
        test.addCleanup(self.tmux, "kill-server", check=False)

    def tmux(self, *words, check=True):
        env = {k: v for k, v in os.environ.items() if k != "TMUX"}
        return subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *words], env=env, check=check,
                              capture_output=True, text=True, timeout=PATIENCE_S).stdout

    def text(self):
        return self.tmux("capture-pane", "-p")

    def cursor(self):
        """Its column and row, from 0."""
        return tuple(map(int, self.tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split()))

    def until(self, condition, what):
        began = time.monotonic()
        while not condition(text := self.text()):
            if time.monotonic() - began > PATIENCE_S:
                raise AssertionError(f"{what} did not show:\n{text}")
            time.sleep(0.05)  # between two looks
        return text

    def until_there(self, *parts):
        return self.until(lambda text: all(part in text for part in parts), parts)

    def keys(self, *keys):
        self.tmux("send-keys", *keys)
