/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to start a process: runs PROGRAM again and again, one after the other, and prints
 * for each how many nanoseconds went by between asking for it and having collected its end.
 *
 *     spawn_many COUNT PROGRAM [ARGUMENT]...
 */
#include <inttypes.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    long count = argc > 2 ? atol(argv[1]) : 0;

    if (count < 1) {
        fprintf(stderr, "usage: spawn_many COUNT PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    while (count--) {
        uint64_t start = now_ns();
        pid_t child;
        int status, err = posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environ);

        if (err) {
            fprintf(stderr, "spawn_many: %s: %s\n", argv[2], strerror(err));
            return 1;
        }
        if (waitpid(child, &status, 0) != child || status)
            return 1;
        printf("%" PRIu64 "\n", now_ns() - start);
    }
    return 0;
}
