/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/syscall_count.h"

#include <errno.h>

#if defined(__x86_64__)
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF          0
#define PR_SYS_DISPATCH_ON           1
#endif
enum { ALLOW = 0, BLOCK = 1 }; /* SYSCALL_DISPATCH_FILTER_* */

static volatile char selector;
static volatile uint64_t counted;

/* What the kernel takes, for a restorer of our own: returning from the handler is a system call
 * too, made while the selector says BLOCK, so it comes from the one range that is always let
 * through. */
struct kernel_sigaction {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};
#define KERNEL_SA_RESTORER 0x04000000ul

void bench_sigreturn(void);
__asm__(".text\n"
        ".globl bench_sigreturn\n"
        ".hidden bench_sigreturn\n"
        ".type bench_sigreturn, @function\n"
        "bench_sigreturn:\n"
        "    movq $15, %rax\n" /* rt_sigreturn */
        "    syscall\n"
        "    hlt\n"
        ".size bench_sigreturn, .-bench_sigreturn\n");
enum { SIGRETURN_BYTES = 16 };

static long syscall_make(const greg_t *r)
{
    register long r10 __asm__("r10") = r[REG_R10];
    register long r8 __asm__("r8") = r[REG_R8];
    register long r9 __asm__("r9") = r[REG_R9];
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(r[REG_RAX]), "D"(r[REG_RDI]), "S"(r[REG_RSI]), "d"(r[REG_RDX]), "r"(r10),
                       "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void syscall_seen(int signal, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signal;
    (void)info;
    selector = ALLOW;
    counted++;
    registers[REG_RAX] = syscall_make(registers);
    selector = BLOCK;
}

int syscall_count_start(void)
{
    struct kernel_sigaction action = {.handler = syscall_seen,
                                      .flags = SA_SIGINFO | SA_NODEFER | KERNEL_SA_RESTORER,
                                      .restorer = bench_sigreturn};

    if (syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, sizeof(action.mask)))
        return -errno;
    selector = ALLOW;
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, bench_sigreturn,
              (unsigned long)SIGRETURN_BYTES, &selector))
        return -errno;
    counted = 0;
    selector = BLOCK;
    return 0;
}

uint64_t syscall_count_stop(void)
{
    selector = ALLOW;
    (void)prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0ul, 0ul, 0ul);
    return counted;
}
#else
int syscall_count_start(void)
{
    return -ENOSYS;
}

uint64_t syscall_count_stop(void)
{
    return 0;
}
#endif
