/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "cli/thread_index.h"

enum {
    BYTES_MAX = 64 << 20,     /* between reader and players */
    AHEAD_NS = 2000000000,    /* no further ahead: players of short-lived threads would pile up */
    START_BATCHES = 16,       /* read before the first event is played */
    START_LOOKS = 10,         /* that long at most players may take to get ready */
    START_AFTER_NS = 1000000, /* then; their sleep ends before */
    LOOK_NS = 20000000,       /* how often the main thread looks for a stop */
};

/* Of a thread of the trace. */
struct count {
    uint64_t left; /* events that are still to come */
    bool is_known; /* it is: nothing is filtered out */
};

struct feed {
    struct replay *replay;
    struct thread_index threads;
    struct count *counts;
    uint32_t *touched; /* places of threads in this batch */
    size_t touched_count;
    bool *is_touched;
    unsigned batches;
    int64_t newest_ns; /* put so far */
};

/* ---- waiting: the main thread ---- */

static bool is_stopped(const struct replay *replay)
{
    return load_relaxed(replay->stop); /* relaxed: late is fine */
}

/* These with the lock held. */

/* Until something moves, or for a moment. */
static void moment_wait(struct replay *replay)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&replay->moved, &replay->lock, &until);
}

static void start(struct replay *replay)
{
    if (replay->start_ns)
        return;
    for (unsigned n = 0; replay->ready < replay->alive && n < START_LOOKS; n++)
        moment_wait(replay);
    replay->start_ns = clock_monotonic_ns() + START_AFTER_NS;
    pthread_cond_broadcast(&replay->begun);
}

/* Has the reader come far enough ahead of the players? */
static bool is_far_ahead(const struct feed *feed)
{
    const struct replay *replay = feed->replay;

    if (replay->bytes > BYTES_MAX)
        return true;
    return replay->speed > 0 && replay->start_ns &&
           replay_due(replay, replay->start_ns, feed->newest_ns) > clock_monotonic_ns() + AHEAD_NS;
}

/* Then without it. */

static void players_await(struct feed *feed)
{
    struct replay *replay = feed->replay;

    pthread_mutex_lock(&replay->lock);
    if (feed->batches++ >= START_BATCHES || replay->bytes > BYTES_MAX)
        start(replay);
    while (is_far_ahead(feed) && !is_stopped(replay))
        moment_wait(replay);
    pthread_mutex_unlock(&replay->lock);
}

static void players_end(struct feed *feed)
{
    struct replay *replay = feed->replay;

    for (size_t i = 0; i < feed->threads.count; i++)
        replay_thread_end(replay, i);
    pthread_mutex_lock(&replay->lock);
    start(replay);
    while (replay->alive)
        moment_wait(replay);
    pthread_mutex_unlock(&replay->lock);
}

/* ---- reading ---- */

/* One that is played: handed over with the rest of its batch. */
static int event_put(struct feed *feed, const struct trace_event *event, uint32_t place)
{
    struct replay *replay = feed->replay;
    const struct replay_item item = {event->ns, event->type->index,
                                     (uint32_t)replay_payload_bytes(event)};
    unsigned char *payload;

    if (!replay->types.usable[event->type->index]) {
        replay->figures.left++;
        return 0;
    }
    payload = replay_put(replay, place, event->thread, &item);
    if (!payload)
        return -EAGAIN;
    replay_payload_put(&replay->types, replay->trace, event, payload);
    feed->newest_ns = event->ns;
    if (!feed->is_touched[place])
        feed->touched[feed->touched_count++] = place;
    feed->is_touched[place] = true;
    return 0;
}

static int record_put(struct feed *feed, const struct trace_record *record)
{
    uint32_t place = thread_index_find(&feed->threads, record->thread->thread);
    struct count *count = &feed->counts[place];
    struct trace_event event;
    int status;

    if (!record->run) {
        feed->replay->figures.gaps++;
        return 0;
    }
    trace_record_event(feed->replay->trace, record, &event);
    status = event_put(feed, &event, place);
    if (status == 0 && count->is_known && --count->left == 0) {
        replay_hand_over(feed->replay, place);
        replay_thread_end(feed->replay, place);
    }
    return status;
}

static void batch_hand_over(struct feed *feed)
{
    for (size_t i = 0; i < feed->touched_count; i++) {
        replay_hand_over(feed->replay, feed->touched[i]);
        feed->is_touched[feed->touched[i]] = false;
    }
    feed->touched_count = 0;
}

static int batch_put(struct feed *feed, const struct trace_batch *batch)
{
    int status = 0;

    if (feed->batches == 0 && batch->count)
        feed->replay->first_ns = feed->newest_ns =
            trace_ns(feed->replay->trace, batch->records[0].ticks);
    for (size_t i = 0; i < batch->count && status == 0; i++)
        status = record_put(feed, &batch->records[i]);
    batch_hand_over(feed);
    return status;
}

static int all_put(struct feed *feed)
{
    struct trace_batch *batch = calloc(1, sizeof(*batch));
    struct trace_cursor *cursor = NULL;
    int status =
        batch ? trace_cursor_open(feed->replay->trace, feed->replay->filter, &cursor) : -ENOMEM;

    while (status >= 0 && !is_stopped(feed->replay)) {
        status = trace_cursor_batch(cursor, batch, TRACE_BATCH_RECORDS);
        if (status != 1)
            break;
        status = batch_put(feed, batch);
        trace_batch_release(cursor, batch);
        if (status == 0)
            players_await(feed);
    }
    if (batch)
        trace_batch_fini(batch);
    trace_cursor_close(cursor);
    free(batch);
    return status < 0 ? status : 0;
}

/* ---- all of it ---- */

static bool selects_all(const struct trace_filter *filter)
{
    return filter->from_ns == INT64_MIN && filter->to_ns == INT64_MAX && !filter->thread &&
           !filter->events;
}

/* How many events each thread has: without a filter, the blocks tell. */
static int counts_make(struct feed *feed)
{
    const struct trace *trace = feed->replay->trace;
    struct trace_block_info block;
    size_t count = feed->threads.count;

    feed->counts = calloc(count + 1, sizeof(*feed->counts));
    feed->touched = calloc(count + 1, sizeof(*feed->touched));
    feed->is_touched = calloc(count + 1, sizeof(*feed->is_touched));
    feed->replay->players = calloc(count + 1, sizeof(*feed->replay->players));
    if (!feed->counts || !feed->touched || !feed->is_touched || !feed->replay->players)
        return -ENOMEM;
    for (size_t n = 0; trace_block_info(trace, n, &block); n++)
        if (block.is_data)
            feed->counts[thread_index_find(&feed->threads, block.thread)].left += block.records;
    for (size_t i = 0; i < count; i++)
        feed->counts[i].is_known = selects_all(feed->replay->filter);
    return 0;
}

int replay_run(struct replay *replay)
{
    struct feed feed = {.replay = replay};
    uint64_t begun_ns = clock_monotonic_ns();
    int status = thread_index_build(&feed.threads, replay->trace);

    pthread_mutex_init(&replay->lock, NULL);
    pthread_cond_init(&replay->moved, NULL);
    pthread_cond_init(&replay->begun, NULL);
    if (status == 0)
        status = counts_make(&feed);
    if (status == 0)
        status = all_put(&feed);
    if (replay->players)
        players_end(&feed);
    replay->figures.took_ns = clock_monotonic_ns() - begun_ns;
    pthread_mutex_destroy(&replay->lock);
    pthread_cond_destroy(&replay->moved);
    pthread_cond_destroy(&replay->begun);
    free(replay->players);
    free(feed.counts);
    free(feed.touched);
    free(feed.is_touched);
    thread_index_fini(&feed.threads);
    return status;
}
