/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recover_say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/out_text.h"
#include "cli/units.h"

enum { UNKNOWN_MAX = 6, SENTENCE_MAX = 256 };

/* What nobody can know any more, one sentence each. */
struct unknown {
    char of[UNKNOWN_MAX][SENTENCE_MAX];
    unsigned count;
};

static void __attribute__((format(printf, 2, 3))) add(struct unknown *u, const char *format, ...)
{
    va_list arguments;

    if (u->count == UNKNOWN_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(u->of[u->count++], SENTENCE_MAX, format, arguments);
    va_end(arguments);
}

static void trace_unknown(const struct recover_result *r, struct unknown *u)
{
    char text[UNITS_MAX];

    if (r->open_threads)
        add(u,
            "what %" PRIu32 " thread%s emitted in the last second, and what was in the rings: a "
            "segment file would have it",
            r->open_threads, r->open_threads == 1 ? "" : "s");
    if (r->damaged_blocks)
        add(u, "%" PRIu64 " damaged block%s: gaps stand in their place", r->damaged_blocks,
            r->damaged_blocks == 1 ? "" : "s");
    if (r->bytes_left_out)
        add(u, "%s that are no whole block", units_bytes(text, r->bytes_left_out));
}

static void segment_unknown(const struct recover_result *r, struct unknown *u)
{
    const struct recover_figures *s = &r->segment;
    char text[UNITS_MAX];

    if (s->vanished)
        add(u, "%s events had been taken out of the rings and were not written yet",
            units_count(text, s->vanished));
    if (s->taken)
        add(u,
            "where %s events are that had been taken out of the rings: the session's trace has "
            "those that were written, give it along",
            units_count(text, s->taken));
    if (s->unringed)
        add(u, "%s events found no ring in all; whether the session's trace has told so",
            units_count(text, s->unringed));
    if (s->untold)
        add(u, "%s types, modules and notes, for which there was no room",
            units_count(text, s->untold));
    if (s->other_boot && s->unknown_boot)
        add(u, "when its last events were, to the second: whether the machine was started anew "
               "since cannot be read");
    else if (s->other_boot)
        add(u, "when its last events were, to the second: the machine was started anew since");
}

static void unknown_find(const struct recover_result *r, struct unknown *u)
{
    u->count = 0;
    if (r->state != RECOVER_SAVED)
        return;
    if (r->kind == RECOVER_TRACE)
        trace_unknown(r, u);
    else
        segment_unknown(r, u);
}

static const char *state_word(const struct recover_result *r)
{
    static const char *const words[] = {
        [RECOVER_WHOLE] = "whole",
        [RECOVER_SAVED] = "saved",
        [RECOVER_NOTHING] = "empty",
        [RECOVER_FAILED] = "failed",
    };

    return words[r->state];
}

static void path_put(struct out_buffer *out, const char *path)
{
    out_put_escaped(out, text_plain, path, strlen(path));
}

static void saved_say(struct out_buffer *out, const struct recover_result *r)
{
    char events[UNITS_MAX], count[UNITS_MAX], span[UNITS_MAX];

    out_printf(out, "%s events of %" PRIu32 " thread%s in %" PRIu32 " process%s, %s of them, in ",
               units_count(events, r->events), r->threads, r->threads == 1 ? "" : "s", r->processes,
               r->processes == 1 ? "" : "es",
               units_duration(span, (uint64_t)(r->to_ns - r->from_ns)));
    path_put(out, r->output);
    out_put_char(out, '\n');
    if (r->dropped)
        out_printf(out, "    known to be missing: %s dropped\n", units_count(count, r->dropped));
    if (r->overwritten)
        out_printf(out, "    known to be missing: %s overwritten\n",
                   units_count(count, r->overwritten));
    if (r->segment.skipped)
        out_printf(out, "    left out: %s that the session's trace has\n",
                   units_count(count, r->segment.skipped));
}

void recover_say_text(struct out_buffer *out, const struct recover_result *r)
{
    struct unknown unknown;

    if (r->state == RECOVER_FAILED)
        return;
    path_put(out, r->path);
    out_printf(out, ": ");
    if (r->state == RECOVER_WHOLE)
        out_printf(out, "is whole, there is nothing to recover\n");
    else if (r->state == RECOVER_NOTHING)
        out_printf(out, "nothing is left in its rings\n");
    else
        saved_say(out, r);
    unknown_find(r, &unknown);
    for (unsigned i = 0; i < unknown.count; i++)
        out_printf(out, "    not known: %s\n", unknown.of[i]);
}

void recover_say_json(struct json_writer *json, const struct recover_result *r)
{
    struct unknown unknown;

    json_object_open(json, NULL);
    json_text(json, "path", r->path);
    json_text(json, "kind", r->kind == RECOVER_TRACE ? "trace" : "segment");
    json_text(json, "state", state_word(r));
    json_text(json, "why", r->state == RECOVER_FAILED ? r->why : NULL);
    json_text(json, "output", r->state == RECOVER_SAVED ? r->output : NULL);
    json_unsigned(json, "events", r->events);
    json_unsigned(json, "dropped", r->dropped);
    json_unsigned(json, "overwritten", r->overwritten);
    json_unsigned(json, "processes", r->processes);
    json_unsigned(json, "threads", r->threads);
    json_signed(json, "from_ns", r->from_ns);
    json_signed(json, "to_ns", r->to_ns);
    json_unsigned(json, "damaged_blocks", r->damaged_blocks);
    json_unsigned(json, "bytes_left_out", r->bytes_left_out);
    json_unsigned(json, "skipped", r->segment.skipped);
    json_unsigned(json, "vanished", r->segment.vanished);
    json_unsigned(json, "taken", r->segment.taken);
    unknown_find(r, &unknown);
    json_array_open(json, "not_known");
    for (unsigned i = 0; i < unknown.count; i++)
        json_text(json, NULL, unknown.of[i]);
    json_array_close(json);
    json_object_close(json);
}
