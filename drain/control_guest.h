/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of the control socket: asks once, hears the answer, and is sometimes kept. Shared by
 * control*.c only; the control's thread.
 */
#ifndef ADATRACE_DRAIN_CONTROL_GUEST_H
#define ADATRACE_DRAIN_CONTROL_GUEST_H

#include <poll.h>

#include "drain/control.h"

enum { ANSWER_SPARE_BYTES = 256 };

struct answer {
    int status;
    int error;  /* the first that building it met */
    char *body; /* NULL, malloc'd, or `spare` */
    size_t bytes, room;
    char spare[ANSWER_SPARE_BYTES]; /* for why it failed, when there is no memory for that */
    int fds[CONTROL_FDS_MAX];
    unsigned fd_count;
    bool may_keep;
    void (*gone)(void *context); /* NULL: not kept */
    void *gone_context;
};

/* While a guest's verb RUNS, all of it but `fd` and `mark` belongs to who runs it. */
enum guest_state { GUEST_ASKS, GUEST_RUNS, GUEST_HEARS, GUEST_KEPT };

struct control_guest {
    int fd;        /* -1: nobody. Set last and cleared first: a forked child looks at it */
    uint64_t mark; /* of fd */
    enum guest_state state;
    uint64_t since_ns; /* when it got on last */
    uint64_t waits_ns; /* since when its request waits unread for another's verb; 0: it does not */
    int waits_lane;    /* that one's */
    uint32_t pid;
    struct answer answer;
    size_t sent; /* of the answer's body */
    bool begun;  /* its first packet has gone */
};

/* A descriptor that is a socket has a mark; -EBADF: it is none (any more). */
int descriptor_mark(int fd, uint64_t *mark);
/* Is it still the socket of this mark? Async-signal-safe. */
bool descriptor_is(int fd, uint64_t mark);

/* Take the connection over. */
void guest_begin(struct control_guest *guest, int fd, uint64_t now_ns);
/* What to poll for. */
short guest_events(const struct control_guest *guest);
/* Something may have come or gone. False: it is done with. */
bool guest_turn(struct control_guest *guest, struct control *control, short revents,
                uint64_t now_ns);
void guest_end(struct control_guest *guest);

/* ---- control.c ---- */
struct drain *control_drain(const struct control *control);
struct session_files *control_files(const struct control *control);
const struct control_verb *control_table(const struct control *control);
const struct control_identity *control_identity(const struct control *control);
uint32_t control_program(const struct control *control);       /* its pid */
bool control_may_keep(const struct control *control);          /* one guest more */
bool control_is_busy(const struct control *control, int lane); /* a verb runs on it */
/* Run it on that lane's thread: the guest hears when that is done. `packet` is copied. */
void control_work(struct control *control, int lane, struct control_guest *guest,
                  const char *packet, size_t size);
void control_wake(struct control *control); /* its thread; any other may call */

/* ---- control_answer.c ---- */
/* No descriptors, no memory. */
void answer_init(struct answer *answer);
/* What goes with it: closes descriptors, tells who keeps the connection that it is not. */
void answer_withdraw(struct answer *answer);
/* Back to nothing; tells who keeps it. */
void answer_fini(struct answer *answer);

/* ---- control_verbs.c ---- */
/* The lane that it runs on (control_lane.h); -1: it is answered at once, or not known. */
int verb_lane(struct control *control, const char *name);
/* Find and call the verb; the answer is complete then. `words` has `bytes` bytes, untrusted. */
void verb_call(struct control *control, const struct control_request *request, const char *words,
               size_t bytes, uint32_t peer_pid, struct answer *answer);

#endif
