/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak_check FILE: what a trace holds, for whoever adds up many of them. Lines:
 *
 *     thread NUMBER PID TID WRITTEN DROPPED OVERWRITTEN DAMAGED STORED DECODED GAP_DROPPED GAP_OVER
 *     id KIND ID FIRST LAST COUNT HOLES
 *     backwards N
 *
 * GAP_*: what gaps say was dropped and overwritten. KIND: t of soak:tick, s of soak:signal. HOLES:
 * numbers left out. N: events earlier than the one before of their thread. Status 3: the file has
 * no end, or not yet.
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
    uint64_t id, first, last, count, holes;
};

struct sums {
    struct thread_sum *threads;
    size_t thread_count;
    struct id_sum *ids;
    size_t id_count, id_capacity;
    uint64_t backwards;
};

static struct id_sum *id_find(struct sums *s, char kind, uint64_t id)
{
    /* From the newest on: few of them are busy at once. */
    for (size_t i = s->id_count; i-- > 0;)
        if (s->ids[i].id == id && s->ids[i].kind == kind)
            return &s->ids[i];
    if (s->id_count == s->id_capacity) {
        size_t capacity = s->id_capacity ? 2 * s->id_capacity : 256;
        struct id_sum *grown = realloc(s->ids, capacity * sizeof(*grown));

        if (!grown)
            exit(1);
        s->ids = grown;
        s->id_capacity = capacity;
    }
    s->ids[s->id_count] = (struct id_sum){.kind = kind, .id = id};
    return &s->ids[s->id_count++];
}

static void id_take(struct sums *s, char kind, uint64_t id, uint64_t number)
{
    struct id_sum *sum = id_find(s, kind, id);

    if (!sum->count)
        sum->first = number;
    else
        sum->holes += number - sum->last - 1; /* backwards wraps, and shows */
    sum->last = number;
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
        id_take(s, kind, trace_value_unsigned(&e->values[0], 0),
                trace_value_unsigned(&e->values[1], 0));
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
    for (size_t i = 0; i < s->id_count; i++)
        printf("id %c %llu %llu %llu %llu %llu\n", s->ids[i].kind, (unsigned long long)s->ids[i].id,
               (unsigned long long)s->ids[i].first, (unsigned long long)s->ids[i].last,
               (unsigned long long)s->ids[i].count, (unsigned long long)s->ids[i].holes);
    printf("backwards %llu\n", (unsigned long long)s->backwards);
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
    if (status == 0 || status == 1)
        threads_print(t, &sums);
    trace_cursor_close(cursor);
    trace_close(t);
    free(sums.threads);
    free(sums.ids);
    return status < 0;
}
