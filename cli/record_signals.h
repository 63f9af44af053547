/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that ask `adatrace record` to end: they end the program, not the recording. Main thread.
 */
#ifndef ADATRACE_CLI_RECORD_SIGNALS_H
#define ADATRACE_CLI_RECORD_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct record_signals {
    sigset_t before; /* the mask that we were started with, for the program */
    int fd;          /* readable when a signal has come */
    unsigned asked;  /* how often somebody asked the program to end */
    uint64_t last_ns;
    unsigned requests; /* how often SIGUSR1 came, as far as it is for us */
};

/* Hold back what would end us, and SIGUSR1 if somebody `listens` to it; before any thread is
 * started. 0 or a negative errno. */
int record_signals_hold(struct record_signals *signals, bool listens)
    __attribute__((warn_unused_result));

/* Take what has come; what the program has not got by itself goes to it, the second time harder. */
void record_signals_pass_on(struct record_signals *signals, pid_t program);

void record_signals_release(struct record_signals *signals);

#endif
