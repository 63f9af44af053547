/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enters a seccomp sandbox that lets it write and end, is quiet for so long that the drain sleeps,
 * and then emits more than a step of its ring at once. Whoever called the kernel for that, to wake
 * the drain, would be killed. Says "still here".
 *
 *     burst_in_sandbox prctl|syscall    how the filter is set: directly, or as libseccomp does it
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

#define ALLOW(name)                                        \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

ADA_EVENT(sandbox, burst, (u64, number))

enum { QUIET_S = 1, EVENTS = 100000 };

static int enter(const char *how)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(write),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    if (!strcmp(how, "syscall"))
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* The clock is read without the kernel. */
static void be_quiet(void)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < QUIET_S + 1);
}

int main(int count, char **words)
{
    static const char text[] = "still here\n";

    ada_trace_sandbox_burst(0);
    if (enter(count > 1 ? words[1] : "prctl"))
        return 2;
    be_quiet();
    for (uint64_t i = 1; i < EVENTS; i++)
        ada_trace_sandbox_burst(i);
    if (write(1, text, sizeof(text) - 1) < 0)
        return 3;
    _exit(0);
}
