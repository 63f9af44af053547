/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_run.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENTRIES_MAX = 1024 };

static char *contents(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)size + 1);

    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    text[size] = 0;
    close(fd);
    return text;
}

/* Our environment without what the mode decides. */
static void make_environment(char **out, char *preload, char *session)
{
    size_t n = 0;

    for (char **e = environ; *e && n < ENTRIES_MAX - 3; e++)
        if (strncmp(*e, "LD_PRELOAD=", 11) != 0 && strncmp(*e, "ADATRACE_SESSION=", 17) != 0)
            out[n++] = *e;
    if (preload)
        out[n++] = preload;
    if (session)
        out[n++] = session;
    out[n] = NULL;
}

struct run run_program(enum run_mode mode, const struct agent_collector *collector,
                       char *const argv[], const char *more)
{
    char preload[1024], session[128], *env[ENTRIES_MAX];
    posix_spawn_file_actions_t actions;
    struct run run = {0};
    int out = memfd_create("stdout", 0), err = memfd_create("stderr", 0);
    pid_t child;

    assert_true(out >= 0 && err >= 0);
    snprintf(preload, sizeof(preload), "LD_PRELOAD=%s%s%s", mode == RUN_PLAIN ? "" : AGENT_LIBRARY,
             more && mode != RUN_PLAIN ? ":" : "", more ? more : "");
    snprintf(session, sizeof(session), "ADATRACE_SESSION=%s",
             mode == RUN_TRACED ? agent_collector_path(collector) : "/nonexistent/session");
    make_environment(env, mode != RUN_PLAIN || more ? preload : NULL,
                     mode == RUN_PLAIN ? NULL : session);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    posix_spawn_file_actions_addclose(&actions, out);
    posix_spawn_file_actions_addclose(&actions, err);
    assert_int_equal(posix_spawnp(&child, argv[0], &actions, NULL, argv, env), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(child, &run.status, 0), child);
    run.out = contents(out);
    run.err = contents(err);
    return run;
}

void run_free(struct run *run)
{
    free(run->out);
    free(run->err);
}

char *run_path(const char *program)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", AGENT_PROGRAMS, program);
    return path;
}

struct agent_collector *run_traced(char *const argv[],
                                   const struct agent_collector_options *options)
{
    struct agent_collector *collector = agent_collector_start(options);
    struct run run;

    assert_non_null(collector);
    run = run_program(RUN_TRACED, collector, argv, NULL);
    agent_collector_stop(collector);
    if (run.status || *run.err)
        print_message("%s: status %#x\n%s%s", argv[0], (unsigned)run.status, run.out, run.err);
    assert_int_equal(run.status, 0);
    run_free(&run);
    return collector;
}
