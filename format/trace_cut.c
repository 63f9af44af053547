/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/glob.h"
#include "format/copy_state.h"
#include "format/xxh64.h"

/* What a slice is made with, besides the copy. */
struct slice {
    const struct trace_cut *cut;
    struct copy_source *source;
    struct trace_clock_pair *pairs;
    char note[768], session[320];
};

/* ---- which threads ---- */

static bool process_is_wanted(const struct trace *t, const char *wanted, uint32_t process)
{
    const struct trace_process *row = trace_process_by_number(t, process);
    const char *slash, *at = wanted;

    if (!wanted || !row)
        return !wanted;
    while (isdigit((unsigned char)*at))
        at++;
    if (!*at)
        return strtoul(wanted, NULL, 10) == row->pid;
    slash = strrchr(row->executable, '/');
    return glob_list_match(wanted, slash ? slash + 1 : row->executable);
}

static void threads_choose(struct slice *slice)
{
    const struct trace *t = slice->source->trace;
    const struct thread_row *rows = t->threads.rows;

    for (size_t i = 0; i < t->threads.count; i++)
        slice->source->parts[i].wanted =
            trace_filter_has_thread(&slice->cut->filter, &rows[i].thread) &&
            process_is_wanted(t, slice->cut->process, rows[i].thread.process);
}

/* ---- which blocks, in the order of the file ---- */

static int steps_choose(struct trace_copy *c, struct copy_source *s)
{
    const struct trace_index *index = &s->trace->blocks;

    c->step_count = 0;
    c->steps = malloc((index->count + 1) * sizeof(*c->steps));
    if (!c->steps)
        return -ENOMEM;
    for (size_t i = 0; i < index->count; i++) {
        const struct index_entry *entry = &index->entries[i];
        struct copy_part *part;

        if (!index_entry_is(entry, BLOCK_DATA))
            continue;
        part = &s->parts[trace_thread_place(s->trace, entry->thread)];
        if (!part->wanted)
            continue;
        part->trimmed |=
            entry->first_ticks < s->wish.from_ticks || entry->last_ticks > s->wish.to_ticks;
        part->reaches_end = entry->last_ticks <= s->wish.to_ticks;
        if (!trace_entry_is_wished(entry, &s->wish))
            continue;
        c->steps[c->step_count++] = (struct copy_step){.place = (uint32_t)i};
        c->records_total += entry->records;
    }
    return 0;
}

/* A thread without any block in the slice is not in it, unless it has none at all in the file. */
static int threads_leave_out(struct trace_copy *c, struct copy_source *s)
{
    const struct trace_index *index = &s->trace->blocks;
    bool *met = calloc(s->trace->threads.count + 1, sizeof(*met));

    if (!met)
        return -ENOMEM;
    for (size_t i = 0; i < c->step_count; i++)
        met[trace_thread_place(s->trace, index->entries[c->steps[i].place].thread)] = true;
    for (size_t i = 0; i < s->trace->threads.count; i++)
        s->parts[i].wanted &= met[i];
    free(met);
    return 0;
}

/* ---- clock pairs ---- */

/*
 * The first pair, so that times are those of the input; the last, so that durations are; and all
 * from the one before the slice to the one after it.
 */
static int pairs_choose(struct trace_copy *c, struct slice *slice)
{
    const struct trace *t = slice->source->trace;
    const struct trace_clock_pair *pairs = t->clocks.rows;
    const struct block_wish *wish = &slice->source->wish;
    size_t count = t->clocks.count;

    slice->pairs = calloc(count + 1, sizeof(*pairs));
    if (!slice->pairs)
        return -ENOMEM;
    /* Without any, time begins with the first block: one that says so keeps that. */
    if (count == 0 && !slice->source->all)
        slice->pairs[c->pair_count++].ticks = t->pieces[0].t0;
    for (size_t i = 0; i < count; i++) {
        bool before = i + 1 < count && pairs[i + 1].ticks <= wish->from_ticks;
        bool after = i && pairs[i - 1].ticks >= wish->to_ticks;

        if (i == 0 || i + 1 == count || (!before && !after))
            slice->pairs[c->pair_count++] = pairs[i];
    }
    c->pairs = slice->pairs;
    return 0;
}

/* ---- what it says of itself ---- */

static void time_print(char *out, size_t size, int64_t ns, const char *open)
{
    if (ns == INT64_MIN || ns == INT64_MAX)
        snprintf(out, size, "%s", open);
    else
        snprintf(out, size, "%.9f s", (double)ns / 1e9);
}

static void note_make(struct slice *slice)
{
    const struct trace_cut *cut = slice->cut;
    char from[40], to[40], date[40] = "";
    time_t now = time(NULL);
    struct tm parts;

    time_print(from, sizeof(from), cut->filter.from_ns, "the beginning");
    time_print(to, sizeof(to), cut->filter.to_ns, "the end");
    if (gmtime_r(&now, &parts))
        strftime(date, sizeof(date), " on %F at %T UTC", &parts);
    if (cut->recovers) {
        snprintf(slice->note, sizeof(slice->note),
                 "recovered from %.200s%s, which did not end properly", cut->origin, date);
        return;
    }
    if (cut->names_of) {
        snprintf(slice->note, sizeof(slice->note), "replayed from %.200s%s", cut->origin, date);
        return;
    }
    snprintf(slice->note, sizeof(slice->note), "cut from %.200s%s: %s to %s%s%.80s%s%.80s%s%.80s",
             cut->origin, date, from, to, cut->filter.thread ? ", thread " : "",
             cut->filter.thread ? cut->filter.thread : "", cut->process ? ", process " : "",
             cut->process ? cut->process : "", cut->filter.events ? ", events " : "",
             cut->filter.events ? cut->filter.events : "");
}

/* Slices of some events can only be joined with others of the same events: where two files of a
 * session meet, what the one has the other has, too. */
static struct trace_recording recording_make(struct slice *slice)
{
    struct trace_recording recording = slice->source->trace->about;
    const char *events = slice->cut->filter.events;

    if (events && *recording.session) {
        snprintf(slice->session, sizeof(slice->session), "%.255s/%016llx", recording.session,
                 (unsigned long long)xxh64(events, strlen(events)));
        recording.session = slice->session;
    }
    return recording;
}

static bool is_everything(const struct trace_cut *cut)
{
    return cut->filter.from_ns == INT64_MIN && cut->filter.to_ns == INT64_MAX &&
           !cut->filter.thread && !cut->process && !cut->filter.events;
}

static int slice_choose(struct trace_copy *c, struct slice *slice)
{
    struct copy_source *s = slice->source;
    int status = trace_wish_make(s->trace, &slice->cut->filter, &s->wish);

    s->all = is_everything(slice->cut);
    threads_choose(slice);
    if (status == 0)
        status = steps_choose(c, s);
    if (status == 0 && !s->all)
        status = threads_leave_out(c, s);
    return status ? status : pairs_choose(c, slice);
}

int trace_cut(struct trace *trace, const struct trace_cut *cut, int fd,
              const struct trace_copy_watch *watch, struct trace_copy_figures *figures,
              struct trace_error *error)
{
    struct trace_copy c = {
        .watch = watch, .figures = figures, .error = error, .names_of = cut->names_of};
    struct slice slice = {.cut = cut};
    struct trace_recording recording;
    int status = copy_init(&c, 1);

    if (status == 0)
        status = copy_source_open(&c, trace, cut->origin);
    if (status == 0) {
        slice.source = &c.sources[0];
        status = slice_choose(&c, &slice);
    }
    if (status == 0) {
        note_make(&slice);
        recording = recording_make(&slice);
        status =
            copy_run(&c, fd, slice.source->wish.types ? trace->jobs : 1, &recording, slice.note);
    } else {
        close(fd);
    }
    if (status != 0 && !error->code)
        copy_fail(&c, status, "%s", strerrordesc_np(-status));
    free(slice.pairs);
    copy_fini(&c);
    return status;
}
