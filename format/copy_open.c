/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/copy_state.h"

int copy_fail(struct trace_copy *c, int code, const char *format, ...)
{
    va_list arguments;

    c->error->code = code;
    va_start(arguments, format);
    vsnprintf(c->error->message, sizeof(c->error->message), format, arguments);
    va_end(arguments);
    return code;
}

int copy_init(struct trace_copy *c, size_t sources)
{
    memset(c->figures, 0, sizeof(*c->figures));
    memset(c->error, 0, sizeof(*c->error));
    c->sources = calloc(sources + 1, sizeof(*c->sources));
    return c->sources ? 0 : -ENOMEM;
}

int copy_source_open(struct trace_copy *c, struct trace *trace, const char *name)
{
    struct copy_source *s = &c->sources[c->source_count++];

    s->trace = trace;
    s->name = name;
    s->all = true;
    s->whole = trace->condition.ended && trace->condition.damaged_blocks == 0;
    s->wish.to_ticks = UINT64_MAX;
    s->parts = calloc(trace->threads.count + 1, sizeof(*s->parts));
    if (!s->parts)
        return -ENOMEM;
    for (size_t i = 0; i < trace->threads.count; i++)
        s->parts[i].wanted = true;
    return 0;
}

static void source_fini(struct copy_source *s)
{
    number_map_free(&s->types);
    trace_wish_free(&s->wish);
    free(s->type_numbers);
    free(s->parts);
}

static void family_fini(struct copy_family *family)
{
    number_map_free(&family->processes);
    number_map_free(&family->threads);
    number_map_free(&family->modules);
    number_map_free(&family->images);
    copy_clock_fini(&family->clock);
}

void copy_fini(struct trace_copy *c)
{
    for (size_t i = 0; i < c->source_count; i++)
        source_fini(&c->sources[i]);
    for (size_t i = 0; i < c->family_count; i++)
        family_fini(&c->families[i]);
    number_map_free(&c->numbers.processes.taken);
    number_map_free(&c->numbers.threads.taken);
    number_map_free(&c->numbers.modules.taken);
    number_map_free(&c->numbers.images.taken);
    number_map_free(&c->numbers.types.taken);
    number_map_free(&c->type_of_number);
    number_map_free(&c->number_of_hash);
    number_map_free(&c->thread_places);
    number_map_free(&c->items_seen);
    byte_buffer_free(&c->item);
    byte_buffer_free(&c->payload);
    decoded_block_fini(&c->decoded);
    decoded_block_fini(&c->reference);
    free(c->sources);
    free(c->families);
    free(c->types.rows);
    free(c->threads.rows);
    free(c->steps);
    free(c->links);
}

/* ---- from the first block to the last ---- */

static int damage_tell(struct trace_copy *c)
{
    char text[160];

    if (c->figures->blocks_damaged == 0)
        return 0;
    snprintf(text, sizeof(text), "%llu damaged blocks were left out; gaps stand in their place",
             (unsigned long long)c->figures->blocks_damaged);
    return copy_note(c, TRACE_NOTE_WARNING, c->pair_count ? c->pairs[0].ticks : 0, text);
}

static void losses_inherit(struct trace_copy *c)
{
    for (size_t i = 0; i < c->source_count; i++)
        if (c->sources[i].all && c->sources[i].trace->end.lost_records)
            writer_loss_inherit(c->writer, c->sources[i].trace->end.lost_records,
                                c->sources[i].trace->end.error);
}

static int all_write(struct trace_copy *c, const char *note)
{
    int status = copy_meta_write(c);

    if (status == 0 && note)
        status = copy_note(c, TRACE_NOTE_INFO, c->pair_count ? c->pairs[0].ticks : 0, note);
    if (status == 0)
        status = copy_steps_run(c);
    if (status == 0) /* what is in drafts may still fail to be written, but is counted */
        status = trace_writer_flush(c->writer);
    if (status == 0)
        status = copy_ledgers_write(c);
    if (status == 0)
        status = damage_tell(c);
    losses_inherit(c);
    return status;
}

int copy_run(struct trace_copy *c, int fd, unsigned threads,
             const struct trace_recording *recording, const char *note)
{
    const struct trace_writer_options options = {.level = 1, .threads = threads};
    int status = 0, closed;

    for (size_t i = 0; i < c->source_count && status == 0; i++)
        status = copy_numbers_make(c, &c->sources[i]);
    if (status != 0) {
        close(fd);
        return status;
    }
    status = trace_writer_open(&c->writer, fd, &options, recording);
    if (status != 0)
        return copy_fail(c, status, "cannot write: %s", strerrordesc_np(-status));
    status = all_write(c, note);
    closed = trace_writer_close(c->writer);
    status = status ? status : closed;
    if (status != 0 && !c->error->code)
        copy_fail(c, status, "%s%s",
                  status == -ENOMEM ? "" : "cannot write: ", strerrordesc_np(-status));
    return status;
}
