/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: the side of a running session that answers (control_protocol.h).
 *
 * One thread of its own, with all signals blocked, polls the session folder's socket and hands the
 * verb that a guest asks for to another (control_lane.h): those that change something run one after
 * another on one, those that only look on a second, so that figures are to be had while a recording
 * ends. A request whose thread is busy stays unread. Who the session is, and what is refused, is
 * answered at once. A verb is one row of the table in control_verbs.c and one function;
 * it reads and changes the session through drain_call().
 * Guests are few, have little time, and make room for others: one that stalls hurts nobody.
 *
 * The same code serves `adatrace record` and an application that records itself. There it lives
 * among strangers: descriptors are looked at before they are used, in case the application has
 * closed them and their numbers are others now, and a forked child lets go of them.
 *
 * Opening and closing is for one thread at a time; what is said of the program may come from any.
 */
#ifndef ADATRACE_DRAIN_CONTROL_H
#define ADATRACE_DRAIN_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drain/control_protocol.h"
#include "drain/drain.h"
#include "drain/session_files.h"
#include "drain/session_folder.h"

struct control;
struct control_verb;

/* Who the session is; strings are copied. */
struct control_identity {
    const char *kind;    /* "record" or "embedded" */
    const char *name;    /* as asked for, NULL: none; then the program's */
    const char *command; /* as one would type it */
    const char *file;    /* the trace, absolute; NULL: none */
    uint32_t pid;        /* of the program; 0: it does not run yet */
};

struct control_options {
    struct session_folder *folder; /* stays the caller's */
    struct drain *drain;           /* outlives the control */
    struct session_files *files;   /* the same; NULL: it has one file, and no snapshots */
    struct control_identity identity;
    const struct control_verb *verbs; /* NULL: control_verbs */
    /* Somebody asks for the end of the recording; comes from a verb's thread. Returns when the
     * file is complete: 0, or the first error that writing it met. control_close() may be waiting
     * for it. NULL: nobody can. */
    int (*end)(void *context);
    void *end_context;
};

/*
 * Make the socket, start the thread. 0 or a negative errno, and nothing is left of it.
 */
int control_open(struct control **out, const struct control_options *options)
    __attribute__((warn_unused_result));
/* End the thread, let go of all guests, remove the socket. NULL: nothing. Not from a verb. */
void control_close(struct control *control);

/* In a forked child, where the thread is not: close what it has inherited. Async-signal-safe. */
void control_let_go(struct control *control);

/* The program runs now. Any thread. */
void control_program_set(struct control *control, uint32_t pid);

/* ---- for verbs; one after the other on a thread of their own, and those that only look on
 * another; or, if they wait for nobody, on the control's ---- */

struct answer;

/* What a verb gets. */
struct control_context {
    struct control *control;
    struct drain *drain;      /* only through drain_call(); -ESHUTDOWN from it: the session ends */
    uint32_t peer_pid;        /* who asks, as the kernel says */
    unsigned count;           /* of words */
    const char *const *words; /* NULL behind the last; theirs end with the call */
    struct answer *answer;
};

struct control_verb {
    const char *name;
    unsigned words_min, words_max;
    bool at_once; /* waits for nobody: is answered on the control's own thread */
    bool looks;   /* changes nothing: waits for no verb that does, nor that for it */
    /* Fill the answer; returns its status: 0 or more, or a negative errno, with the answer's text
     * saying why (answer_print(); what stood in the body before is thrown away by
     * answer_fail()). */
    int (*run)(struct control_context *context);
};

/* Is there a control_options.end? */
bool control_can_end(const struct control *control);
/* End the recording, wait until the file is complete, and answer nobody after this. As
 * control_options.end; -ENOTSUP: there is none. */
int control_session_end(struct control *control);

/* All verbs; a row without a name ends the table. control_verbs.c. */
extern const struct control_verb control_verbs[];

/* Append to the body. -ENOMEM, -E2BIG: it would exceed CONTROL_BODY_BYTES; from then on the answer
 * is that error, so it need not be looked at. */
int answer_add(struct answer *answer, const void *bytes, size_t size);
int answer_print(struct answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Throw away what is in the body, put this sentence there, and return `status`. Without memory its
 * first 255 bytes. */
int answer_fail(struct answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Send a descriptor along, in the order of these calls. It is taken over, also on failure: closed
 * when the answer has gone. -ENOSPC: more than CONTROL_FDS_MAX. */
int answer_fd(struct answer *answer, int fd);
/*
 * Keep the connection when the answer has gone: `gone(context)` is called once, when the peer has
 * hung up or died, or the session ends. -ENOSPC: too many are kept already. If the verb then fails,
 * or the peer has gone before it had its answer, `gone` is called, too.
 */
int answer_keep(struct answer *answer, void (*gone)(void *context), void *context)
    __attribute__((warn_unused_result));

#endif
