/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/merge_plan.h"
#include "format/xxh64.h"

/* ---- the blocks of all inputs, in the order of time ---- */

static int step_compare(const void *a, const void *b)
{
    const struct copy_step *left = a, *right = b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    if (left->source != right->source)
        return left->source < right->source ? -1 : 1;
    return left->place < right->place ? -1 : left->place > right->place;
}

/* How far a thread's blocks have come. */
struct reach {
    uint64_t key, last_ticks;
};

/* Keys never go back within a thread, whatever its blocks say: their order is that of the file. One
 * that does go back stands there a second time, or out of its place. */
static int source_steps_add(struct trace_copy *c, uint32_t number)
{
    struct copy_source *s = &c->sources[number];
    const struct trace_index *index = &s->trace->blocks;
    struct reach *reaches = calloc(s->trace->threads.count + 1, sizeof(*reaches));

    if (!reaches)
        return -ENOMEM;
    for (size_t i = 0; i < index->count; i++) {
        const struct index_entry *entry = &index->entries[i];
        uint64_t ticks = entry->first_ticks;
        struct reach *reach;

        if (!index_entry_is(entry, BLOCK_DATA))
            continue;
        reach = &reaches[trace_thread_place(s->trace, entry->thread)];
        s->whole &= ticks >= reach->last_ticks;
        reach->last_ticks = entry->last_ticks;
        if (reach->key == 0 && c->family_count < c->source_count)
            ticks = copy_resume_ticks(s, i);
        ticks = copy_ticks(&s->clock, ticks);
        reach->key = ticks > reach->key ? ticks : reach->key;
        c->steps[c->step_count++] =
            (struct copy_step){.key = reach->key, .source = number, .place = (uint32_t)i};
        c->records_total += entry->records;
    }
    free(reaches);
    return 0;
}

static int steps_make(struct trace_copy *c)
{
    size_t blocks = 0;
    int status = 0;

    for (size_t i = 0; i < c->source_count; i++)
        blocks += c->sources[i].trace->blocks.count;
    c->steps = malloc((blocks + 1) * sizeof(*c->steps));
    if (!c->steps)
        return -ENOMEM;
    for (size_t i = 0; i < c->source_count && status == 0; i++)
        status = source_steps_add(c, (uint32_t)i);
    /* A file by itself stays in its order. */
    if (status == 0 && c->source_count > 1)
        qsort(c->steps, c->step_count, sizeof(*c->steps), step_compare);
    return status;
}

/* ---- what it says of itself ---- */

struct text {
    char bytes[2048];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
                                                           ...)
{
    size_t room = sizeof(text->bytes) - text->size;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(text->bytes + text->size, room, format, arguments);
    va_end(arguments);
    if (size > 0)
        text->size += (size_t)size < room ? (size_t)size : room - 1;
}

/* A word of each input, without those that are there already. */
static void words_join(const struct trace_copy *c, struct text *text, size_t offset,
                       const char *between)
{
    for (size_t i = 0; i < c->source_count; i++) {
        const char *word;
        bool known = false;

        memcpy(&word, (const char *)&c->sources[i].trace->about + offset, sizeof(word));
        for (size_t k = 0; k < i && !known; k++) {
            const char *other;

            memcpy(&other, (const char *)&c->sources[k].trace->about + offset, sizeof(other));
            known = strcmp(word, other) == 0;
        }
        if (!known && *word)
            text_add(text, "%s%s", text->size ? between : "", word);
    }
}

struct result {
    struct trace_recording recording;
    struct text hosts, commands, note;
    char session[24];
};

/* Slices of the result can be joined again: the same inputs give the same session. */
static void session_make(const struct trace_copy *c, struct result *result)
{
    struct text all = {0};

    words_join(c, &all, offsetof(struct trace_recording, session), "+");
    snprintf(result->session, sizeof(result->session), "%016llx",
             (unsigned long long)xxh64(all.bytes, all.size));
    result->recording.session = result->session;
}

static void recording_make(const struct trace_copy *c, struct result *result)
{
    result->recording = c->first->about;
    if (c->family_count == 1)
        return;
    words_join(c, &result->hosts, offsetof(struct trace_recording, host), ", ");
    words_join(c, &result->commands, offsetof(struct trace_recording, command), "; ");
    result->recording.host = result->hosts.bytes;
    result->recording.command = result->commands.bytes;
    session_make(c, result);
}

static void note_make(const struct trace_copy *c, struct result *result)
{
    struct text *note = &result->note;

    text_add(note, "merged from %zu files:", c->source_count);
    for (size_t i = 0; i < c->source_count; i++) {
        const struct copy_source *s = &c->sources[i];
        const struct copy_family *family = s->family;

        text_add(note, "%s %.160s", i ? ";" : "", s->name);
        if (c->family_count > 1)
            text_add(note, " (host %.64s)", s->trace->about.host);
        if (family && family->converts)
            text_add(note, ", its clock put in place by %s, within %llu ns%s",
                     family->of_day ? "the time of day" : "the monotonic clock",
                     (unsigned long long)family->uncertainty_ns,
                     family->of_day ? " and what the hosts' clocks differ by" : "");
        if (!s->trace->condition.ended)
            text_add(note, ", cut off");
        else if (!s->whole)
            text_add(note, ", damaged");
    }
}

/* ---- all of it ---- */

/* The same file twice would be the same records twice, under other numbers or not. */
static int twice_refuse(struct trace_copy *c)
{
    for (size_t i = 0; i < c->source_count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct trace *a = c->sources[i].trace, *b = c->sources[k].trace;

            if (a->recording == b->recording && a->size == b->size)
                return copy_fail(c, -EEXIST, "%s and %s are the same recording", c->sources[k].name,
                                 c->sources[i].name);
        }
    return 0;
}

static int sources_open(struct trace_copy *c, struct trace *const *traces, const char *const *names,
                        size_t count)
{
    int status = copy_init(c, count);

    for (size_t i = 0; i < count && status == 0; i++)
        status = copy_source_open(c, traces[i], names[i]);
    if (status == 0)
        status = twice_refuse(c);
    if (status == 0)
        status = merge_plan(c);
    return status ? status : steps_make(c);
}

static bool any_converts(const struct trace_copy *c)
{
    for (size_t f = 0; f < c->family_count; f++)
        if (c->families[f].converts)
            return true;
    return false;
}

int trace_merge(struct trace *const *traces, const char *const *names, size_t count, int fd,
                unsigned threads, const struct trace_copy_watch *watch,
                struct trace_copy_figures *figures, struct trace_error *error)
{
    struct trace_copy c = {.watch = watch, .figures = figures, .error = error};
    struct result *result;
    int status;

    *error = (struct trace_error){0};
    result = calloc(1, sizeof(*result));
    status = result ? sources_open(&c, traces, names, count) : -ENOMEM;
    if (status == 0) {
        recording_make(&c, result);
        note_make(&c, result);
        status = copy_run(&c, fd, any_converts(&c) ? threads : 1, &result->recording,
                          result->note.bytes);
    } else {
        close(fd);
    }
    if (status != 0 && !error->code)
        copy_fail(&c, status, "%s", strerrordesc_np(-status));
    copy_fini(&c);
    free(result);
    return status;
}
