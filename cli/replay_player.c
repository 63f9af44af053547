/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADA_NEVER_UNLOADED
#include <adatrace/adatrace.h>

#include "base/atomic.h"
#include "cli/replay.h"

/*
 * Events go from the reader to a player in chunks, each of which belongs to the one and then to the
 * other; the queue between them is guarded by the player's lock. A player that has reached its end
 * adds what it has counted to the replay's figures, and is gone.
 */

enum {
    CHUNK_BYTES = 4 * 1024, /* unless one event is larger */
    STACK_BYTES = 256 * 1024,
};

struct chunk {
    struct chunk *next;
    size_t size, capacity;
    unsigned char bytes[];
};

struct replay_player {
    struct replay *replay;
    const char *name;
    struct chunk *filling; /* the reader's */
    struct replay_player *next_filled;

    pthread_mutex_t lock;
    pthread_cond_t comes;
    struct chunk *first, **last;
    bool ends;

    /* The player's. */
    struct replay_pace pace;
    uint64_t start_ns;
    struct replay_figures figures;
    struct ada_thread_stats before;
};

static size_t padded(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

/* ---- a player ---- */

static uint64_t start_await(struct replay *replay)
{
    uint64_t start_ns;

    pthread_mutex_lock(&replay->lock);
    replay->ready++;
    pthread_cond_signal(&replay->moved);
    while (!replay->start_ns)
        pthread_cond_wait(&replay->begun, &replay->lock);
    start_ns = replay->start_ns;
    pthread_mutex_unlock(&replay->lock);
    return start_ns;
}

static struct chunk *chunk_await(struct replay_player *p)
{
    struct chunk *chunk;

    pthread_mutex_lock(&p->lock);
    while (!p->first && !p->ends)
        pthread_cond_wait(&p->comes, &p->lock);
    chunk = p->first;
    if (chunk) {
        p->first = chunk->next;
        if (!p->first)
            p->last = &p->first;
    }
    pthread_mutex_unlock(&p->lock);
    return chunk;
}

static void chunk_release(struct replay *replay, struct chunk *chunk)
{
    pthread_mutex_lock(&replay->lock);
    replay->bytes -= chunk->capacity;
    pthread_cond_signal(&replay->moved);
    pthread_mutex_unlock(&replay->lock);
    free(chunk);
}

/* False: told to stop. */
static bool item_play(struct replay_player *p, const struct replay_item *item, const void *payload)
{
    const struct ada_event *event = &p->replay->types.events[item->type];
    uint64_t due_ns = replay_due(p->replay, p->start_ns, item->ns);

    if (due_ns ? !replay_pace_wait(&p->pace, due_ns)
               : load_relaxed(p->replay->stop)) /* relaxed: late */
        return false;
    p->figures.played++;
    if (!ada_event_is_on(event))
        p->figures.off++;
    else if (ada_emit(event, payload, item->bytes))
        p->figures.emitted++;
    else
        p->figures.dropped++;
    return true;
}

static bool chunk_play(struct replay_player *p, const struct chunk *chunk)
{
    const unsigned char *at = chunk->bytes, *end = at + chunk->size;

    while (at < end) {
        struct replay_item item; /* its payload follows, padded to whole words */

        memcpy(&item, at, sizeof(item));
        at += sizeof(item);
        if (!item_play(p, &item, at))
            return false;
        at += padded(item.bytes);
    }
    return true;
}

static bool ring_agrees(const struct replay_player *p)
{
    struct ada_thread_stats after;

    if (p->figures.emitted + p->figures.dropped == 0)
        return true;
    if (ada_thread_stats_read(&after) != 0) /* there was no ring to be had */
        return p->figures.emitted == 0;
    return after.written - p->before.written == p->figures.emitted &&
           after.dropped - p->before.dropped == p->figures.dropped;
}

static void figures_add(struct replay_player *p)
{
    struct replay_figures *sum = &p->replay->figures;

    sum->played += p->figures.played;
    sum->emitted += p->figures.emitted;
    sum->dropped += p->figures.dropped;
    sum->off += p->figures.off;
    sum->threads++;
    sum->differing += !ring_agrees(p);
    replay_lateness_merge(&sum->lateness, &p->pace.lateness);
}

static void player_free(struct replay_player *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->comes);
    replay_pace_fini(&p->pace);
    free(p);
}

static void *player_run(void *context)
{
    struct replay_player *p = context;
    struct replay *replay = p->replay;
    struct chunk *chunk;
    bool goes_on = true;

    ada_thread_name(p->name); /* it also takes its ring, before it is in a hurry */
    if (ada_thread_stats_read(&p->before) != 0)
        memset(&p->before, 0, sizeof(p->before));
    replay_pace_init(&p->pace, replay->stop);
    p->start_ns = start_await(replay);
    while ((chunk = chunk_await(p))) {
        if (goes_on)
            goes_on = chunk_play(p, chunk);
        chunk_release(replay, chunk);
    }
    pthread_mutex_lock(&replay->lock);
    figures_add(p);
    replay->alive--;
    pthread_cond_signal(&replay->moved);
    pthread_mutex_unlock(&replay->lock);
    player_free(p);
    return NULL;
}

/* ---- the reader's side ---- */

static int thread_start(struct replay_player *p)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int err = pthread_attr_init(&attributes);

    if (err)
        return -err;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    err = pthread_create(&thread, &attributes, player_run, p);
    pthread_attr_destroy(&attributes);
    return -err;
}

static struct replay_player *player_make(struct replay *replay, const struct trace_thread *thread)
{
    struct replay_player *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->replay = replay;
    p->name = thread->name;
    p->last = &p->first;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->comes, NULL);
    pthread_mutex_lock(&replay->lock);
    replay->alive++;
    pthread_mutex_unlock(&replay->lock);
    if (thread_start(p) == 0)
        return p;
    pthread_mutex_lock(&replay->lock);
    replay->alive--;
    pthread_mutex_unlock(&replay->lock);
    player_free(p);
    return NULL;
}

static void chunk_hand_over(struct replay_player *p, bool ends)
{
    pthread_mutex_lock(&p->lock);
    if (p->filling) {
        *p->last = p->filling;
        p->last = &p->filling->next;
    }
    p->filling = NULL;
    p->ends = ends;
    pthread_cond_signal(&p->comes);
    pthread_mutex_unlock(&p->lock);
}

static struct chunk *chunk_make(struct replay *replay, size_t bytes)
{
    size_t capacity = bytes < CHUNK_BYTES ? CHUNK_BYTES : bytes;
    struct chunk *chunk = malloc(sizeof(*chunk) + capacity);

    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->size = 0;
    chunk->capacity = capacity;
    pthread_mutex_lock(&replay->lock);
    replay->bytes += capacity;
    pthread_mutex_unlock(&replay->lock);
    return chunk;
}

unsigned char *replay_put(struct replay *replay, size_t place, const struct trace_thread *thread,
                          const struct replay_item *item)
{
    size_t bytes = sizeof(*item) + padded(item->bytes);
    struct replay_player *p = replay->players[place];
    unsigned char *at;

    if (!p)
        p = replay->players[place] = player_make(replay, thread);
    if (!p)
        return NULL;
    if (p->filling && p->filling->capacity - p->filling->size < bytes)
        chunk_hand_over(p, false);
    if (!p->filling) {
        p->filling = chunk_make(replay, bytes);
        if (!p->filling)
            return NULL;
    }
    at = p->filling->bytes + p->filling->size;
    memcpy(at, item, sizeof(*item));
    p->filling->size += bytes;
    return at + sizeof(*item);
}

void replay_hand_over(struct replay *replay, size_t place)
{
    if (replay->players[place] && replay->players[place]->filling)
        chunk_hand_over(replay->players[place], false);
}

void replay_thread_end(struct replay *replay, size_t place)
{
    if (!replay->players[place])
        return;
    chunk_hand_over(replay->players[place], true);
    replay->players[place] = NULL; /* it frees itself */
}
