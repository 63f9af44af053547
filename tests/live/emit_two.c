/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emits two event types on command, and tells by itself what it attempted: a program to be steered.
 *
 *     emit_two [--sandbox] [--embedded FILE]
 *
 * Reads lines from stdin; each is answered by one line on stdout.
 *     emit N        N times twin:even and N times twin:odd; "even A odd B": how many were on
 *     spin          until `hush`, in a thread: both, over and over
 *     hush          "even A odd B" of that thread
 *     enable GLOBS, disable GLOBS     the program's own word; "changed N"
 *     late          a type that was not known until now, twin:late; "late A": was it on
 *     fork          a child that switches twin:even off for itself; "child even A odd B"
 *     stop, start FILE, active    of the session of its own; "N"
 *     quit
 * With --sandbox nothing but read, write, exit_group and futex is allowed from the first line on.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

ADA_EVENT(twin, even, (u64, number))
ADA_EVENT_LEVEL(ADA_LEVEL_DEBUG, twin, odd, (u64, number))

struct counts {
    unsigned long long even, odd;
};

/* By hand, because these say whether the event was on. */
static void emit(struct counts *c, uint64_t number)
{
    c->even += (unsigned)ada_emit(&ada_event_twin_even, &number, sizeof(number));
    c->odd += (unsigned)ada_emit(&ada_event_twin_odd, &number, sizeof(number));
}

/* ---- a thread that does not stop ---- */

static uint32_t hushed;
static pthread_t spinner;

static void *spin(void *argument)
{
    struct counts *c = argument;

    for (uint64_t n = 0; !__atomic_load_n(&hushed, __ATOMIC_RELAXED); n++) {
        emit(c, n);
        if (n % 32 == 0)
            usleep(100); /* the file is read back */
    }
    return NULL;
}

/* ---- the sandbox ---- */

static int sandbox_enter(void)
{
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return errno;
    return 0;
}

/* ---- lines ---- */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (write(1, line, (size_t)length) != length)
        _exit(3);
}

/* Without stdio, which may call what the sandbox forbids. */
static bool line_read(char *line, size_t size)
{
    size_t used = 0;

    while (used < size - 1) {
        if (read(0, line + used, 1) != 1)
            return false;
        if (line[used++] == '\n')
            break;
    }
    line[used ? used - 1 : 0] = 0;
    return true;
}

static void child_run(void)
{
    pid_t child = fork();

    if (!child) {
        struct counts c = {0};

        (void)ada_events_disable("twin:even");
        emit(&c, 0);
        say("child even %llu odd %llu\n", c.even, c.odd);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void obey(const char *line)
{
    static struct counts spun;
    struct counts c = {0};

    if (strncmp(line, "emit ", 5) == 0) {
        for (unsigned long long n = strtoull(line + 5, NULL, 10); n; n--)
            emit(&c, n);
        say("even %llu odd %llu\n", c.even, c.odd);
    } else if (strcmp(line, "spin") == 0) {
        say("%s\n", pthread_create(&spinner, NULL, spin, &spun) ? "no thread" : "spinning");
    } else if (strcmp(line, "hush") == 0) {
        __atomic_store_n(&hushed, 1, __ATOMIC_RELAXED);
        pthread_join(spinner, NULL);
        say("even %llu odd %llu\n", spun.even, spun.odd);
    } else if (strncmp(line, "enable ", 7) == 0) {
        say("changed %d\n", ada_events_enable(line + 7));
    } else if (strncmp(line, "disable ", 8) == 0) {
        say("changed %d\n", ada_events_disable(line + 8));
    } else if (strcmp(line, "late") == 0) {
        static struct ada_event late = {.on = ADA_EVENT_NEW, .provider = "twin", .name = "late"};

        say("late %d\n", ada_emit(&late, NULL, 0));
    } else if (strcmp(line, "fork") == 0) {
        child_run();
    } else if (strcmp(line, "stop") == 0) {
        say("%d\n", ada_session_stop());
    } else if (strncmp(line, "start ", 6) == 0) {
        say("%d\n", ada_session_start(line + 6, NULL));
    } else if (strcmp(line, "active") == 0) {
        say("%d\n", ada_session_is_active());
    } else {
        say("what?\n");
    }
}

int main(int argc, char **argv)
{
    const char *embedded = NULL;
    const pid_t pid = getpid();
    bool sandbox = false;
    char line[256];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--sandbox") == 0)
            sandbox = true;
        else if (strcmp(argv[i], "--embedded") == 0 && i + 1 < argc)
            embedded = argv[++i];
    }
    if (embedded && ada_session_start(embedded, NULL))
        return 1;
    if (sandbox && sandbox_enter())
        return 77;
    say("ready %d\n", (int)pid);
    while (line_read(line, sizeof(line)) && strcmp(line, "quit") != 0)
        obey(line);
    return 5;
}
