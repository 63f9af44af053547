/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak_check FILE: what a trace holds, for whoever adds up many of them. Lines:
 *
 *     thread NUMBER PID TID WRITTEN DROPPED OVERWRITTEN DAMAGED STORED DECODED GAP_DROPPED GAP_OVER
 *     id KIND ID THREAD FIRST LAST COUNT HOLES UNTOLD TOLD_FIRST TOLD_LAST
 *     backwards N
 *
 * GAP_*: what gaps say was dropped and overwritten. KIND: t of soak:tick, s of soak:signal. HOLES:
 * numbers left out; UNTOLD: those of them that no gap of the thread between the two events tells
 * of; TOLD_*: what its gaps before the FIRST and the LAST say was overwritten. N: events earlier
 * than the one before of their thread. Status 3: the file has no end, or not yet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/trace_reader.h"

enum { NOT_ENDED = 3 };

struct thread_sum {
    uint64_t decoded, dropped, overwritten;
    int64_t last_ns;
};

struct id_sum {
    char kind;
    uint32_t thread;
    uint64_t id, first, last, count, holes, untold, told_first, told_last;
};

struct sums {
    struct thread_sum *threads;
    size_t thread_count;
    struct id_sum *ids;
    size_t id_count, id_capacity;
    uint64_t backwards;
};

/* One id in two threads is two of them, and shows. */
static struct id_sum *id_find(struct sums *s, char kind, uint64_t id, uint32_t thread)
{
    /* From the newest on: few of them are busy at once. */
    for (size_t i = s->id_count; i-- > 0;)
        if (s->ids[i].id == id && s->ids[i].kind == kind && s->ids[i].thread == thread)
            return &s->ids[i];
    if (s->id_count == s->id_capacity) {
        size_t capacity = s->id_capacity ? 2 * s->id_capacity : 256;
        struct id_sum *grown = realloc(s->ids, capacity * sizeof(*grown));

        if (!grown)
            exit(1);
        s->ids = grown;
        s->id_capacity = capacity;
    }
    s->ids[s->id_count] = (struct id_sum){.kind = kind, .id = id, .thread = thread};
    return &s->ids[s->id_count++];
}

static void hole_take(struct id_sum *sum, uint64_t hole, uint64_t told)
{
    sum->holes += hole;
    sum->untold += hole > told ? hole - told : 0;
}

/* `told`: what the thread's gaps until now say was overwritten. */
static void id_take(struct id_sum *sum, uint64_t number, uint64_t told)
{
    if (sum->count) {
        /* Backwards wraps, and shows. */
        hole_take(sum, number - sum->last - 1, told - sum->told_last);
    } else {
        sum->first = number;
        sum->told_first = told;
    }
    sum->last = number;
    sum->told_last = told;
    sum->count++;
}

static struct thread_sum *thread_of(struct sums *s, const struct trace_thread *thread)
{
    if (thread->thread >= s->thread_count) {
        size_t count = thread->thread + 256;
        struct thread_sum *grown = realloc(s->threads, count * sizeof(*grown));

        if (!grown)
            exit(1);
        memset(grown + s->thread_count, 0, (count - s->thread_count) * sizeof(*grown));
        s->threads = grown;
        s->thread_count = count;
    }
    return &s->threads[thread->thread];
}

static void event_take(struct sums *s, const struct trace_event *e)
{
    struct thread_sum *thread = thread_of(s, e->thread);
    char kind;

    if (!e->type) {
        if (e->gap.kind == TRACE_GAP_DROPPED)
            thread->dropped += e->gap.records;
        if (e->gap.kind == TRACE_GAP_OVERWRITTEN)
            thread->overwritten += e->gap.records;
        return;
    }
    thread->decoded++;
    s->backwards += e->ns < thread->last_ns;
    thread->last_ns = e->ns;
    kind = !strcmp(e->type->full_name, "soak:tick")     ? 't'
           : !strcmp(e->type->full_name, "soak:signal") ? 's'
                                                        : 0;
    if (kind)
        id_take(id_find(s, kind, trace_value_unsigned(&e->values[0], 0), e->thread->thread),
                trace_value_unsigned(&e->values[1], 0), thread->overwritten);
}

static void ids_print(const struct sums *s)
{
    for (const struct id_sum *sum = s->ids; sum < s->ids + s->id_count; sum++)
        printf("id %c %llu %u %llu %llu %llu %llu %llu %llu %llu\n", sum->kind,
               (unsigned long long)sum->id, sum->thread, (unsigned long long)sum->first,
               (unsigned long long)sum->last, (unsigned long long)sum->count,
               (unsigned long long)sum->holes, (unsigned long long)sum->untold,
               (unsigned long long)sum->told_first, (unsigned long long)sum->told_last);
}

static void threads_print(struct trace *t, struct sums *s)
{
    const struct trace_ledger *ledger, none = {0};
    const struct trace_process *process;
    const struct trace_thread *thread;
    const struct thread_sum *sum;

    for (size_t n = 0; (thread = trace_thread_at(t, n)); n++) {
        sum = thread_of(s, thread);
        process = trace_process_by_number(t, thread->process);
        ledger = trace_ledger_of(t, thread->thread);
        if (!ledger)
            ledger = &none;
        printf("thread %u %u %u %llu %llu %llu %llu %llu %llu %llu %llu\n", thread->thread,
               process ? process->pid : 0, thread->tid, (unsigned long long)ledger->written,
               (unsigned long long)ledger->dropped, (unsigned long long)ledger->overwritten,
               (unsigned long long)ledger->damaged, (unsigned long long)ledger->stored,
               (unsigned long long)sum->decoded, (unsigned long long)sum->dropped,
               (unsigned long long)sum->overwritten);
    }
}

int main(int count, char **words)
{
    const struct trace_filter filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct sums sums = {0};
    struct trace_cursor *cursor;
    struct trace_event event;
    struct trace_condition condition;
    struct trace_error error;
    struct trace *t;
    int status;

    if (count != 2 || trace_open(&t, words[1], &error))
        return 1;
    trace_condition(t, &condition);
    if (!condition.ended) {
        trace_close(t);
        return NOT_ENDED;
    }
    status = trace_cursor_open(t, &filter, &cursor);
    while (!status && (status = trace_cursor_next(cursor, &event)) == 1) {
        event_take(&sums, &event);
        status = 0;
    }
    if (status == 0 || status == 1) {
        threads_print(t, &sums);
        ids_print(&sums);
        printf("backwards %llu\n", (unsigned long long)sums.backwards);
    }
    trace_cursor_close(cursor);
    trace_close(t);
    free(sums.threads);
    free(sums.ids);
    return status < 0;
}
