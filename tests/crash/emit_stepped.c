/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emits under a debugger of its own: a child is stepped through some emits and killed after FIRST
 * of their instructions, another one after FIRST + STRIDE, and so on, until one comes to the end.
 *
 *     emit_stepped ROWS plain|lap|full|gap|grow STRIDE FIRST
 *
 *     plain   room for all
 *     lap     the emits go over the end of the ring
 *     full    nobody drains: they find no room
 *     gap     some were dropped, and there is room again: the first tells so
 *     grow    the drain has granted more room, and they go into it
 *
 * ROWS is a file of one struct row a child: its process, after how many instructions it was killed,
 * and how many emits had returned. Says how many children there were. The recorder is our parent;
 * where nobody is to drain it is stopped meanwhile.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

enum { ROWS = 8192, RING_BYTES = 4096, RECORD_BYTES = 16, STEPPED = 5, PATIENCE_S = 60 };

ADA_EVENT(stepped, step, (u64, number))
ADA_EVENT(stepped, round, (u64, number))

struct row {
    uint64_t emitted;
    uint32_t pid, steps;
};

enum mode { PLAIN, LAP, FULL, GAP, GROW };
static const char *const modes[] = {"plain", "lap", "full", "gap", "grow"};

static enum mode mode;
static struct row *rows;
static pid_t recorder;

/* ---- the child ---- */

/* The number says which child's it is: of thousands, two can have had the same process id. */
static void step(struct row *row)
{
    ada_trace_stepped_step((uint64_t)(row - rows) << 32 | row->emitted);
    __atomic_store_n(&row->emitted, row->emitted + 1, __ATOMIC_RELEASE);
}

static struct ada_thread_stats stats_read(void)
{
    struct ada_thread_stats stats = {0};

    (void)ada_thread_stats_read(&stats);
    return stats;
}

static void until_lap_ends(struct row *row)
{
    do
        step(row);
    while (stats_read().written_bytes % RING_BYTES < RING_BYTES - 2 * RECORD_BYTES);
}

static void until_full(struct row *row)
{
    do
        step(row);
    while (!stats_read().dropped);
}

static void child_run(struct row *row)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        _exit(1);
    step(row);
    if (mode == LAP)
        until_lap_ends(row);
    if (mode != PLAIN && mode != LAP)
        until_full(row);
    raise(SIGSTOP);
    if (mode == GROW)
        for (int i = 0; i < RING_BYTES / RECORD_BYTES - STEPPED / 2; i++)
            step(row);
    if (mode == GROW)
        raise(SIGSTOP);
    for (int i = 0; i < STEPPED; i++)
        step(row);
    raise(SIGSTOP);
    _exit(1);
}

/* ---- its parent ---- */

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    kill(recorder, SIGCONT);
    exit(1);
}

static void await_stop(pid_t child)
{
    int status;

    require(waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
                WSTOPSIG(status) == SIGSTOP,
            "the child does not stop");
}

/* Everybody's ring has been visited since: then ours is empty, and all before it. */
static void await_round(void)
{
    static uint64_t rounds;
    struct timespec start, now, pause = {.tv_nsec = 200 * 1000};

    for (int i = 0; i < 2; i++) {
        ada_trace_stepped_round(rounds++);
        clock_gettime(CLOCK_MONOTONIC, &start);
        do {
            nanosleep(&pause, NULL);
            clock_gettime(CLOCK_MONOTONIC, &now);
            require(now.tv_sec - start.tv_sec < PATIENCE_S, "nobody drains");
        } while (stats_read().fill_bytes);
    }
}

static void drain_stop(void)
{
    require(!kill(recorder, SIGSTOP), "kill");
}

static void drain_go_on(void)
{
    require(!kill(recorder, SIGCONT), "kill");
    await_round();
}

/* To where stepping begins. */
static void child_prepare(pid_t child)
{
    await_stop(child);
    if (mode == GAP || mode == GROW)
        drain_go_on();
    if (mode != GROW)
        return;
    drain_stop();
    require(!ptrace(PTRACE_CONT, child, NULL, NULL), "ptrace");
    await_stop(child);
}

/* False: it came to its end before. */
static bool child_step(pid_t child, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        int status;

        require(!ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), "ptrace");
        require(waitpid(child, &status, 0) == child && WIFSTOPPED(status), "waitpid");
        if (WSTOPSIG(status) == SIGSTOP)
            return false;
    }
    return true;
}

static bool child_kill_after(struct row *row)
{
    bool stopped = mode == FULL || mode == GAP || mode == GROW, more;
    pid_t child;

    if (stopped)
        drain_stop();
    child = fork();
    require(child >= 0, "fork");
    if (!child)
        child_run(row);
    row->pid = (uint32_t)child;
    child_prepare(child);
    more = child_step(child, row->steps);
    require(!kill(child, SIGKILL) && waitpid(child, NULL, 0) == child, "kill");
    if (stopped)
        drain_go_on();
    return more;
}

int main(int count, char **words)
{
    int fd = count == 5 ? open(words[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    uint32_t stride = count == 5 ? (uint32_t)atoi(words[3]) : 0, n = 0;
    uint32_t first = count == 5 ? (uint32_t)atoi(words[4]) : 0;

    while (count == 5 && (unsigned)mode < sizeof(modes) / sizeof(*modes) &&
           strcmp(modes[mode], words[2]) != 0)
        mode++;
    if (fd < 0 || ftruncate(fd, ROWS * sizeof(*rows)) || !stride || mode > GROW)
        return 2;
    rows = mmap(NULL, ROWS * sizeof(*rows), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (rows == MAP_FAILED)
        return 2;
    recorder = getppid();
    await_round();
    do
        rows[n].steps = first + n * stride;
    while (child_kill_after(&rows[n]) && ++n < ROWS);
    printf("%u\n", n + 1);
    return 0;
}
