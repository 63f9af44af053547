/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says about processes and threads. Any thread; allocates.
 */
#ifndef ADATRACE_DRAIN_PROC_FILE_H
#define ADATRACE_DRAIN_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proc_facts {
    char *executable;    /* or NULL: not readable */
    char *command;       /* its words, quoted for a shell; or NULL */
    uint64_t start_time; /* field 22 of stat */
    uint32_t parent_pid;
};

/* Fill in what can be read, zero the rest. The strings are the caller's: proc_facts_free(). */
void proc_facts_read(uint32_t pid, struct proc_facts *facts);
void proc_facts_free(struct proc_facts *facts);

/* Field 22 of its stat, which tells reused pids apart; 0: not readable. */
uint64_t proc_start_time(uint32_t pid);

/* Has it ended, whether its parent has asked or not? For kernels that have no pidfd. */
bool proc_has_ended(uint32_t pid);
/* The process is there, and that thread of it is not. */
bool proc_thread_has_ended(uint32_t pid, uint32_t tid);

/* The thread's name into name[size], "" when it cannot be read. */
void proc_thread_name(uint32_t pid, uint32_t tid, char *name, size_t size);

/* Words behind each other, each ended by NUL, `size` bytes together, as one would type them. NULL:
 * no memory. The caller frees. */
char *proc_words_quote(const char *words, size_t size);

#endif
