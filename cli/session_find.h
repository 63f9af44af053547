/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session find: which sessions of this user run, and which of them is meant. Main thread.
 */
#ifndef ADATRACE_CLI_SESSION_FIND_H
#define ADATRACE_CLI_SESSION_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/session_client.h"
#include "drain/session_folder.h"

struct session_entry {
    struct session_folder folder;
    char *kind;    /* "record" or "embedded" */
    char *name;    /* as asked for; "": none */
    char *program; /* its name without folders, from the command */
    char *command, *file;
    uint32_t pid;       /* of the program; 0: it does not run yet */
    uint32_t drain_pid; /* of the process that drains; the program itself when embedded */
    uint64_t start_ns;  /* CLOCK_MONOTONIC */
    char *memory;       /* what the strings point into */
};

struct session_list {
    struct session_entry *entries; /* oldest first */
    size_t count;
    size_t mute;    /* sessions that are there and do not answer */
    size_t removed; /* folders of dead sessions that were removed */
};

/* All of this user's that answer; folders of dead ones are removed. 0, -ENOMEM, or
 * why a folder could not be looked into. */
int session_list_make(struct session_list *list) __attribute__((warn_unused_result));
void session_list_free(struct session_list *list);

/* What people call it: its own name, or the program's. */
const char *session_entry_name(const struct session_entry *entry);

/* Connect to it; errors as session_client_open(). */
int session_entry_open(const struct session_entry *entry, struct session_client *client)
    __attribute__((warn_unused_result));

/*
 * Connect to the session that `wanted` names: a process id (the program's or the drain's), a
 * session's or a program's name; NULL: the only one that runs. Says on stderr what is wrong and
 * returns an exit status, 0 when *client is connected. `entry` may be NULL; else
 * session_entry_free() it.
 */
int session_open(struct session_client *client, const char *wanted, struct session_entry *entry)
    __attribute__((warn_unused_result));
void session_entry_free(struct session_entry *entry);

/*
 * The same and one question. 0: a good answer (status 0 or more), session_answer_free() it; what
 * went wrong is said on stderr and the exit status is returned. `entry` may be NULL.
 */
int session_ask(const char *wanted, const char *verb, unsigned count, const char *const *words,
                struct session_answer *answer, struct session_entry *entry)
    __attribute__((warn_unused_result));

#endif
