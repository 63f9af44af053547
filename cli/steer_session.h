/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steer session: what the commands share that change a running session (enable, disable, pause,
 * resume, stop, set): which operand names the session, the question, and the answer as text or
 * JSON. Main thread.
 */
#ifndef ADATRACE_CLI_STEER_SESSION_H
#define ADATRACE_CLI_STEER_SESSION_H

#include <stdbool.h>

#include "cli/option.h"
#include "cli/session_find.h"

struct steer_settings {
    int format; /* 0: text, 1: JSON */
};

#define STEER_OPTIONS                                            \
    {.letter = 'F',                                              \
     .name = "format",                                           \
     .words = "text|json",                                       \
     .help = "text for people (the default), json for programs", \
     .type = &option_word,                                       \
     .offset = offsetof(struct steer_settings, format)},         \
        OPTION_HELP_ROW

#define STEER_STATUSES                           \
    "0\tthe session has done it\n"               \
    "1\tno such session runs, or it could not\n" \
    "2\tthe command line was not understood, by us or by it\n"

/* What a session made of it. */
struct steer_reply {
    struct session_answer answer; /* pairs of name and value */
    struct session_entry entry;   /* who */
};

/* Ask the session that `wanted` names (NULL: the only one). 0, or the exit status, after a sentence
 * on stderr; then there is nothing to free. */
int steer_ask(const char *wanted, const char *verb, unsigned count, char **words,
              struct steer_reply *reply) __attribute__((warn_unused_result));
void steer_reply_free(struct steer_reply *reply);

/* The number that goes by this name in the answer; 0: there is none. */
long long steer_number(const struct steer_reply *reply, const char *name);

/* The n-th pair; false: no more. */
bool steer_pair(const struct steer_reply *reply, unsigned n, const char **name, const char **value);

/* All pairs, and the session, as one JSON object. Returns the exit status. */
int steer_print_json(const struct steer_reply *reply);

/* One command without operands but SESSION: ask, and print one of two lines by the number that goes
 * by `name`. */
int steer_simply(const struct steer_settings *settings, int count, char **operands,
                 const char *verb, const char *done, const char *already);

/* cmd_enable.c and cmd_disable.c: [SESSION] GLOB... */
int steer_events_command(const struct steer_settings *settings, int count, char **operands,
                         bool on);

#endif
