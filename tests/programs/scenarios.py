# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote, each with work to do that comes out the same every time.

A scenario prepares a directory and names a command to run in it. `single` says that it is one process
that allocates the same every time, so that its allocations can be counted by valgrind too.
"""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import valgrind_count
from recording import SOURCE

LUA = SOURCE / "build" / "lua"


@dataclass
class Scenario:
    command: Callable  # directory -> words
    prepare: Callable = lambda directory: None
    environment: dict = field(default_factory=dict)
    stdin: bytes = b""
    status: int = 0
    single: bool = True


# ---- git ----

GIT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_PAGER": "cat",
       "GIT_OPTIONAL_LOCKS": "0"}


def git_repository(directory, commits=300):
    """Chapters of numbers that change from commit to commit."""
    stream = []
    for number in range(1, commits + 1):
        first = number * 7
        text = "".join(f"{n}\n" for n in range(first, first + number * 11 % 499 + 1))
        stream.append(
            f"commit refs/heads/main\ncommitter A Person <person@example.org> {1700000000 + number} +0000\n"
            f"data <<END\nChange {number}\nEND\n"
            f"M 644 inline chapter-{number % 20}.txt\ndata {len(text)}\n{text}\n")
    git = ["git", "-C", str(directory)]
    environment = {**os.environ, **GIT}
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True, env=environment)
    subprocess.run([*git, "fast-import", "--quiet"], input="".join(stream).encode(), check=True,
                   env=environment)


# ---- sqlite3 ----

SQL = """
create table sale(id integer primary key, shop int, amount int, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
insert into sale select i, i * 7919 % 101, i * i % 9973, 'sale ' || i from n;
create index by_shop on sale(shop, amount);
select shop, count(*), sum(amount), max(note) from sale group by shop order by sum(amount) desc limit 7;
select a.id, b.id from sale a join sale b on a.amount = b.amount and a.id < b.id limit 5;
update sale set note = upper(note) where shop < 10;
select count(*), count(distinct note) from sale where note like 'SALE%';
pragma integrity_check;
"""

# ---- python3 ----

PYTHON = """
import collections, json, re, threading, zlib
words = [f"word{n * 7919 % 1000}" for n in range(20000)]
counted = collections.Counter(words)
document = json.dumps({w: [counted[w]] * 3 for w in sorted(counted)})
print(len(document), len(zlib.compress(document.encode())), len(re.findall(r"word9\\d+", document)))
print(sum(json.loads(document)["word7"]))
def work(n):
    return [str(i) * 3 for i in range(n)]
threads = [threading.Thread(target=work, args=(20000,)) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
raise SystemExit(3)
"""

# ---- lua ----

LUA_WORK = """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print("fib", fib(18))
local words = {}
for i = 1, 700 do words[i] = string.format("%05d-%s", i * 7919 % 10007, ("x"):rep(i % 13)) end
table.sort(words)
print(words[1], words[#words], #table.concat(words, ","))
local found = 0
for word in table.concat(words, " "):gmatch("%d+7%-x+") do found = found + 1 end
print("found", found)
print(select("#", table.unpack(words, 1, 100)))
"""

# Errors and yields leave functions by longjmp: their exits are missing. uftrace miscounts these.
LUA_JUMPS = """
local co = coroutine.wrap(function() for i = 1, 300 do coroutine.yield(i) end end)
local sum = 0
for i = 1, 300 do sum = sum + co() end
print("sum", sum)
local function deep(n) if n == 0 then error("bottom") end return 1 + deep(n - 1) end
local caught = 0
for i = 1, 500 do if not pcall(deep, i % 20) then caught = caught + 1 end end
print("caught", caught)
os.exit(5)
"""


def xz_input(directory):
    seed, text = 1, bytearray()
    while len(text) < 1500000:
        seed = seed * 1103515245 + 12345 & 0x7fffffff
        text += b"%d %s\n" % (seed >> 20, b"abcdefghijklmnopqrstuvwxyz"[: seed % 26])
    (directory / "input").write_bytes(text)


def with_file(name, text):
    return lambda directory: (directory / name).write_text(text)


SCENARIOS = {
    "git": Scenario(
        command=lambda d: ["git", "--no-pager", "log", "--stat", "-p"],
        prepare=git_repository, environment=GIT),
    # Children and their threads: git runs pack-objects and others.
    "git_repack": Scenario(
        command=lambda d: ["git", "-c", "pack.threads=3", "-c", "core.deltaBaseCacheLimit=1m",
                           "repack", "-adfq"],
        prepare=git_repository, environment=GIT, single=False),
    "sqlite3": Scenario(
        command=lambda d: ["sqlite3", "-batch", "sales.db"], stdin=SQL.encode(),
        environment={"HOME": "/nonexistent"}),
    "python3": Scenario(
        command=lambda d: ["/usr/bin/python3", "-I", "-S", "-B", "work.py"],
        prepare=with_file("work.py", PYTHON), status=3, single=False),
    "python3_malloc": Scenario(
        command=lambda d: ["/usr/bin/python3", "-s", "-S", "-B", "work.py"],
        prepare=with_file("work.py", PYTHON.replace("range(4)", "range(0)")), status=3,
        environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}),
    "xz": Scenario(
        command=lambda d: ["xz", "-1", "-c", "input"], prepare=xz_input),
    # How many buffers its threads need differs from run to run.
    "xz_threads": Scenario(
        command=lambda d: ["xz", "-1", "-T3", "--block-size=256KiB", "-c", "input"],
        prepare=xz_input, single=False),
    "lua": Scenario(
        command=lambda d: [LUA / "lua-functions", "work.lua"],
        prepare=with_file("work.lua", LUA_WORK)),
    "lua_jumps": Scenario(
        command=lambda d: [LUA / "lua-functions", "jumps.lua"],
        prepare=with_file("jumps.lua", LUA_JUMPS), status=5),
    "missing_file": Scenario(
        command=lambda d: ["xz", "-dc", "no-such-file"], status=1),
}


def prepared(scenario, parent, name):
    """A directory of its own; the path's length is the same for every name of one length."""
    directory = Path(parent) / name
    directory.mkdir()
    scenario.prepare(directory)
    return directory


def environment_of(scenario, directory):
    """Small and always the same, so that two runs allocate the same."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/", "PWD": str(directory),
            **valgrind_count.ENVIRONMENT, **scenario.environment}
