/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with a control socket and nothing else, for tests of both sides of it. One at a time.
 */
#ifndef ADATRACE_TESTS_CONTROL_HOUSE_H
#define ADATRACE_TESTS_CONTROL_HOUSE_H

#include "cli/session_client.h"
#include "drain/control.h"

struct house {
    struct session_folder folder;
    struct drain *drain;
    struct session_files *files; /* NULL: none */
    struct control *control;
    char socket[SESSION_PATH_BYTES];
};

/* Sessions of this test only: in a folder of its own. */
int house_runtime_folder(void **state);
int house_runtime_folder_remove(void **state);

void house_open(struct house *house, const char *name);
/* One that is like others, all of it may be left out. */
struct house_plan {
    const char *name;
    const struct control_verb *verbs; /* only these */
    int fd;                           /* of the trace, taken over; 0: /dev/null */
    const char *file;                 /* its path: the session can go on in others */
    bool flight;                      /* a flight recorder, which keeps nothing there */
    int (*end)(void *context);        /* as control_options.end */
    void *end_context;
};
void house_open_as(struct house *house, const struct house_plan *plan);
/* Without its control: that stays to be opened with these options. */
struct control_options house_build(struct house *house, const struct house_plan *plan);
/* With these verbs only. */
void house_open_verbs(struct house *house, const struct control_verb *verbs);
void house_close(struct house *house);

/* A connection as a guest has it, blocking. */
int house_knock(const struct house *house);
/* Ask a question of any kind; the answer has to come. */
void house_ask(const struct house *house, const char *verb, unsigned count,
               const char *const *words, struct session_answer *answer);
/* It still answers. */
void house_is_well(const struct house *house);

#endif
