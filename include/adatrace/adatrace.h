/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adatrace: the tracer API.
 *
 *     ADA_EVENT(shop, order, (u32, id), (f64, price), (string, customer))
 *     ...
 *     ada_trace_shop_order(42, 9.99, "Ann");
 *
 * Declares the event type "shop:order" and a type-checked inline function that emits it. While no
 * session is active, or its globs do not select the event, the call costs two loads and one
 * predicted branch. Under `adatrace record` the events go to the collector's session; a program can
 * also own one:
 *
 *     ada_session_start("shop.adatrace", NULL);  ...  ada_session_stop();
 *
 * Unless a declaration says otherwise, functions may be called from any thread and leave errno
 * alone. "Signal-safe" means async-signal-safe. Functions that can fail return 0 or a positive
 * value, or a negative errno; ada_error_text() has words for it. This header is C11 and C++17.
 */
#ifndef ADATRACE_ADATRACE_H
#define ADATRACE_ADATRACE_H

#include <stddef.h>

#include <adatrace/attributes.h>
#include <adatrace/emit.h>
#include <adatrace/field.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sessions ---- */

enum ada_policy {
    ADA_POLICY_DROP = 0,      /* a full ring drops the new record, and counts it */
    ADA_POLICY_OVERWRITE = 1, /* a full ring gives up its oldest records, and counts them */
    ADA_POLICY_BLOCK = 2,     /* the thread waits for room, then drops and counts */
};

/* What the drain does while the rings are empty; docs/TUNING.md has figures. */
enum ada_wait {
    ADA_WAIT_SLEEP = 0, /* sleeps longer and longer, from 150 us to half a second, by what comes */
    ADA_WAIT_SPIN = 1,  /* looks again at once: takes a whole processor */
    ADA_WAIT_YIELD = 2, /* looks again when others have run: takes what processors have idle */
    ADA_WAIT_BLOCK = 3, /* sleeps until a ring is an eighth full, or wait_us have passed */
};

/* What events are stamped with. */
enum ada_clock {
    ADA_CLOCK_AUTO = 0,    /* the processor's counter where the kernel keeps time by it */
    ADA_CLOCK_COUNTER = 1, /* the counter, whatever the kernel does: /sys may not be there */
    ADA_CLOCK_KERNEL = 2,  /* CLOCK_MONOTONIC: takes longer */
};

/* For `compression`: blocks as they are. */
#define ADA_COMPRESSION_STORED (-100)

/* Zero in any field takes the default. Set size to sizeof(struct ada_session_options). */
struct ada_session_options {
    size_t size;
    uint64_t ring_bytes;    /* per thread, 4 KiB to 1 GiB, rounded up to a power of two; 4 MiB */
    enum ada_policy policy; /* drop */
    /* Policy block: longest wait for room or, where many threads begin at once, for a ring; also
     * for a drain that a disk holds up. 0: as long as the drain is alive and has been seen at work
     * within the last minute. Nobody waits for one that died, nor for more rings than there are;
     * and no thread of the session itself waits, which would be for itself. */
    uint32_t timeout_ms;
    const char *events; /* globs over provider:event, comma-separated, `!` takes out; all */
    uint32_t level;     /* highest enum ada_level that is on; ADA_LEVEL_DEBUG */
    int compression;    /* zstd level, -7 to 19, or ADA_COMPRESSION_STORED; 1 */
    int replace;        /* nonzero: an existing file at `path` is replaced */
    /* Rings in this new file, which survives us: `adatrace recover` reads what was in them. Whoever
     * needs it no more removes it. NULL: memory only. */
    const char *segment_path;
    uint32_t drain_threads; /* that compress and write, 1 to 16; 1 */
    int is_private;         /* nonzero: `adatrace list` and its like do not see this session */
    const char *name;       /* for `adatrace list` and its like; that of the program */
    enum ada_wait wait;     /* of the drain; sleep */
    uint32_t wait_us;       /* wait sleep, block: longest sleep, 1 to 1000000; the strategy's own */
    /* Up to this the ring of a thread that writes faster than can be stored may grow: as
     * ring_bytes, and no less; 8 times ring_bytes, at most 32 MiB. */
    uint64_t ring_max_bytes;
    uint64_t ring_budget_bytes; /* by which all rings together may grow; 512 MiB, or an eighth of
                                   the memory where that is less */
    /* Flight recorder, when one of them is not 0: no file is written; the newest records stay in
     * memory, compressed, until ada_snapshot() writes them. */
    uint64_t flight_bytes; /* that they take at most, 256 KiB or more; as many as flight_ns says */
    uint64_t flight_ns;    /* how far back they reach; as far as flight_bytes allow */
    /* Rotation, when one of them is not 0: NAME.0001.adatrace, NAME.0002.adatrace and so on in
     * place of NAME.adatrace, each complete in itself. */
    uint64_t rotate_bytes; /* go on in the next file when one is so large, 64 KiB or more */
    uint64_t rotate_ns;    /* or so old, 100 ms or more */
    uint32_t keep;         /* of those files the newest stay; all */
    uint32_t unused;       /* what older programs have here is not known */
    enum ada_clock clock;  /* auto; of a process's first session, later ones have the same */
};

/*
 * Start recording into a new file at `path`. The drain runs as one thread of this process, or as
 * several when asked for. If the
 * process already records under `adatrace record`, that session is joined, `path` and options are
 * not used, and the call returns 1. -EEXIST: the file exists; -EALREADY: a session is active;
 * -EINVAL, -ERANGE: options. `path` and options are the caller's. Not signal-safe.
 */
ADA_EXPORT int ada_session_start(const char *path,
                                 const struct ada_session_options *options) ADA_MUST_CHECK;

/*
 * Become a further process of a session that runs under `adatrace record`: `socket` is the path
 * that ADATRACE_SESSION holds in the environment of the programs recorded there. For the life of
 * the process. 0, 1: joined already; -EALREADY: it has a session of its own; -ENOENT,
 * -ECONNREFUSED: nobody is there; -EPERM, -EPROTO: not of this user, or of another version. Not
 * signal-safe.
 */
ADA_EXPORT int ada_session_join(const char *socket) ADA_MUST_CHECK;

/* Everything emitted before this call is in the file when it returns. 0, or the first error that
 * writing met. A joined session goes on; then this does nothing. Where `adatrace stop` has ended
 * the session already this says how that went. Not signal-safe. */
ADA_EXPORT int ada_session_stop(void);

/*
 * Write what the session of this program has at this moment into a trace at `path`, which takes the
 * place of what is there when it is complete: of a flight recorder the newest records, else a copy
 * of the file so far. NULL: a file NAME-snapshot-0001.adatrace, or the next number that is free,
 * beside the session's NAME.adatrace. Everything the calling thread emitted before is in it; other
 * threads go on meanwhile. Returns when the file is complete: 0, or a negative errno. -ESRCH: no
 * session of its own runs (one of `adatrace record` takes snapshots by `adatrace snapshot`);
 * -ESPIPE: the session does not write into a regular file; -EBUSY: `path` is the one that it
 * writes. Not signal-safe.
 */
ADA_EXPORT int ada_snapshot(const char *path) ADA_MUST_CHECK;

/* Zero in any field takes the default. Set size to sizeof(struct ada_trigger_options). All but the
 * message hold for the session's triggers together: the last call counts. */
struct ada_trigger_options {
    size_t size;
    uint64_t before_ns;     /* how far back snapshots of a flight recorder go; 5 s */
    uint64_t after_ns;      /* how long they wait for what follows; 1 s */
    uint64_t cool_down_ns;  /* how long triggers are only counted after a snapshot; 10 s */
    uint32_t snapshots_max; /* 10; UINT32_MAX: any number */
    char *message;          /* why an expression is refused, and its place: up to three lines */
    size_t message_bytes;
};

/*
 * From now on write a snapshot, named as those of ada_snapshot(NULL), each time that an event of
 * this program's session fits `expression` (docs/EXPRESSIONS.md). A note in it says which event
 * that was. Evaluated in the drain's thread; up to 16 at once, for as long as the session lasts. 0;
 * -EINVAL: no expression, options->message tells; -ENOSPC: too many; -ESRCH: no session of its own
 * runs; -ENOMEM. `expression` is copied; `options` may be NULL. Not signal-safe.
 */
ADA_EXPORT int ada_trigger(const char *expression,
                           const struct ada_trigger_options *options) ADA_MUST_CHECK;

/* Is a session taking events right now? Not while it is paused. Signal-safe. */
ADA_EXPORT int ada_session_is_active(void);

/*
 * What the session has recorded and lost so far, all of one moment; counters only grow while it
 * runs. Sums over all threads, those included that have ended. Of a session of `adatrace record`
 * (is_joined) a program sees its own segment only: its living threads and those that found no ring;
 * then what is marked "own" is 0. `adatrace list --format json` knows all of it.
 */
struct ada_session_figures {
    size_t size; /* set it to sizeof(struct ada_session_figures) before the call */
    int is_joined;
    int error;             /* own: the first that writing the file met, a negative errno; 0: none */
    uint32_t processes;    /* own: that are traced now */
    uint32_t threads;      /* that have a ring now */
    uint64_t threads_ever; /* own */
    uint64_t written, written_bytes;         /* published by threads */
    uint64_t dropped, dropped_bytes;         /* found no room, or no ring */
    uint64_t overwritten, overwritten_bytes; /* published, lost before they were read */
    uint64_t nested;                         /* of written: by handlers in the middle of an emit */
    uint64_t high_water_bytes;               /* the most that a ring has held */
    uint64_t fill_bytes;                     /* in all rings now */
    uint64_t damaged, stored;                /* own; stored: taken into the trace */
    uint64_t lost;                           /* own: taken, and could not be written */
    uint64_t lag_ns; /* own: age of the oldest record that was not taken yet; 0: there is none */
    uint64_t age_ns; /* own: of the session */
    uint64_t file_bytes;                 /* own: written to files */
    uint64_t raw_bytes;                  /* own: that what is in the files took in rings */
    uint64_t blocks, files;              /* own */
    int compression, compression_wanted; /* own: zstd level in use now, and as asked for */
};

/* 0, or -ENODATA: there is no session; -ESHUTDOWN: it was ended from outside; -EINVAL: size. Fields
 * that an older library does not know are left alone. Not signal-safe. */
ADA_EXPORT int ada_session_stats(struct ada_session_figures *out) ADA_MUST_CHECK;

/* Switch event types on or off while running: globs over "provider:event". Types that are declared
 * later follow too. Returns how many types changed, -ENAMETOOLONG, or -EAGAIN in a handler that has
 * interrupted such a call. Stronger than the session's `events`; between this and `adatrace enable`
 * or `disable` the later word counts. In a forked child it is the child's own. Types above the
 * session's level stay off, and while a session is paused all do. Not signal-safe. */
ADA_EXPORT int ada_events_enable(const char *globs);
ADA_EXPORT int ada_events_disable(const char *globs);

/* ---- threads ---- */

/* Name the calling thread in the trace (31 bytes are kept). */
ADA_EXPORT void ada_thread_name(const char *name);

/* The loss ledger of one thread, as its ring counts it. */
struct ada_thread_stats {
    uint32_t pid, tid;
    uint64_t written, written_bytes; /* published */
    uint64_t dropped, dropped_bytes; /* found no room */
    uint64_t overwritten;            /* published, lost before they were read */
    uint64_t nested;                 /* of written: by handlers in the middle of an emit */
    uint64_t ring_bytes, fill_bytes, high_water_bytes;
};
/* Of the calling thread. -ENODATA: it has no ring (yet). Signal-safe. */
ADA_EXPORT int ada_thread_stats_read(struct ada_thread_stats *out);
/* Of every thread that has a ring: calls visit until it returns nonzero, and returns that.
 * Signal-safe if visit is. */
ADA_EXPORT int ada_threads_visit(int (*visit)(void *context, const struct ada_thread_stats *stats),
                                 void *context);

/* ---- event types ---- */

/* Where `on` of an event points that is off, or not registered: its first use does that. */
static const uint8_t ada_event_unregistered[] __attribute__((unused)) = {0, 2};
#define ADA_EVENT_OFF (&ada_event_unregistered[0])
#define ADA_EVENT_NEW (&ada_event_unregistered[1])

/* An event type. The macros below define them; a program can also fill one in (zeroed otherwise).
 * Everything it points to, and itself, has to stay until ada_event_unregister() or the end of the
 * process. */
struct ada_event {
    const uint8_t *on; /* what it points to is nonzero: on. ADA_EVENT_OFF, _NEW, or the tracer's */
    uint32_t tag;      /* id, where ada_record_tag() has it */
    uint8_t phase, level;
    uint16_t line;
    const char *provider, *name;
    const char *format; /* ADA_PHASE_FORMAT */
    const char *file;
    const struct ada_field *fields;
    uint16_t field_count;
    uint16_t place, forks;  /* the tracer's: its switch, and whose that is */
    struct ada_event *next; /* the tracer's list */
};

/* Make the type known; types with the same name and fields share one id. 0, -EINVAL: not a valid
 * type, -ENOSPC: too many. Registering again does nothing. Signal-safe (-EAGAIN when interrupted
 * itself). */
ADA_EXPORT int ada_event_register(struct ada_event *event);
/* Before its memory goes away (dlclose); events already emitted stay readable. */
ADA_EXPORT void ada_event_unregister(struct ada_event *event);

/* The same where `on` points somewhere in any case. */
ADA_INLINE bool ada__event_is_on(const struct ada_event *event)
{
    /* On. Acquire: who sees where the switch is sees the event's tag, which is read next. Pairs
     * with the release in point(). The switch itself, relaxed: it may be seen late; the record is
     * ordered by its ring. */
    return __atomic_load_n(__atomic_load_n(&event->on, __ATOMIC_ACQUIRE), __ATOMIC_RELAXED) != 0;
}

ADA_INLINE bool ada_event_is_on(const struct ada_event *event)
{
    /* relaxed: only whether there is any; what it points to is loaded below. */
    return __atomic_load_n(&event->on, __ATOMIC_RELAXED) && ada__event_is_on(event);
}

/* ---- emitting by hand; all signal-safe ---- */

/*
 * Reserve room in the calling thread's ring for an event of payload_bytes; write the payload in
 * place (record.payload, laid out as the type's fields say: fixed-width ones in order, then each
 * variable one as u32 length and bytes), then commit or roll back. payload NULL: the event is off,
 * or was dropped and counted; do neither. The thread may emit other events in between: they become
 * visible with this one's commit. A signal handler commits and rolls back only what it has reserved
 * in the same run: what it interrupted may be an emit behind the reservation, and would be given
 * up.
 */
ADA_EXPORT struct ada_record ada_reserve(const struct ada_event *event, uint32_t payload_bytes);
ADA_EXPORT void ada_commit(struct ada_record *record);
ADA_EXPORT void ada_rollback(struct ada_record *record);

/* Emit with a payload laid out like that. Returns 1: written, 0: off or dropped. */
ADA_EXPORT int ada_emit(const struct ada_event *event, const void *payload, uint32_t payload_bytes);

struct ada_batch_item {
    const struct ada_event *event;
    const void *payload;
    uint32_t payload_bytes;
};
/* Emit many, up to 1024, with one clock reading and one publish, all or none of those that are on.
 * Returns how many were written, or -E2BIG. */
ADA_EXPORT int ada_emit_batch(const struct ada_batch_item *items, size_t count);

/* ---- the rest ---- */

ADA_EXPORT const char *ada_error_text(int error); /* of a negative return value; static text */
ADA_EXPORT const char *ada_version(void);         /* "0.1.0" */

#ifdef __cplusplus
}
#endif

#include <adatrace/event.h>

#endif
