/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drain's insides, shared by its source files only. Everything belongs to the thread that runs
 * the rounds, except what `lock` guards.
 */
#ifndef ADATRACE_DRAIN_DRAIN_STATE_H
#define ADATRACE_DRAIN_DRAIN_STATE_H

#include <pthread.h>

#include "base/atomic.h"
#include "base/own_thread.h"
#include "drain/clock_line.h"
#include "drain/drain.h"
#include "drain/drain_stats.h"
#include "drain/life.h"
#include "drain/live.h"
#include "drain/pace.h"
#include "drain/process_watch.h"
#include "drain/steer_state.h"
#include "drain/trigger_hooks.h"
#include "registry/arena.h"
#include "registry/registry.h"

enum {
    DRAIN_SHARE_BYTES = 256 * 1024, /* taken from one ring in one round */
    STATS_GONE_MAX = 64             /* ended processes that still have a row of their own */
};

/* A process, or what exec made of it: the pid and the segment name it. */
struct drain_process {
    struct drain_process *next;
    struct drain_source *source;
    uint32_t number;
    uint32_t pid;      /* as we see it */
    uint32_t slot_pid; /* as its own slots say; differs in another pid namespace */
    uint32_t threads;  /* alive in the registry */
    int pidfd;
    bool is_root;    /* the segment was made for it; the others are its forks */
    bool is_child;   /* of ours: its status will be told */
    bool is_foreign; /* another pid namespace: we do not know its pid */
    bool dead;       /* no more records, no more claims */
    bool replaced;   /* exec made another image of it, which attached */
    bool ended;      /* written so */
    int status;      /* as waitpid(2), -1: not known */
    int said_status; /* the same, as its own last record has it */
    bool untold;     /* there was no memory to describe it: tried again with its next thread */
    uint32_t parent;
    uint64_t start_ticks, start_time;
    uint64_t end_ticks, dead_ns;
    char *exec_path; /* its last record said that it executes this; or NULL */
    char *executable, *command;
    uint64_t threads_ever;
    struct stats_counts ended_threads; /* sums */
};

/* The recording's ticks are those of the counter plus `shift`, which makes up for its jumps. */
struct drain_clock {
    struct clock_line line;
    uint64_t shift, shift_before;            /* before the last jump */
    uint64_t jump_from_ticks, jump_to_ticks; /* it happened between these; 0: there was none */
    uint64_t looked_ticks;                   /* when the line was looked at last */
    uint64_t look_ticks;                     /* so long may pass until it is looked at again */
    uint64_t told_ns;                        /* when a note was written last */
    uint32_t untold;                         /* jumps since, of which none tells */
};

/* One occupant of one slot: a thread, from claim to end. */
struct drain_thread {
    struct drain_process *process;
    struct drain_source *source;
    uint32_t slot, number, pid, tid;
    struct ring_reader reader;
    uint64_t fill_bytes;         /* found at the last visit */
    uint64_t mark;               /* head, when somebody wanted all that was there */
    uint64_t room_high;          /* the most room it has ever had */
    uint64_t room_busy_ns;       /* when it needed much last */
    uint64_t room_dropped;       /* as last seen */
    bool stands_beyond;          /* it may have memory to give back */
    bool holds_copy;             /* its reader has memory for what it copied out */
    bool is_gone;                /* it has ended, and the kernel has not marked its slot */
    bool untold;                 /* there was no memory to describe it: tried again */
    struct trace_stream *stream; /* opened by the first record */
    uint64_t ticks;              /* of the newest record */
    uint64_t empty_ticks;        /* when the ring was last seen empty */
    uint64_t start_ticks;
    uint64_t shift;        /* of the clock, when its newest record was made */
    struct trace_gap hole; /* missing records, not written yet: their end is not known */
    uint64_t
        hole_at_damaged; /* reader's damaged_bytes and overwritten that are in a hole already */
    uint64_t hole_at_overwritten, hole_at_overwritten_bytes;
    uint64_t hole_at_told, hole_at_told_bytes;
    uint64_t hole_dropped, hole_dropped_bytes; /* in the hole: drops whose GAP records are gone */
    uint32_t visit_holes;                      /* of damage, told in this visit */
    uint64_t told_dropped, told_dropped_bytes; /* in GAP records */
    uint64_t damaged;                          /* records that fit no type */
    uint32_t unknown_type;                     /* the last one, when the arena was read up to: */
    uint64_t unknown_at;
    uint64_t refused; /* records for which there was no stream */
    bool is_untrue;   /* its counters said what cannot be: they are not believed any more */
    uint64_t exec_at; /* records stored when it was about to execute something; 0: never */
    uint64_t exit_at; /* the same, of when it said that the process ends: */
    uint8_t exit_status;
    struct ring_stats past; /* counters when we came, of a reused segment */
    uint64_t past_taken;
    uint64_t dropped, dropped_bytes; /* as last looked at, and believed: thread_drops_look() */
    uint64_t past_gap_records, past_gap_bytes; /* dropped then, and not told yet */
    struct trace_ledger told;   /* the ledger as last written, of all files together */
    struct trace_ledger before; /* what files before this one tell */
    uint32_t name_changes;
    char name[32];
    struct trigger_calls *trigger_calls; /* open ones that a trigger times; or NULL */
};

/* Where the fields of process:exec and process:spawn stand in their payloads. */
struct drain_exec_type {
    uint32_t id;              /* 0: not told */
    uint32_t variable_offset; /* of the variable-length fields */
    uint32_t path_place;      /* variable fields before `path` */
    uint32_t pid_offset;      /* of `pid`, 4 bytes; UINT32_MAX: there is none */
};

/* Where process:exit has its status. */
struct drain_exit_type {
    uint32_t id; /* 0: not told */
    uint32_t status_offset;
};

/* "provider:event" by type id; NULL: not told. */
struct drain_names {
    char **of;
    uint32_t count;
};

/* A segment. */
struct drain_source {
    struct drain_source *next;
    struct segment segment;
    bool kept, arena_is_damaged;
    bool is_untrue; /* it counted what cannot be; a note tells */
    uint64_t image; /* the root's process number */
    struct drain_process *root;
    uint32_t bound;               /* one more than the highest slot ever seen in use */
    struct drain_module *modules; /* its own; they belong to the drain's list */
    struct arena_reader arena;
    uint64_t arena_lost;               /* as last told */
    uint64_t unringed, unringed_bytes; /* when we came */
    uint64_t unringed_told, unringed_told_bytes;
    uint32_t unringed_thread; /* number of the stand-in for threads without a ring; 0: none */
    struct trace_stream *unringed_stream;
    uint64_t unringed_since;                         /* ticks */
    uint64_t unringed_before, unringed_bytes_before; /* in files before this one */
    struct drain_exec_type exec, spawn;
    struct drain_exit_type exit;
    struct drain_names names;
    bool types_came;        /* since they were looked at last */
    uint32_t forks;         /* processes besides the root, as it says */
    uint32_t forks_refused; /* that were too many */
    uint32_t live;          /* threads */
    uint32_t burst;         /* threads that began in one round, of late */
    uint32_t unopened;      /* threads that memory was too short for; the next round tries again */
    uint64_t unread, unread_bytes; /* and what they had emitted when there was no next round */
    uint64_t look_again_ns;        /* for other users of the segment, not before */
    uint64_t look_pause_ns;
    struct trigger_source *triggers; /* types that a trigger looks at; NULL: none */
    struct drain_thread *threads[SEGMENT_SLOTS_MAX];
};

/* A program that was executed and cannot be traced, and of which a note tells. */
struct drain_untraced {
    struct drain_untraced *next;
    char path[];
};

struct drain_message;

struct drain {
    struct drain_options options;
    struct trace_writer *writer;
    struct drain_source *sources;
    struct drain_process *processes;
    struct drain_module *modules;
    struct process_watch watch;
    struct wait wait;
    struct life life;
    uint32_t attached; /* atomic: segments that were taken over */
    struct pace pace;
    struct steering steering;
    struct arena_item item;
    uint32_t next_process, next_thread, next_module;
    struct drain_figures ended; /* sums over threads that have ended */
    uint64_t threads_ever, rounds, errors, files;
    struct {
        struct stats_process rows[STATS_GONE_MAX], many;
        uint32_t next; /* how many there were; the row of the next one, round and round */
    } gone;            /* processes that have ended */
    struct trace_writer_stats writer_stats; /* after the end of the file */
    uint64_t room_granted;                  /* beyond what rings have at first */
    uint64_t copies_bytes;                  /* that readers of overwriting rings hold */
    uint64_t tick_ns, look_ns;              /* when the next ones are due, CLOCK_MONOTONIC */
    uint64_t start_ticks;
    struct segment_time begun; /* the first clock pair of its first file: names the session */
    struct drain_clock clock;
    uint64_t figures_ns;
    unsigned ticks_unflushed;
    struct drain_untraced *untraced;
    struct live *live;         /* NULL: nobody listens */
    struct triggers *triggers; /* NULL: nobody has asked for any */
    bool finished;
    bool child_came;    /* our child has come up as a traced process */
    uint32_t child_pid; /* 0: not known */
    int error;

    struct own_thread thread;
    bool running;
    uint32_t stopping; /* atomic */

    pthread_mutex_t promising; /* held from a promise of rings until their attachment is sent */
    pthread_mutex_t lock;
    struct drain_message *inbox, **inbox_end; /* under lock */
    struct drain_message *taking;             /* the rest of what is being taken */
    pthread_cond_t answered;                  /* a call of drain_call() has been made */
    bool inbox_closed;                        /* under lock: nobody will look again */
    bool inbox_lost;                          /* under lock: there was no memory for a message */
    uint32_t calls; /* in the inbox. Atomic: changed under lock, looked at without */
    bool pauses;    /* in the middle of a round: drain_pause() may take what is in the inbox */
    struct drain_figures figures; /* under lock */
};

/* Remember the first error that writing met. */
void drain_fail(struct drain *d, int error);
uint64_t drain_now(const struct drain *d);
void drain_write_note(struct drain *d, enum trace_note_kind kind, uint32_t process,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
void drain_tell_news(struct drain *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- drain_clock.c ---- */
/* The first pair; and the last one of a file. */
void clock_begin(struct drain *d);
void clock_end(struct drain *d);
/* Does the counter still keep the time? `now_ns` was read just now. */
void clock_look(struct drain *d, uint64_t now_ns);
/* The time, after a look that is overdue. */
uint64_t clock_now_again(struct drain *d) __attribute__((cold));
/* The time, from a clock that was looked at a moment ago: records are to be widened by it. */
static inline uint64_t clock_now(struct drain *d)
{
    uint64_t now = drain_now(d);

    return __builtin_expect(now - d->clock.looked_ticks > d->clock.look_ticks, 0)
               ? clock_now_again(d)
               : now;
}
/* Ticks that somebody else has read, in full. Untrusted: they become such of the recording. */
uint64_t clock_ticks_of(const struct drain *d, uint64_t raw);
/* The shift that made the second of the first. */
static inline uint64_t clock_shift_of(const struct drain *d, uint64_t raw, uint64_t ticks)
{
    return ticks - raw == d->clock.shift_before ? d->clock.shift_before : d->clock.shift;
}
/* As ticks_widen(), for a thread that has another shift than the clock. */
uint64_t clock_widen_odd(const struct drain *d, struct drain_thread *t, uint64_t raw, uint64_t now)
    __attribute__((cold));

/* ---- drain_inbox.c ---- */
void inbox_init(struct drain *d);
void inbox_take(struct drain *d);
/* Processes that have rings by now. For who reads what was published before it was asked, and who
 * writes that a process has ended. */
void inbox_take_attachments(struct drain *d);
/* The last look. */
void inbox_close(struct drain *d);
/* Before the file ends, in the thread that ends it. */
void inbox_take_notes(struct drain *d);
void inbox_fini(struct drain *d);
/* Does somebody wait for the result of a call? */
static inline bool inbox_has_call(const struct drain *d)
{
    return load_relaxed(&d->calls) != 0; /* relaxed: seen late, they wait a moment longer */
}
void inbox_take_in_between(struct drain *d) __attribute__((cold));
/*
 * Between two pieces of a round's work: who waits for an answer does not wait for the rest. The
 * inbox is taken, so sources, processes and threads may come, and threads may end; sources and
 * processes do not go.
 */
static inline void drain_pause(struct drain *d)
{
    if (__builtin_expect(inbox_has_call(d), 0))
        inbox_take_in_between(d);
}

/* ---- drain_source.c ---- */
/* With memory for it, zeroed; takes all of it over. */
void source_attach(struct drain *d, struct drain_attachment *attachment, struct drain_source *s,
                   struct drain_process *root);
/* Has its process ever said anything? */
bool source_has_come(const struct drain_source *s);
void source_round(struct drain *d, struct drain_source *s, uint64_t share_bytes,
                  struct wait_load *load);
/* What is in the rings now is wanted: source_round_to_marks() takes it, and the next 32 KiB or so
 * of each ring with it, so that no blocked producer thinks that nobody reads. False: not all of it.
 */
void source_mark(struct drain_source *s);
bool source_round_to_marks(struct drain *d, struct drain_source *s, uint64_t share_bytes);
/* Threads that have begun since the last round. */
void sources_discover(struct drain *d);
void source_tick(struct drain *d, struct drain_source *s);
/* What threads without a ring wanted to say becomes the loss of a stand-in. */
void source_unringed_tell(struct drain *d, struct drain_source *s);
/* Nobody can write to it any more: say so and free it. `next` stays valid. */
bool source_release(struct drain *d, struct drain_source *s, uint64_t now_ns);
/* The recording ends: nobody may claim any more. */
void source_finish(struct drain *d, struct drain_source *s);
/* For wait.h: has a thread come, or a ring filled so far that its producer would have rung? */
bool sources_have_much(void *drain);
/* The calling thread is the drain's: its death is to be seen in every segment. */
void sources_join_life(struct drain *d);
void source_free(struct drain *d, struct drain_source *s);

/* ---- drain_arena.c ---- */
void source_hear(struct drain *d, struct drain_source *s);
void source_names_free(struct drain_source *s);
/* A process:exec or process:spawn record was taken. */
void source_exec_seen(struct drain *d, struct drain_thread *t, const struct ring_record *record);
/* A process:exit record was taken. */
void source_exit_seen(struct drain_thread *t, const unsigned char *payload, uint32_t payload_bytes);

/* ---- drain_leftover.c ---- */
/* Of a segment in a file: whoever finds it afterwards is to know these times. */
void source_time_begin(struct drain *d, struct drain_source *s);
void source_time_tell(struct drain *d, struct drain_source *s);
/* Are we such a one? */
bool drain_is_late(const struct drain *d);
/* Then: a thread whose records come, behind those that are known already, and its end. */
void thread_late_open(struct drain *d, struct drain_thread *t, const struct registry_view *view);
void thread_late_close(struct drain *d, struct drain_thread *t);

/* ---- drain_switch.c ---- */
/* What was taken so far counts as told: from here on its ledger is of what comes. */
void thread_ledger_begin(struct drain_thread *t);

/* ---- steer.c ---- */
/* Types were told that nobody has decided by what was said meanwhile. */
void steer_types_came(struct drain *d, struct drain_source *s);
/* It goes by `version` of what was said. */
void steer_attached(struct drain *d, struct drain_source *s, uint64_t version);
/* It had another session before: nothing is decided. */
void steer_reused(struct drain *d, struct drain_source *s);

/* ---- drain_thread.c ---- */
struct drain_thread *thread_open(struct drain *d, struct drain_source *s, uint32_t slot,
                                 const struct registry_view *view, bool reused);
/* Take up to share_bytes. True: the ring was emptied. */
bool thread_visit(struct drain *d, struct drain_thread *t, uint64_t share_bytes,
                  struct wait_load *load);
void thread_rename(struct drain *d, struct drain_thread *t, const struct registry_view *view);
/* The owner is gone and the ring is empty: final ledger. */
void thread_end(struct drain *d, struct drain_thread *t);
/* The recording ends, the owner lives on. */
void thread_leave(struct drain *d, struct drain_thread *t);
/* Write who it is, and how large its ring has been. */
void thread_write(struct drain *d, struct drain_thread *t);
/* Its stream of the trace, from its first record on. False: no memory. */
bool thread_stream_open(struct drain *d, struct drain_thread *t);

/* ---- drain_belief.c ---- */
/* Can so many more have been counted there, in the time that there was? Untrusted numbers. A note
 * tells of the first time that they cannot. */
bool source_believes(struct drain *d, struct drain_source *s, uint64_t before, uint64_t more);
/* The same of one thread. */
bool thread_believes(struct drain *d, struct drain_thread *t, uint64_t before, uint64_t more);
/* Look at the counter that thread_ledger() goes by. */
void thread_drops_look(struct drain *d, struct drain_thread *t);
/* Nobody has read this ring before us, whatever stands in its consumer's fields. */
void thread_past_is_none(struct drain_thread *t);

/* ---- drain_loss.c ---- */
/* Something is missing here; the hole reaches to the next record that is good. */
void thread_hole_grow(struct drain *d, struct drain_thread *t, uint32_t kind, uint64_t records,
                      uint64_t bytes);
/* Does the hole stay open though a good record follows? Somebody scribbles on the ring: to tell of
 * every hole would cost many times what they cost him. */
bool thread_hole_waits(const struct drain_thread *t);
/* A visit is over: nothing waits any longer. */
void thread_holes_rest(struct drain *d, struct drain_thread *t);
/* The hole, if there is one, reaches to here: write it. */
void thread_hole_end(struct drain *d, struct drain_thread *t, uint64_t last_ticks);
/* What the reader had to pass over since we last looked. */
void thread_holes_notice(struct drain *d, struct drain_thread *t);
/* A gap record: what the thread itself dropped. */
void thread_gap_take(struct drain *d, struct drain_thread *t, const struct ring_record *r,
                     uint64_t now);
/* Drops that no gap record told of: nothing fitted behind them any more. */
void thread_last_gap(struct drain *d, struct drain_thread *t, struct trace_ledger *ledger);
struct trace_ledger thread_ledger(const struct drain_thread *t);
/* No more is taken, because the owner has ended or the recording does: what the counters say beyond
 * what we took is accounted for, and the ledger final. */
void thread_ledger_settle(struct drain *d, struct drain_thread *t, struct trace_ledger *ledger,
                          bool ended);
/* Is all that it counted as written in the trace, or known to be lost? */
bool thread_is_settled(const struct drain_thread *t);
/* Published records that we have seen, or know to be lost. */
uint64_t thread_records_known(const struct drain_thread *t);
/* Write this ledger, of all files together, as that of the file that is being written. */
void thread_ledger_write(struct drain *d, const struct drain_thread *t,
                         const struct trace_ledger *ledger);
/* Write the ledger if it changed. */
void thread_tell(struct drain *d, struct drain_thread *t);
void thread_figures_add(struct drain_figures *figures, const struct drain_thread *t,
                        const struct trace_ledger *ledger);
/* Add its counters. */
void thread_count(struct drain *d, struct drain_thread *t, struct drain_figures *figures);

/* ---- drain_stats.c ---- */
/* It leaves this, of all files together, to its process. */
void stats_thread_ended(struct drain_process *p, const struct trace_ledger *ledger);
/* It is about to be freed. */
void stats_process_ended(struct drain *d, const struct drain_process *p);

/* ---- drain_run.c ---- */
/* Take plain records, about bytes_max of them. Returns how many; 0: the next one has to be looked
 * at by itself. */
uint64_t thread_take_runs(struct drain *d, struct drain_thread *t, uint64_t bytes_max);

/* ---- drain_room.c ---- */
/* After a visit: give it more room, or take some back. */
void thread_room_follow(struct drain *d, struct drain_thread *t);
/* After a visit or a look, of an overwriting ring: may its reader keep the memory that it copied
 * into? */
void thread_copy_follow(struct drain *d, struct drain_thread *t);
/* We leave it; `ended`: and so has its owner. */
void thread_room_end(struct drain *d, struct drain_thread *t, bool ended);

/* ---- drain_process.c ---- */
/* Into the file, or `untold`. */
void process_write(struct drain *d, struct drain_process *p);
/* Fills in `p`, which becomes the source's root. */
void process_add_root(struct drain *d, struct drain_source *s, struct drain_attachment *attachment,
                      struct drain_process *p);
/* The process that a slot of this segment belongs to; new ones are written. NULL: no memory. */
struct drain_process *process_of_slot(struct drain *d, struct drain_source *s,
                                      const struct registry_view *view);
/* Has it ended, for all that we can find out? Asks the system when the process is not watched. */
bool process_has_gone(const struct drain *d, const struct drain_source *s, uint32_t slot_pid);
/* The process that an arena item is about. */
struct drain_process *process_of_item(struct drain *d, struct drain_source *s, uint32_t slot_pid);
void process_told(struct drain *d, struct drain_source *s, const struct arena_item *item);
void processes_look(struct drain *d);  /* whose death the kernel tells */
void processes_check(struct drain *d); /* once a second: the unwatched ones */
void processes_end(struct drain *d);   /* write who ended, free them */
void processes_finish(struct drain *d);
void process_free(struct drain *d, struct drain_process *p);
void process_is_child(struct drain *d, uint32_t pid);
void process_status(struct drain *d, uint32_t pid, int status);

/* ---- drain_modules.c ---- */
void modules_map(struct drain *d, struct drain_source *s, const struct arena_item *item);
void modules_unmap(struct drain *d, struct drain_source *s, const struct arena_item *item);
/* The image has ended: of its modules those stay that hold code which the file has to name. */
void modules_leave(struct drain *d, struct drain_source *s);

#endif
