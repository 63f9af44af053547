# SPDX-License-Identifier: Apache-2.0
"""The built command and traces that are known to the letter, for the tests beside this file."""

import os
import pty
import select
import subprocess
import tempfile
import time
from pathlib import Path

SOURCE = Path(os.environ.get("ADATRACE_SOURCE", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("ADATRACE_BUILD", SOURCE / "build" / "dev"))
ADATRACE = BUILD / "cli" / "adatrace"
MAKE_TRACE = BUILD / "tests" / "cli" / "make_trace"
GOLDEN = SOURCE / "tests" / "cli" / "golden"

PLAIN = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "TERM": "xterm"}
for _name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH"):
    if _name in os.environ:
        PLAIN[_name] = os.environ[_name]


def make_trace(kind, path, records=None, **where):
    """`where`: host="a", session="1" and so on, as make_trace.c has them."""
    words = [MAKE_TRACE, kind, path] + ([str(records)] if records else [])
    where = {f"TRACE_{name.upper()}": str(value) for name, value in where.items()}
    subprocess.run([str(word) for word in words], check=True, env={**PLAIN, **where})
    return path


def run(*words, cwd=None, stdout=subprocess.PIPE, **environment):
    """The command with these words: its status, what it printed, what it said."""
    return subprocess.run([str(ADATRACE), *map(str, words)], cwd=cwd, env={**PLAIN, **environment},
                          stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                          text=True, errors="surrogateescape", timeout=120, check=False)


def on_terminal(words, cwd=None, send=None, **environment):
    """Run words with a terminal for stdin, stdout and stderr; what appeared on it. `send` is a list of
    (wait for this text, then type that)."""
    child, terminal = pty.fork()
    if child == 0:
        if cwd:
            os.chdir(cwd)
        os.execvpe(words[0], words, {**PLAIN, **environment})
    shown, send, deadline = b"", list(send or []), time.monotonic() + 60
    while time.monotonic() < deadline:
        if send and send[0][0].encode() in shown:
            os.write(terminal, send.pop(0)[1].encode())
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux tells that the other end is closed
            piece = b""
        if not piece:
            break
        shown += piece
    os.close(terminal)
    os.waitpid(child, 0)
    return shown.decode(errors="replace")


class Traces:
    """A folder with one trace of each kind; use as `with Traces() as folder`."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        for kind in ("mix", "whole", "empty", "cut"):
            make_trace(kind, path / f"{kind}.adatrace")
        return path

    def __exit__(self, *_):
        self.folder.cleanup()
