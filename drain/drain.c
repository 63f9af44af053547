/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/drain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/plain_text.h"
#include "drain/drain_state.h"

enum {
    TICK_NS = 1000 * 1000 * 1000,
    LOOK_NS = 1000 * 1000, /* between two questions to the kernel about deaths */
    FIGURES_NS = 100 * 1000 * 1000,
    STACK_BYTES = 1 << 20,
    FLIGHT_FLUSH_TICKS = 10, /* a thousand quiet threads do not hold memory for ever */
    SETTLE_TRIES = 5         /* for emits that are under way while the last round goes */
};

/* ---- small things that all files of the drain need ---- */

void drain_fail(struct drain *d, int error)
{
    if (error < 0)
        d->errors++;
    if (error < 0 && !d->error)
        d->error = error;
}

uint64_t drain_now(const struct drain *d)
{
    if (__builtin_expect(drain_is_late(d), 0))
        return d->options.then.last_ticks;
    return clock_source_ticks(d->options.clock) + d->clock.shift;
}

void drain_write_note(struct drain *d, enum trace_note_kind kind, uint32_t process,
                      const char *format, ...)
{
    char text[4096];
    struct trace_note note = {
        .kind = kind, .process = process, .ticks = drain_now(d), .text = text};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    drain_fail(d, trace_writer_note(d->writer, &note));
    drain_tell_news(d, "%s", text);
}

void drain_tell_news(struct drain *d, const char *format, ...)
{
    char text[4096];
    va_list arguments;

    if (!d->options.news)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* Untrusted: names and notes of programs, on their way to somebody's terminal. */
    plain_text(text, '?');
    d->options.news(d->options.context, text);
}

/* ---- begin and end ---- */

int drain_create(struct drain **out, struct trace_writer *writer,
                 const struct drain_options *options)
{
    struct drain *d = calloc(1, sizeof(*d));

    if (!d) {
        (void)!trace_writer_close(writer);
        return -ENOMEM;
    }
    d->options = *options;
    d->options.room_budget = room_budget(options->room_budget);
    d->writer = writer;
    d->next_process = d->next_thread = d->next_module = 1;
    d->watch.epoll_fd = -1;
    pthread_mutex_init(&d->promising, NULL);
    pthread_mutex_init(&d->lock, NULL);
    inbox_init(d);
    wait_init(&d->wait);
    d->wait.has_much = sources_have_much;
    d->wait.context = d;
    if (!wait_choice_check(&options->wait))
        wait_choose(&d->wait, &options->wait);
    pace_init(&d->pace, options->level);
    d->steering.level = options->event_level ? options->event_level : UINT32_MAX;
    d->pace.packs_always = trace_writer_is_flight(writer);
    d->files = !trace_writer_is_flight(writer);
    /* Without it the robust words and a look once a second have to do. */
    if (options->watches_processes)
        (void)!process_watch_init(&d->watch);
    d->start_ticks = drain_is_late(d) ? options->then.begun_ticks : drain_now(d);
    d->figures.start_ns = clock_monotonic_ns();
    d->tick_ns = d->figures.start_ns + TICK_NS;
    clock_begin(d);
    *out = d;
    return 0;
}

void drain_destroy(struct drain *d)
{
    if (!d)
        return;
    drain_stop(d);
    (void)!drain_close(d);
    live_destroy(d);
    while (d->sources)
        source_free(d, d->sources);
    triggers_destroy(d);
    inbox_fini(d);
    while (d->modules) {
        struct drain_module *m = d->modules;

        d->modules = m->next;
        free(m);
    }
    while (d->untraced) {
        struct drain_untraced *u = d->untraced;

        d->untraced = u->next;
        free(u);
    }
    process_watch_fini(&d->watch);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->promising);
    free(d);
}

struct trace_writer *drain_writer(struct drain *d)
{
    return d->writer;
}

int drain_close(struct drain *d)
{
    int err;

    if (!d->writer)
        return d->error;
    drain_finish(d);
    inbox_close(d);
    inbox_take_notes(d);
    trace_writer_stats(d->writer, &d->writer_stats);
    err = trace_writer_close(d->writer);
    d->writer = NULL;
    drain_fail(d, err);
    return d->error;
}

int drain_watch_fd(const struct drain *d)
{
    return d->watch.epoll_fd;
}

void drain_wake(struct drain *d)
{
    wait_wake(&d->wait);
}

int drain_set_wait(struct drain *d, const struct wait_choice *choice)
{
    int err = wait_choice_check(choice);

    if (!err)
        wait_choose(&d->wait, choice);
    return err;
}

/* ---- figures ---- */

static void figures_publish(struct drain *d)
{
    struct drain_figures f = d->ended;
    struct trace_writer_stats stats = {0};

    if (d->writer)
        trace_writer_stats(d->writer, &stats);
    for (struct drain_source *s = d->sources; s; s = s->next)
        for (uint32_t slot = 0; s->live && slot < s->bound; slot++)
            if (s->threads[slot])
                thread_count(d, s->threads[slot], &f);
    for (struct drain_process *p = d->processes; p; p = p->next)
        f.live_processes += !p->dead;
    f.processes = d->next_process - 1;
    f.threads = d->next_thread - 1;
    f.error = d->error;
    pthread_mutex_lock(&d->lock);
    f.start_ns = d->figures.start_ns;
    f.end_ns = d->finished ? clock_monotonic_ns() : 0;
    f.file_bytes = d->writer ? stats.file_bytes : d->figures.file_bytes;
    f.lost += stats.lost_records;
    d->figures = f;
    pthread_mutex_unlock(&d->lock);
}

void drain_figures(struct drain *d, struct drain_figures *out)
{
    pthread_mutex_lock(&d->lock);
    *out = d->figures;
    pthread_mutex_unlock(&d->lock);
}

/* ---- rounds ---- */

void drain_flush(struct drain *d)
{
    trace_writer_flush_begin(d->writer);
    while (trace_writer_flush_next(d->writer))
        drain_pause(d);
    drain_fail(d, trace_writer_flush(d->writer));
}

void drain_tick(struct drain *d)
{
    for (struct drain_source *s = d->sources; s; s = s->next)
        source_tick(d, s);
    CRASH_POINT("tick.told");
    processes_check(d);
    /* For a file, so that a crash leaves all but the last second; of a flight recorder's blocks
     * that come so early more would be kept for less. */
    if (!trace_writer_is_flight(d->writer) || ++d->ticks_unflushed >= FLIGHT_FLUSH_TICKS) {
        drain_flush(d);
        d->ticks_unflushed = 0;
    }
    if (trace_writer_is_flight(d->writer))
        drain_forget_before(d, trace_writer_expire(d->writer, drain_now(d)));
}

static void pace_follow(struct drain *d, const struct wait_load *load, uint64_t now_ns)
{
    int before = d->pace.level, level;
    struct trace_writer_stats stats;
    struct pace_costs costs;

    trace_writer_stats(d->writer, &stats);
    costs = (struct pace_costs){
        .blocks = stats.blocks,
        .content_bytes = stats.content_bytes,
        .file_bytes = stats.file_bytes,
        .pack_ns = stats.pack_ns,
        .write_ns = stats.write_ns,
    };
    level = pace_turn(&d->pace, load->fill_percent, now_ns, &costs);

    if (level != before)
        drain_fail(d, trace_writer_set_level(d->writer, level));
}

static void sources_release(struct drain *d, uint64_t now_ns)
{
    struct drain_source *next;

    for (struct drain_source *s = d->sources; s; s = next) {
        next = s->next;
        (void)source_release(d, s, now_ns);
    }
}

/* Deaths first: then what is read afterwards is all that the dead have left. */
static void deaths_look(struct drain *d, uint64_t now_ns)
{
    if (now_ns < d->look_ns)
        return;
    d->look_ns = now_ns + LOOK_NS;
    processes_look(d);
}

struct wait_load drain_round(struct drain *d)
{
    struct wait_load load = {0};
    uint64_t now_ns = clock_monotonic_ns();

    d->rounds++;
    clock_look(d, now_ns);
    inbox_take(d);
    if (d->live)
        live_round_begin(d);
    CRASH_POINT("round.begun");
    d->pauses = true;
    deaths_look(d, now_ns);
    for (struct drain_source *s = d->sources; s; s = s->next)
        source_round(d, s, DRAIN_SHARE_BYTES, &load);
    CRASH_POINT("round.read");
    processes_end(d);
    sources_release(d, now_ns);
    pace_follow(d, &load, now_ns);
    if (now_ns >= d->tick_ns) {
        drain_tick(d);
        d->tick_ns = now_ns + TICK_NS;
    }
    if (now_ns >= d->figures_ns) {
        figures_publish(d);
        d->figures_ns = now_ns + FIGURES_NS;
    }
    if (d->triggers)
        triggers_turn(d);
    if (d->options.turn)
        d->options.turn(d->options.context, d, now_ns);
    if (d->live)
        live_round_end(d);
    d->pauses = false;
    return load;
}

static bool threads_are_settled(const struct drain *d)
{
    for (const struct drain_source *s = d->sources; s; s = s->next) {
        if (s->unopened)
            return false;
        for (uint32_t slot = 0; slot < s->bound; slot++)
            if (s->threads[slot] && !thread_is_settled(s->threads[slot]))
                return false;
    }
    return true;
}

/*
 * All that was published before: a ring holds no more than its capacity, so that much is taken of
 * each, even if its owner goes on. Emits that were under way a moment ago get a moment to end.
 */
static void last_rounds(struct drain *d)
{
    for (int tries = 0; tries < SETTLE_TRIES; tries++) {
        struct wait_load load = {0};

        processes_look(d);
        for (struct drain_source *s = d->sources; s; s = s->next)
            source_round(d, s, segment_ring_capacity(&s->segment.geometry), &load);
        if (threads_are_settled(d))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 500 * 1000}, NULL);
    }
}

void drain_finish(struct drain *d)
{
    if (d->finished)
        return;
    inbox_take(d);
    for (struct drain_source *s = d->sources; s; s = s->next)
        if (!s->kept)
            store_relaxed(&s->segment.shared->closed, 1); /* relaxed: seen late, it costs a slot */
    /* What is emitted from here on is nobody's. */
    for (struct drain_source *s = d->sources; s; s = s->next)
        switches_gate_set(&s->segment, SWITCH_GATE_SHUT);
    CRASH_POINT("finish.shut");
    last_rounds(d);
    for (struct drain_source *s = d->sources; s; s = s->next)
        source_finish(d, s);
    CRASH_POINT("finish.left");
    processes_finish(d);
    clock_end(d);
    drain_fail(d, trace_writer_flush(d->writer));
    if (d->triggers)
        triggers_finish(d);
    figures_publish(d);
    live_end(d);
}

/* ---- the thread ---- */

static void *drain_run(void *argument)
{
    struct drain *d = argument;

    sources_join_life(d);
    /* Stop. Acquire: pairs with the release in drain_stop(); all that its caller did before is
     * visible to the last round. */
    while (!load_acquire(&d->stopping)) {
        struct wait_load load = drain_round(d);

        wait_turn(&d->wait, &load);
    }
    drain_finish(d);
    inbox_close(d);
    life_end(&d->life);
    return NULL;
}

int drain_start(struct drain *d)
{
    int err = own_thread_start(&d->thread, "adatrace-drain", STACK_BYTES, drain_run, d);

    d->running = err == 0;
    return err;
}

void drain_stop(struct drain *d)
{
    if (!d->running)
        return;
    store_release(&d->stopping, 1); /* Stop. Pairs with drain_run(). */
    wait_wake(&d->wait);
    pthread_join(d->thread.id, NULL);
    d->running = false;
}
