/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does all that can be traced: threads that come and go, growing rings, forks, an exec. Somebody
 * kills it, or its collector, in the middle.
 *
 *     crash_program COUNTERS [PROCESSES [PARTS]]
 *
 * COUNTERS is for crash_rows.h. Says "child killed" if that is how its child ended, and "done" at
 * its end, with status 7. With PROCESSES, unless it is 0, it does the same in so many children,
 * says who they are, and waits for them. With PARTS it begins with a row in so many parts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_rows.h"

enum { THREADS = 3, ROUNDS = 3, STATUS = 7 };

static uint64_t events = 700, events_of_many = 200;

static int child_run(void)
{
    pid_t child = fork();
    int status;

    if (!child) {
        rows_work(&events);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    if (WIFSIGNALED(status))
        puts("child killed");
    return 0;
}

static int all_run(void)
{
    rows_work(&events);
    return rows_threads(THREADS, ROUNDS, events) || child_run() ||
           rows_threads(THREADS, ROUNDS, events);
}

static int many_run(int count)
{
    events = events_of_many;
    for (int i = 0; i < count; i++) {
        pid_t child = fork();

        if (!child)
            _exit(all_run() ? 1 : STATUS);
        if (child < 0)
            return 1;
        printf("%d\n", (int)child);
        fflush(stdout);
    }
    while (wait(NULL) > 0 || errno == EINTR) {}
    return 0;
}

int main(int count, char **words)
{
    if (count < 2 || rows_open(words[1]))
        return 2;
    if (count > 3)
        rows_work_slowly(events, (unsigned)atoi(words[3]));
    if (count > 2 && atoi(words[2]) ? many_run(atoi(words[2])) : all_run())
        return 1;
    puts("done");
    return STATUS;
}
