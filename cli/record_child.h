/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorded program: started with nothing changed but two environment variables, and how it
 * ends. Main thread.
 */
#ifndef ADATRACE_CLI_RECORD_CHILD_H
#define ADATRACE_CLI_RECORD_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct record_child {
    pid_t pid;
    int pidfd;  /* readable when it has ended; -1: the kernel has none */
    int status; /* as waitpid(2), once it has */
};

struct record_child_options {
    const char *path;  /* the program's file */
    char **words;      /* its arguments, NULL-terminated */
    const char *agent; /* to preload; NULL: not */
    const char *session;
    const sigset_t *mask; /* the signal mask that adatrace itself was started with */
    bool is_script;       /* no ELF file: what the kernel does not understand goes to the shell */
};

/* 0, or a negative errno: it cannot be executed. Nothing of ours is open in it. */
int record_child_start(struct record_child *child, const struct record_child_options *options)
    __attribute__((warn_unused_result));

/* For a kernel without pidfds. */
bool record_child_has_ended(const struct record_child *child);

/* Take its status; blocks until it has ended. */
void record_child_wait(struct record_child *child);

/* The exit status that a shell would show: its own, or 128 and the signal. */
int record_child_exit_status(const struct record_child *child);

#endif
