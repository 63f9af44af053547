/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emits one instruction at a time: a child goes through some emits and is killed after FIRST of
 * their instructions, another one after FIRST + STRIDE, and so on, until all of some come to the
 * end.
 *
 *     emit_stepped ROWS plain|lap|late|full|over|gap|grow STRIDE FIRST
 *
 *     plain   room for all
 *     lap     the emits go over the end of the ring, where there is room again
 *     late    the same, and the drain comes only now: they wait for room
 *     full    nobody drains: they find no room
 *     over    nobody drains: they go over what nobody has read
 *     gap     some were dropped, and there is room again: the first tells so
 *     grow    the drain has granted more room, and they go into it
 *
 * ROWS is a file of one struct row a child: its process, after how many instructions it was killed
 * (ENDED: it came to the end), and how many emits had returned. Says how many children there were.
 * The recorder is our parent; where nobody is to drain it is stopped meanwhile.
 *
 * On x86-64 a child steps through itself, by the trap flag, and so the clock and what waits go on
 * as fast as ever beside whatever load; elsewhere we are its debugger. Children come in batches,
 * for it is the drain that takes long to come by.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

#if defined(__x86_64__)
enum { STEPS_ITSELF = true };
#else
enum { STEPS_ITSELF = false };
#endif

/* A batch takes no more rings than the drain has ready before it is stopped. */
enum { ROWS = 8192, BATCH = 16, STEPPED = 5, PATIENCE_S = 60 };
enum { RING_BYTES = 4096, RECORD_BYTES = 16, FILL_BYTES_MAX = 256 };
/* So many are more than five emits, and fewer than who waits for room makes before he sleeps. */
enum { LATE_STEPS = 4000 };
_Static_assert(ROWS % BATCH == 0, "batches are whole");
#define ENDED UINT32_MAX

ADA_EVENT(stepped, step, (u64, number))
ADA_EVENT(stepped, fill, (u64, number), (string, filler))
ADA_EVENT(stepped, round, (u64, number))

static const char filler[] = "................................................................"
                             "................................................................"
                             "................................................................";

struct row {
    uint64_t emitted;
    uint32_t pid, steps;
};

enum mode { PLAIN, LAP, LATE, FULL, OVER, GAP, GROW };
static const char *const modes[] = {"plain", "lap", "late", "full", "over", "gap", "grow"};

static enum mode mode;
static struct row *rows;
static pid_t recorder;

/* ---- stepping ---- */

static uint32_t steps_left, steps_taken;

static void on_trap(int number)
{
    (void)number;
    if (++steps_taken == LATE_STEPS && mode == LATE)
        kill(recorder, SIGCONT);
    if (!--steps_left)
        kill(getpid(), SIGKILL);
}

/* SIGTRAP comes behind each instruction from now on, with the flag cleared; returning from its
 * handler sets it again. */
static inline __attribute__((always_inline)) void trap_flag_set(void)
{
#if defined(__x86_64__)
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "leaq 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
#endif
}

static inline __attribute__((always_inline)) void trap_flag_clear(void)
{
#if defined(__x86_64__)
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
                     "leaq 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
#endif
}

/* ---- the child ---- */

/* The number says which child's it is: of thousands, two can have had the same process id. */
static void emit(struct row *row, bool is_long)
{
    uint64_t number = (uint64_t)(row - rows) << 32 | row->emitted;

    if (is_long)
        ada_trace_stepped_fill(number, filler);
    else
        ada_trace_stepped_step(number);
    __atomic_store_n(&row->emitted, row->emitted + 1, __ATOMIC_RELEASE);
}

static struct ada_thread_stats stats_read(void)
{
    struct ada_thread_stats stats = {0};

    (void)ada_thread_stats_read(&stats);
    return stats;
}

/* Long ones first: what has to be read back are fewer. */
static void until_lap_ends(struct row *row)
{
    uint64_t at;

    while ((at = stats_read().written_bytes % RING_BYTES) < RING_BYTES - 2 * RECORD_BYTES)
        emit(row, at < RING_BYTES - FILL_BYTES_MAX);
}

static void until_full(struct row *row)
{
    until_lap_ends(row);
    while (!stats_read().dropped)
        emit(row, false);
}

static void child_fill(struct row *row)
{
    if (mode == LAP || mode == LATE || mode == OVER)
        until_lap_ends(row);
    else if (mode != PLAIN)
        until_full(row);
}

/* Up to where the ring ended before. */
static void until_grown(struct row *row)
{
    uint64_t fill;

    while ((fill = stats_read().fill_bytes) <= RING_BYTES - 2 * RECORD_BYTES)
        emit(row, fill < RING_BYTES - FILL_BYTES_MAX);
}

static void child_run(struct row *row)
{
    steps_left = row->steps;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || signal(SIGTRAP, on_trap) == SIG_ERR ||
        (!STEPS_ITSELF && ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
        _exit(1);
    emit(row, false);
    child_fill(row);
    raise(SIGSTOP);
    if (mode == GROW) {
        until_grown(row);
        raise(SIGSTOP);
    }
    if (STEPS_ITSELF && !steps_left)
        kill(getpid(), SIGKILL);
    trap_flag_set();
    for (int i = 0; i < STEPPED; i++)
        emit(row, false);
    trap_flag_clear();
    _exit(0);
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

/* Of so many children, the first of which is that. */
static void await_stops(const struct row *batch)
{
    int status;

    for (const struct row *row = batch; row < batch + BATCH; row++)
        require(waitpid((pid_t)row->pid, &status, WUNTRACED) == (pid_t)row->pid &&
                    WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP,
                "the child does not stop");
}

static void children_go_on(const struct row *batch)
{
    for (const struct row *row = batch; row < batch + BATCH; row++)
        require(!(STEPS_ITSELF ? kill((pid_t)row->pid, SIGCONT)
                               : ptrace(PTRACE_CONT, (pid_t)row->pid, NULL, NULL)),
                "the child does not go on");
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

static bool task_is_stopped(const char *tid)
{
    char path[64], line[128] = "", *state;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", (int)recorder, tid);
    file = fopen(path, "re");
    if (!file)
        return true; /* gone */
    (void)!fgets(line, sizeof(line), file);
    fclose(file);
    state = strrchr(line, ')');
    return state && strncmp(state, ") T", 3) == 0;
}

static bool recorder_is_stopped(void)
{
    char path[64];
    struct dirent *entry;
    bool all = true;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)recorder);
    tasks = opendir(path);
    require(tasks, path);
    while ((entry = readdir(tasks)))
        all &= entry->d_name[0] == '.' || task_is_stopped(entry->d_name);
    closedir(tasks);
    return all;
}

/* The signal is one thread's, and until that one has come by, the drain goes on. */
static void drain_stop(void)
{
    struct timespec pause = {.tv_nsec = 200 * 1000};
    int patience = PATIENCE_S * 5000;

    require(!kill(recorder, SIGSTOP), "kill");
    while (!recorder_is_stopped()) {
        require(patience-- > 0, "the recorder does not stop");
        nanosleep(&pause, NULL);
    }
}

static void drain_go_on(void)
{
    require(!kill(recorder, SIGCONT), "kill");
    await_round();
}

/* To where stepping begins. */
static void children_prepare(struct row *batch)
{
    for (struct row *row = batch; row < batch + BATCH; row++) {
        pid_t child = fork();

        require(child >= 0, "fork");
        if (!child)
            child_run(row);
        row->pid = (uint32_t)child;
    }
    await_stops(batch);
    if (mode == LAP)
        await_round();
    if (mode == GAP || mode == GROW)
        drain_go_on();
    if (mode != GROW)
        return;
    drain_stop();
    children_go_on(batch);
    await_stops(batch);
}

/* As its debugger. False: it came to its end, and is gone. */
static bool child_step(pid_t child, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        int status;

        require(!ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), "ptrace");
        require(waitpid(child, &status, 0) == child, "waitpid");
        if (!WIFSTOPPED(status))
            return false;
    }
    require(!kill(child, SIGKILL), "kill");
    return true;
}

/* False: it came to its end before. */
static bool child_end(struct row *row)
{
    pid_t child = (pid_t)row->pid;
    int status = 0;

    if (STEPS_ITSELF || child_step(child, row->steps))
        require(waitpid(child, &status, 0) == child &&
                    (WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : !WEXITSTATUS(status)),
                "the child dies of something else");
    if (WIFSIGNALED(status))
        return true;
    row->steps = ENDED;
    return false;
}

/* False: all came to their ends before. */
static bool children_kill(struct row *batch)
{
    bool stopped = mode != PLAIN && mode != LAP, more = false;

    if (stopped)
        drain_stop();
    children_prepare(batch);
    if (STEPS_ITSELF)
        children_go_on(batch);
    else if (mode == LATE)
        require(!kill(recorder, SIGCONT), "kill");
    for (struct row *row = batch; row < batch + BATCH; row++)
        more |= child_end(row);
    if (stopped)
        drain_go_on();
    else
        await_round();
    return more;
}

int main(int count, char **words)
{
    int fd = count == 5 ? open(words[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    uint32_t stride = count == 5 ? (uint32_t)atoi(words[3]) : 0, n = 0;
    uint32_t first = count == 5 ? (uint32_t)atoi(words[4]) : 0;
    bool more = true;

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
    for (; more; n += BATCH) {
        require(n < ROWS, "there is no end");
        for (uint32_t i = n; i < n + BATCH; i++)
            rows[i].steps = first + i * stride;
        more = children_kill(rows + n);
    }
    printf("%u\n", n);
    return 0;
}
