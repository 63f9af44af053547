/* SPDX-License-Identifier: Apache-2.0 */
/* Executes itself or argv[2] with various environments; the last program says what it got. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *large[2000];

static void make_large(void)
{
    for (int i = 0; i < 1500; i++) {
        large[i] = malloc(32);
        snprintf(large[i], 32, "VARIABLE_%d=%d", i, i);
    }
}

static void say(void)
{
    int entries = 0, preloads = 0, sessions = 0;

    for (char **e = environ; *e; e++, entries++) {
        preloads += !strncmp(*e, "LD_PRELOAD=", 11);
        sessions += !strncmp(*e, "ADATRACE_SESSION=", 17);
    }
    printf("%d others, %d preload, %d session\n", entries - preloads - sessions, preloads,
           sessions);
    if (getenv("LD_PRELOAD"))
        printf("preload %s\n", getenv("LD_PRELOAD"));
    if (getenv("ADATRACE_SESSION"))
        printf("session %s\n", getenv("ADATRACE_SESSION"));
}

int main(int argc, char **argv)
{
    char *args[] = {argv[0], "say", NULL};
    char *empty[] = {NULL};
    char *mine[] = {"LD_PRELOAD=/no/such/mine.so", NULL};
    char *twice[] = {"LD_PRELOAD=/opt/libadatrace-agent.so", "ADATRACE_SESSION=/other", NULL};

    if (argc < 2 || !strcmp(argv[1], "say")) {
        say();
        return 0;
    }
    make_large();
    if (!strcmp(argv[1], "same"))
        execv("/proc/self/exe", args);
    else if (!strcmp(argv[1], "empty"))
        execve("/proc/self/exe", args, empty);
    else if (!strcmp(argv[1], "mine"))
        execve("/proc/self/exe", args, mine);
    else if (!strcmp(argv[1], "other"))
        execve("/proc/self/exe", args, twice);
    else if (!strcmp(argv[1], "large"))
        execve("/proc/self/exe", args, large);
    else if (!strcmp(argv[1], "run") && argc > 2)
        execve(argv[2], argv + 2, environ);
    perror("exec");
    return 1;
}
