/* SPDX-License-Identifier: Apache-2.0 */
/* Enters a seccomp sandbox (argv[1]: list or strict) and works on inside. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW(name)                                        \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int enter_list(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(write),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

__attribute__((noinline)) static void work(void)
{
    for (int i = 0; i < 1000; i++)
        free(malloc(64));
}

int main(int argc, char **argv)
{
    static const char text[] = "still here\n";

    if (argc < 2)
        return 1;
    work();
    if (!strcmp(argv[1], "list") && enter_list())
        return 2;
    if (!strcmp(argv[1], "strict") && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
        return 3;
    work();
    if (write(1, text, sizeof(text) - 1) < 0)
        return 4;
    if (!strcmp(argv[1], "strict"))
        syscall(SYS_exit, 5); /* the only way out that it leaves */
    _exit(6);
}
