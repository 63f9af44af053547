/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that nobody here wrote: the same output and status without the agent, with it and no
 * collector, and traced; and no record of theirs is lost between writing and reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_run.h"

struct program {
    const char *needs; /* skipped where this is not installed */
    const char *command;
};

static void compare(const struct run *plain, const struct run *other, const char *how)
{
    if (plain->status != other->status || strcmp(plain->out, other->out) != 0 ||
        strcmp(plain->err, other->err) != 0)
        print_message("plain: %#x\n%.300s%.300s\n%s: %#x\n%.300s%.300s\n", (unsigned)plain->status,
                      plain->out, plain->err, how, (unsigned)other->status, other->out, other->err);
    assert_int_equal(plain->status, other->status);
    assert_string_equal(plain->out, other->out);
    assert_string_equal(plain->err, other->err);
}

/* Every allocation of every process whose threads are all done, against its frees. */
static void assert_whole(const struct agent_collector *c)
{
    struct agent_collector_figures f = agent_collector_figures(c);

    assert_int_equal(f.taken, f.written);
    assert_int_equal(f.damaged, 0);
    assert_int_equal(f.unknown, 0);
    assert_int_equal(f.unsorted, 0);
    assert_true(f.taken > 0);
}

static void program_behaves_as_if_untraced(void **state)
{
    const struct agent_collector_options options = {.ring_bytes = 1 << 20, .slots = 64};
    const struct program *program = *state;
    struct agent_collector *c;
    char *words[] = {"/bin/sh", "-c", (char *)(uintptr_t)program->command, NULL};
    struct run plain, preloaded, traced;

    if (access(program->needs, X_OK)) {
        print_message("%s is not installed\n", program->needs);
        skip();
    }
    c = agent_collector_start(&options);
    assert_non_null(c);
    plain = run_program(RUN_PLAIN, NULL, words, NULL);
    preloaded = run_program(RUN_PRELOADED, NULL, words, NULL);
    traced = run_program(RUN_TRACED, c, words, NULL);
    agent_collector_stop(c);
    compare(&plain, &preloaded, "preloaded");
    compare(&plain, &traced, "traced");
    assert_whole(c);
    agent_collector_free(c);
    run_free(&plain);
    run_free(&preloaded);
    run_free(&traced);
}

#define PYTHON   "/usr/bin/python3"
#define SNIPPET  PYTHON " -S -c "
#define TEMPLATE "d=$(mktemp -d); cd $d; "

static const struct program programs[] = {
    {"/usr/bin/git",
     TEMPLATE "git init -q . && echo a > f && git add f && git -c user.name=x -c "
              "user.email=x@y commit -qm one && git log --format=%s -p && git gc -q; "
              "rm -rf $d"},
    {"/usr/bin/sqlite3",
     "sqlite3 :memory: 'with recursive n(i) as (select 1 union all select i + 1 from n where i < "
     "20000) select sum(i), count(distinct i % 97), max(hex(i)) from n'"},
    {PYTHON, SNIPPET "'import json; print(len(json.dumps([{str(i): i} for i in range(20000)])))'"},
    {PYTHON, SNIPPET "'import threading\n"
                     "done = []\n"
                     "t = [threading.Thread(target=done.append, args=(i,)) for i in range(50)]\n"
                     "[i.start() for i in t]; [i.join() for i in t]; print(sorted(done))'"},
    {PYTHON, SNIPPET "'import subprocess\n"
                     "for i in range(20): print(subprocess.run([\"echo\", str(i)], "
                     "capture_output=True, env={}).stdout)'"},
    {PYTHON, SNIPPET "'import multiprocessing as m\n"
                     "with m.Pool(3) as p: print(sum(p.map(abs, range(-1000, 0))))'"},
    {PYTHON, SNIPPET "'import os, signal; os.kill(os.getpid(), signal.SIGTERM)'; echo $?"},
    {"/usr/bin/xz", "seq 200000 | xz -T2 -c | xz -dc | md5sum"},
    {"/usr/bin/tar", "tar cf - /usr/include/linux | tar tf - | wc -l"},
    {"/bin/bash", "bash -c 'for i in {1..30}; do echo $i | (read x; exit $x) || echo -n $?; done; "
                  "f() { return 3; }; f; echo $?; exec -a other /bin/echo done'"},
    {"/usr/bin/env", "env -i /usr/bin/env -i /bin/sh -c 'echo alone; ls /nonexistent 2>/dev/null; "
                     "echo $?'"},
    {"/usr/bin/gcc",
     TEMPLATE "echo 'int main(void) { return 7; }' > p.c && gcc -O2 p.c -o p && ./p; "
              "echo $?; rm -rf $d"},
    {"/usr/bin/gcc",
     TEMPLATE "printf '#include <stdlib.h>\nint main(void) { free(malloc(9)); return 5; }' "
              "> p.c && for s in address undefined thread; do gcc -fsanitize=$s p.c -o "
              "p && ./p; echo $?; done; rm -rf $d"},
    {"/usr/bin/make",
     TEMPLATE "printf 'all: a b c d\\na b c d:\\n\\t@echo $@ >&2\\n' > Makefile; make "
              "2>&1 | sort; rm -rf $d"},
    {"/usr/bin/perl", "perl -e 'my %h; $h{$_ % 1000} .= $_ for 1 .. 50000; print length(join \"\", "
                      "sort values %h), \"\\n\"; system(\"echo child\"); print `echo tick`'"},
    {"/usr/bin/node",
     "node -e 'const { Worker } = require(\"worker_threads\"); let n = 4, s = 0; for (let i = 0; i "
     "< "
     "4; i++) new Worker(\"require(\\\"worker_threads\\\").parentPort.postMessage(21)\", { eval: "
     "true }).on(\"message\", (m) => { s += m; if (!--n) console.log(s); })'"},
    {"/usr/bin/node", "node -e 'require(\"child_process\").execSync(\"echo a child\", { stdio: "
                      "\"inherit\" }); process.exitCode = 5'; echo $?"},
    {"/usr/bin/awk",
     "awk 'BEGIN { for (i = 0; i < 100000; i++) a[i % 100] = a[i % 100] i % 7; n = 0; "
     "for (k in a) n += length(a[k]); print n }'"},
    {"/usr/bin/sort", "seq 300000 | sort -R --random-source=/usr/bin/sort | sort -n --parallel=2 | "
                      "md5sum"},
    {"/usr/bin/timeout", "timeout -s KILL 0.2 sleep 10; echo $?"},
    {"/usr/sbin/ldconfig", "/usr/sbin/ldconfig -p | wc -l"},
};

enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]) };

int main(void)
{
    static char names[PROGRAMS][64];
    struct CMUnitTest tests[PROGRAMS];

    for (size_t i = 0; i < PROGRAMS; i++) {
        snprintf(names[i], sizeof(names[i]), "%zu: %s", i, programs[i].needs);
        tests[i] = (struct CMUnitTest){.name = names[i],
                                       .test_func = program_behaves_as_if_untraced,
                                       .initial_state = (void *)(uintptr_t)&programs[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
