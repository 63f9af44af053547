/* SPDX-License-Identifier: Apache-2.0 */
#include "copy_check.h"

#include <string.h>

#include "format/xxh64.h"
#include "fuzz_target.h"

static uint64_t mixed(uint64_t hash, uint64_t more)
{
    const uint64_t both[] = {hash, more};

    return xxh64(both, sizeof(both));
}

static uint64_t values_hash(const struct trace_event *event, bool durations)
{
    uint64_t hash = xxh64(event->type->full_name, strlen(event->type->full_name));

    for (unsigned f = 0; f < event->value_count; f++) {
        const struct trace_value *v = &event->values[f];

        if (durations || v->field->kind != ADA_KIND_DURATION)
            hash = mixed(hash, xxh64(v->bytes, v->size));
    }
    return hash;
}

static bool is_of(const struct trace_process *process, const char *wanted)
{
    const char *slash;

    if (!wanted || !process)
        return !wanted;
    slash = strrchr(process->executable, '/');
    return strcmp(slash ? slash + 1 : process->executable, wanted) == 0;
}

static void event_add(struct trace_sum *sum, const struct trace_process *process,
                      const struct trace_event *event)
{
    uint64_t who = (uint64_t)event->thread->tid << 32 | (process ? process->pid : 0);

    if (!event->type) {
        sum->gaps++;
        sum->missing += event->gap.records;
        return;
    }
    sum->events++;
    sum->hashes += mixed(who, values_hash(event, false));
    sum->timed_hashes +=
        mixed(mixed(who, values_hash(event, true)), mixed(event->ticks, (uint64_t)event->ns));
}

void trace_sum_make(struct trace *trace, const struct trace_filter *filter, const char *process,
                    struct trace_sum *sum)
{
    struct trace_condition condition;
    struct trace_cursor *cursor;
    struct trace_event event;
    int got;

    *sum = (struct trace_sum){0};
    FUZZ_CHECK(trace_cursor_open(trace, filter, &cursor) == 0);
    while ((got = trace_cursor_next(cursor, &event)) == 1) {
        const struct trace_process *own = trace_process_by_number(trace, event.thread->process);

        if (is_of(own, process))
            event_add(sum, own, &event);
    }
    FUZZ_CHECK(got == 0);
    trace_cursor_close(cursor);
    trace_condition(trace, &condition);
    sum->is_sound = condition.ended && condition.damaged_blocks == 0 && !*condition.message &&
                    condition.undescribed_records == 0;
}

static void finding_add(void *context, const struct trace_finding *finding)
{
    struct trace_verdict *verdict = context;

    verdict->damaged |= finding->severity == TRACE_SEVERITY_DAMAGE;
    verdict->lossy = true;
    verdict->untrue |= finding->is_untrue;
    verdict->goes_back |= strstr(finding->text, "goes back in time") != NULL;
}

void trace_verdict_make(const char *path, struct trace_verdict *verdict)
{
    (void)trace_verify(path, finding_add, verdict);
}
