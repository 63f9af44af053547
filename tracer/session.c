/* SPDX-License-Identifier: Apache-2.0 */
/* The session calls of the public API: a session of the application's own, or the collector's that
 * it joins. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/session_host.h"
#include "tracer/tracer_state.h"

/* Where no drain is linked in (the agent), there is only the collector's session. */
__attribute__((weak)) const struct session_host *session_host_embedded = NULL;

enum { DRAIN_THREADS_MAX = 16, ROTATE_BYTES_MIN = 64 << 10, ROTATE_NS_MIN = 100 * 1000 * 1000 };

static pthread_mutex_t session_lock = PTHREAD_MUTEX_INITIALIZER;
static bool session_is_ours;

static bool is_joined(void)
{
    return tracer_is_attached() && tracer_state.role;
}

/* Options of an older or newer header: take what both know. */
static struct ada_session_options options_copy(const struct ada_session_options *given)
{
    struct ada_session_options o = {0};

    if (given && given->size)
        memcpy(&o, given, given->size < sizeof(o) ? given->size : sizeof(o));
    return o;
}

/* The size that a ring may grow to, or -ERANGE. */
static int64_t ring_max_of(const struct ada_session_options *o, uint64_t ring_bytes)
{
    int64_t most = o->ring_max_bytes ? ring_capacity_for(o->ring_max_bytes) : 0;

    if (most < 0)
        return most;
    if (!most)
        return (int64_t)segment_ring_max_for(ring_bytes);
    return (uint64_t)most > ring_bytes ? most : (int64_t)ring_bytes;
}

static int wait_of(const struct ada_session_options *o, struct wait_choice *wait)
{
    static const enum wait_strategy strategies[] = {
        [ADA_WAIT_SLEEP] = WAIT_SLEEP,
        [ADA_WAIT_SPIN] = WAIT_SPIN,
        [ADA_WAIT_YIELD] = WAIT_YIELD,
        [ADA_WAIT_BLOCK] = WAIT_BLOCK,
    };

    if ((unsigned)o->wait >= sizeof(strategies) / sizeof(*strategies))
        return -EINVAL;
    *wait = (struct wait_choice){.strategy = strategies[o->wait],
                                 .longest_ns = UINT64_C(1000) * o->wait_us};
    return wait_choice_check(wait) ? -EINVAL : 0;
}

/* zstd's level, or -EINVAL: none of them is so low. */
static int compression_of(const struct ada_session_options *o)
{
    if (o->compression == ADA_COMPRESSION_STORED)
        return 0;
    if (o->compression < -7 || o->compression > 19)
        return -EINVAL;
    return o->compression ? o->compression : 1;
}

/* Files that are too small hold nothing but what each begins with; a flight recorder writes none.
 */
static bool rotates_well(const struct ada_session_options *o)
{
    bool rotates = o->rotate_bytes || o->rotate_ns;

    return (!o->rotate_bytes || o->rotate_bytes >= ROTATE_BYTES_MIN) &&
           (!o->rotate_ns || o->rotate_ns >= ROTATE_NS_MIN) && (rotates || !o->keep) &&
           !(rotates && (o->flight_bytes || o->flight_ns));
}

static int host_options(const struct ada_session_options *given, struct session_host_options *out,
                        struct ada_session_options *o)
{
    struct wait_choice wait;
    int64_t ring, ring_max;
    int compression;

    *o = options_copy(given);
    ring = ring_capacity_for(o->ring_bytes ? o->ring_bytes : SEGMENT_RING_DEFAULT);
    if (ring < 0)
        return (int)ring;
    ring_max = ring_max_of(o, (uint64_t)ring);
    if (ring_max < 0)
        return (int)ring_max;
    compression = compression_of(o);
    if (o->policy > ADA_POLICY_BLOCK || (unsigned)o->clock > ADA_CLOCK_KERNEL ||
        compression == -EINVAL || wait_of(o, &wait) || !rotates_well(o) ||
        o->drain_threads > DRAIN_THREADS_MAX)
        return -EINVAL;
    *out = (struct session_host_options){
        .geometry = {.slots = segment_slots_for((uint64_t)ring_max),
                     .ring_bytes = (uint64_t)ring,
                     .ring_max_bytes = (uint64_t)ring_max,
                     .arena_bytes = SEGMENT_ARENA_DEFAULT,
                     .policy = (enum ring_policy)o->policy,
                     .clock = (enum segment_clock)o->clock, /* the same numbers */
                     .timeout_ns = (uint64_t)o->timeout_ms * 1000000u},
        .globs = o->events ? o->events : "",
        .level = o->level ? o->level : ADA_LEVEL_DEBUG,
        .compression = compression,
        .drain_threads = o->drain_threads,
        .ring_budget = o->ring_budget_bytes,
        .wait = wait,
        .overwrite_file = o->replace != 0,
        .segment_path = o->segment_path,
        .name = o->name,
        .is_private = o->is_private != 0,
        .flight = o->flight_bytes || o->flight_ns,
        .flight_bytes = o->flight_bytes,
        .flight_ns = o->flight_ns,
        .rotate_bytes = o->rotate_bytes,
        .rotate_ns = o->rotate_ns,
        .keep = o->keep,
    };
    return 0;
}

static int start_embedded(const char *path, const struct ada_session_options *given)
{
    struct session_host_options host;
    struct ada_session_options o;
    struct segment segment = {0};
    int err;

    if (!session_host_embedded)
        return -ENOTSUP;
    if (!path || !*path)
        return -EINVAL;
    err = host_options(given, &host, &o);
    if (err)
        return err;
    if (tracer_is_attached())
        segment = tracer_state.segment;
    /* First: what has been started would leave a file. */
    err = tracer_attach_prepare();
    if (err)
        return err;
    err = session_host_embedded->start(path, &host, &segment);
    if (err)
        return err;
    store_relaxed(&tracer_state.stopped, 0);
    (void)tracer_attach_segment(&segment); /* prepared for: it cannot fail */
    event_switches_refresh();
    session_is_ours = true;
    return 0;
}

int ada_session_start(const char *path, const struct ada_session_options *options)
{
    int saved = errno, err;

    pthread_mutex_lock(&session_lock);
    /* Somebody outside has ended the last one, and nobody asked how that went. */
    if (session_is_ours && session_host_embedded->has_ended()) {
        (void)session_host_embedded->stop();
        session_is_ours = false;
    }
    if (is_joined())
        err = 1;
    else if (session_is_ours)
        err = -EALREADY;
    else
        err = start_embedded(path, options);
    pthread_mutex_unlock(&session_lock);
    errno = saved;
    return err;
}

int ada_session_join(const char *socket)
{
    int saved = errno, err;

    pthread_mutex_lock(&session_lock);
    if (is_joined())
        err = 1;
    else if (tracer_is_attached())
        err = -EALREADY; /* its segment is its own, for life */
    else
        err = socket ? tracer_attach_socket(socket, HANDSHAKE_LIBRARY) : -EINVAL;
    pthread_mutex_unlock(&session_lock);
    errno = saved;
    return err;
}

int ada_session_stop(void)
{
    int saved = errno, err = 0;

    pthread_mutex_lock(&session_lock);
    if (session_is_ours) {
        store_relaxed(&tracer_state.stopped, 1);
        event_switches_refresh();
        err = session_host_embedded->stop();
        session_is_ours = false;
    }
    pthread_mutex_unlock(&session_lock);
    errno = saved;
    return err;
}

int ada_snapshot(const char *path)
{
    int saved = errno, err;

    pthread_mutex_lock(&session_lock);
    err = session_is_ours ? session_host_embedded->snapshot(path) : -ESRCH;
    pthread_mutex_unlock(&session_lock);
    errno = saved;
    return err;
}

int ada_trigger(const char *expression, const struct ada_trigger_options *options)
{
    struct ada_trigger_options o = {0};
    struct session_host_trigger wish;
    int saved = errno, err;

    if (!expression || (options && options->size < sizeof(options->size)))
        return -EINVAL;
    if (options)
        memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
    wish = (struct session_host_trigger){
        .expression = expression,
        .before_ns = o.before_ns,
        .after_ns = o.after_ns,
        .cool_down_ns = o.cool_down_ns,
        .snapshots_max = o.snapshots_max,
        .message = o.message_bytes ? o.message : NULL,
        .message_bytes = o.message_bytes,
    };
    pthread_mutex_lock(&session_lock);
    err = session_is_ours ? session_host_embedded->trigger(&wish) : -ESRCH;
    pthread_mutex_unlock(&session_lock);
    errno = saved;
    return err;
}

int ada_session_stats(struct ada_session_figures *out)
{
    int saved = errno, err;

    pthread_mutex_lock(&session_lock);
    err = tracer_stats(session_is_ours, out);
    pthread_mutex_unlock(&session_lock);
    errno = saved;
    return err;
}

int ada_session_is_active(void)
{
    return tracer_is_attached() && !load_relaxed(&tracer_state.stopped) &&
           !load_relaxed(&tracer_state.segment.shared->closed) &&
           switches_pass(&tracer_state.segment, 0);
}

const char *ada_version(void)
{
    return ADATRACE_VERSION;
}

/* This copy's own, whatever ada_version() is interposed by; see tracer/library.c. */
extern __typeof__(ada_version) tracer_version_own
    __attribute__((alias("ada_version"), visibility("hidden")));

const char *ada_error_text(int error)
{
    int number = error < 0 && error != INT_MIN ? -error : error;
    const char *text;

    switch (number) {
    case EEXIST:
        return "the trace file exists already";
    case EALREADY:
        return "a session is active already";
    case ERANGE:
        return "a size is out of range: rings have 4 KiB to 1 GiB, a flight recorder 256 KiB or "
               "more";
    case EINVAL:
        return "an argument is not valid";
    case ENOTSUP:
        return "no drain is linked in, and no collector is there to join";
    case ENAMETOOLONG:
        return "the list of globs is too long";
    case EPROTONOSUPPORT:
        return "tracer and collector are of different versions, or of different machines";
    case ESRCH:
        return "no session of this program's own runs";
    case ESPIPE:
        return "the session does not write into a regular file";
    case EAGAIN:
        return "interrupted itself; try again outside the signal handler";
    default:
#if defined(__GLIBC__)
        text = strerrordesc_np(number);
#else
        text = strerror(number); /* elsewhere this is safe in any thread */
#endif
        return text ? text : "an unknown error";
    }
}
