/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

/* A sender that addresses us and our process group asks once, not twice. */
static const uint64_t one_question_ns = 500000000;

static void set_of_ending(sigset_t *set, bool listens)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGQUIT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    if (listens)
        sigaddset(set, SIGUSR1);
}

int record_signals_hold(struct record_signals *s, bool listens)
{
    sigset_t ending, held;

    *s = (struct record_signals){.fd = -1};
    set_of_ending(&ending, listens);
    held = ending;
    /* A closed stderr, a file size limit or a background terminal must not end or stop us. */
    sigaddset(&held, SIGPIPE);
    sigaddset(&held, SIGXFSZ);
    sigaddset(&held, SIGTTOU);
    if (sigprocmask(SIG_BLOCK, &held, &s->before))
        return -errno;
    s->fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->fd < 0 ? -errno : 0;
}

/* The terminal sends to the whole foreground group, so the program has it already; a program that
 * signals its group means itself, too. */
static int is_for_us_alone(const struct signalfd_siginfo *info, pid_t program)
{
    return info->ssi_code <= 0 && (pid_t)info->ssi_pid != program;
}

static int harder(int signal, unsigned asked)
{
    if (asked == 1)
        return signal;
    return signal == SIGINT && asked == 2 ? SIGTERM : SIGKILL;
}

void record_signals_pass_on(struct record_signals *s, pid_t program)
{
    struct signalfd_siginfo info;

    while (read(s->fd, &info, sizeof(info)) == sizeof(info)) {
        uint64_t now_ns = clock_monotonic_ns();

        if (info.ssi_signo == SIGUSR1) { /* a question to us; the program's is its own */
            s->requests++;
            continue;
        }
        if (!is_for_us_alone(&info, program) || (s->asked && now_ns - s->last_ns < one_question_ns))
            continue;
        s->last_ns = now_ns;
        kill(program, harder((int)info.ssi_signo, ++s->asked));
    }
}

void record_signals_release(struct record_signals *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    /* The mask stays as it is: what came late would end us, and the program's status with us. */
}
