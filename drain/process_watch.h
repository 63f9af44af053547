/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process watch: tells which processes have ended, by pidfds in an epoll set. One thread.
 */
#ifndef ADATRACE_DRAIN_PROCESS_WATCH_H
#define ADATRACE_DRAIN_PROCESS_WATCH_H

#include <stdint.h>

struct process_watch {
    int epoll_fd; /* -1: nothing is watched */
};

/* 0 or a negative errno. */
int process_watch_init(struct process_watch *watch);
void process_watch_fini(struct process_watch *watch);

/* A pidfd of `pid`: descriptor or a negative errno; -ESRCH: it has ended already. */
int process_watch_open(uint32_t pid);

/* Tell about the end of what `pidfd` stands for under the name `key`. 0 or a negative errno. */
int process_watch_add(struct process_watch *watch, int pidfd, uint32_t key);
void process_watch_remove(struct process_watch *watch, int pidfd);

/* How the process behind `pidfd` ended, as waitpid(2) has it. -EAGAIN: its parent has not asked
 * yet, before that nobody else is told; -ENOTSUP: the kernel never tells (before Linux 6.15). */
int process_watch_status(int pidfd, int *status) __attribute__((warn_unused_result));

/* Keys of processes that have ended, into keys[max]; told again until they are removed. Does not
 * wait. */
unsigned process_watch_poll(struct process_watch *watch, uint32_t *keys, unsigned max);

#endif
