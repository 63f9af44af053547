/* SPDX-License-Identifier: Apache-2.0 */
/* More than one file from one session: what has to be said in a file before it is left, or copied,
 * so that it adds up by itself. Nothing waits for producers: what counts is what was taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drain/drain_state.h"

/* For all that were taken, what `whole` is for all that were written. */
static uint64_t share_of(uint64_t whole, uint64_t taken, uint64_t written)
{
    double share = (double)whole * (double)taken / (double)written;

    /* Untrusted: near 2^64 the share is rounded up to it, which is no uint64_t. */
    return taken >= written || share >= (double)whole ? whole : (uint64_t)share;
}

/*
 * The session's ledger as far as its records have been taken: the ring's own counters are ahead of
 * that. What they do not say of each record (bytes, nested) is divided in proportion; the next
 * file's ledger has the rest, so that sums stay exact.
 */
static struct trace_ledger ledger_taken(const struct drain_thread *t)
{
    struct trace_ledger ledger = thread_ledger(t);
    uint64_t written = ledger.written, known = thread_records_known(t);

    ledger.written = known;
    ledger.written_bytes = share_of(ledger.written_bytes, known, written);
    ledger.nested = share_of(ledger.nested, known, written);
    ledger.dropped = t->told_dropped;
    ledger.dropped_bytes = t->told_dropped_bytes;
    return ledger;
}

static void each_thread(struct drain *d, void (*visit)(struct drain *d, struct drain_thread *t))
{
    for (struct drain_source *s = d->sources; s; s = s->next)
        for (uint32_t slot = 0; slot < s->bound; slot++)
            if (s->threads[slot])
                visit(d, s->threads[slot]);
}

/* A loss stands in the file where it happened: what comes after is another one. */
static void hole_end(struct drain *d, struct drain_thread *t)
{
    thread_hole_end(d, t, t->ticks);
}

static void account(struct drain *d, struct drain_thread *t)
{
    struct trace_ledger ledger;

    thread_drops_look(d, t);
    ledger = ledger_taken(t);
    thread_ledger_write(d, t, &ledger);
    t->told = ledger;
}

void thread_ledger_begin(struct drain_thread *t)
{
    t->before = ledger_taken(t);
    t->told = (struct trace_ledger){0};
}

/* From here on counts what is in the next file. */
static void leave(struct drain *d, struct drain_thread *t)
{
    (void)d;
    thread_ledger_begin(t);
}

void drain_account(struct drain *d)
{
    each_thread(d, hole_end);
    for (struct drain_source *s = d->sources; s; s = s->next)
        source_unringed_tell(d, s);
    clock_end(d);
    drain_fail(d, trace_writer_flush(d->writer));
    each_thread(d, account);
}

int drain_switch(struct drain *d, int fd, struct trace_ending **old)
{
    int err;

    drain_account(d);
    err = trace_writer_switch(d->writer, fd, old);
    if (err)
        return err;
    d->files++;
    each_thread(d, leave);
    for (struct drain_source *s = d->sources; s; s = s->next) {
        s->unringed_before = s->unringed_told;
        s->unringed_bytes_before = s->unringed_told_bytes;
    }
    return 0;
}

uint64_t drain_ticks_before(const struct drain *d, uint64_t before_ns)
{
    uint64_t now = drain_now(d);
    double ticks = (double)before_ns / d->clock.line.ns_per_tick;

    return before_ns && ticks < (double)now ? now - (uint64_t)ticks : 0;
}

static uint64_t fullest_bytes(struct drain *d)
{
    uint64_t fullest = 0;

    for (struct drain_source *s = d->sources; s; s = s->next)
        for (uint32_t slot = 0; slot < s->bound; slot++) {
            uint64_t bytes =
                s->threads[slot] ? ring_available_to_read(&s->threads[slot]->reader) : 0;

            fullest = bytes > fullest ? bytes : fullest;
        }
    return fullest;
}

/* All that was published by now is taken. In fair shares: a producer that is blocked gives a drain
 * up that stays away from its ring for too long. Not what is published meanwhile, which on a busy
 * machine would be many times as much. */
static void rings_empty(struct drain *d)
{
    uint64_t rounds;
    bool all = false;

    if (d->finished) /* of a trigger that fires at the end: nobody comes any more */
        return;
    inbox_take_attachments(d);
    sources_discover(d);
    rounds = fullest_bytes(d) / DRAIN_SHARE_BYTES + 1;
    for (struct drain_source *s = d->sources; s; s = s->next)
        source_mark(s);
    while (!all && rounds--) {
        all = true;
        for (struct drain_source *s = d->sources; s; s = s->next)
            all &= source_round_to_marks(d, s, DRAIN_SHARE_BYTES);
    }
}

int drain_snapshot(struct drain *d, uint64_t from_ticks, struct trace_snapshot **out,
                   struct drain_module **modules)
{
    int err;

    rings_empty(d);
    drain_account(d);
    err = trace_writer_snapshot(d->writer, from_ticks, out);
    if (err)
        return err;
    err = drain_modules_copy(d, 0, modules);
    if (err)
        trace_snapshot_free(*out);
    return err;
}

uint64_t drain_ticks(const struct drain *d)
{
    return drain_now(d);
}

/* ---- modules, for whoever resolves symbols in another thread ---- */

static struct drain_module *module_copy(const struct drain_module *m)
{
    size_t size = sizeof(*m) + strlen(m->path) + 1;
    struct drain_module *copy = malloc(size);

    if (copy)
        memcpy(copy, m, size);
    return copy;
}

int drain_modules_copy(const struct drain *d, uint64_t from_ticks, struct drain_module **out)
{
    struct drain_module **end = out;

    *out = NULL;
    for (const struct drain_module *m = d->modules; m; m = m->next) {
        if (m->to_ticks < from_ticks || m->left_ticks < from_ticks)
            continue;
        *end = module_copy(m);
        if (!*end) {
            drain_modules_free(*out);
            *out = NULL;
            return -ENOMEM;
        }
        end = &(*end)->next;
        *end = NULL;
    }
    return 0;
}

/* Unmapped, or of an image that nobody runs any more. */
static bool module_is_over(const struct drain_module *m, uint64_t ticks)
{
    return m->to_ticks < ticks || m->left_ticks < ticks;
}

static void image_modules_forget(struct drain_source *s, uint64_t ticks)
{
    struct drain_module **at = &s->modules;

    while (*at)
        if (module_is_over(*at, ticks))
            *at = (*at)->next_of_image;
        else
            at = &(*at)->next_of_image;
}

void drain_forget_before(struct drain *d, uint64_t ticks)
{
    struct drain_module **at = &d->modules;

    trace_writer_keep_from(d->writer, ticks);
    for (struct drain_source *s = d->sources; s; s = s->next)
        image_modules_forget(s, ticks);
    while (*at) {
        struct drain_module *m = *at;

        if (!module_is_over(m, ticks)) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        free(m);
    }
}

void drain_modules_free(struct drain_module *modules)
{
    while (modules) {
        struct drain_module *next = modules->next;

        free(modules);
        modules = next;
    }
}
