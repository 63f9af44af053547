/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "format/trace_state.h"

/* Unpacked blocks of a merge; beyond, those needed last are dropped and unpacked again in time. */
enum { HELD_BYTES_MAX = 512 << 20 };

/* Some milliseconds of reading: less than that is over before another thread is of use. */
enum { AHEAD_RECORDS_MIN = 1 << 18 };

/* Twice as much as any block has that a writer makes of records of usual sizes. What is larger, if
 * it is no lie, is not unpacked by many threads at once: each would hold up to 128 MiB. */
enum { AHEAD_BYTES_MAX = 8 << 20 };

/* ---- open and close ---- */

static int metadata_read(struct trace *t, struct trace_error *error)
{
    int status = trace_tables_read(t);

    if (status == 0)
        status = trace_symbols_sort(t);
    if (status == 0)
        status = trace_clock_prepare(t);
    if (status != 0)
        return trace_error_set(error, status, 0, "cannot read the metadata: %s",
                               strerrordesc_np(-status));
    return 0;
}

int trace_init(struct trace *t, const char *path, struct trace_error *error)
{
    int status;

    memset(error, 0, sizeof(*error));
    t->fd = -1;
    t->held_bytes_max = HELD_BYTES_MAX;
    t->jobs = 1;
    t->ahead_records_min = AHEAD_RECORDS_MIN;
    t->ahead_bytes_max = AHEAD_BYTES_MAX;
    status = trace_file_open(t, path, error);
    if (status == 0)
        status = trace_blocks_find(t, error);
    return status ? status : metadata_read(t, error);
}

void trace_fini(struct trace *t)
{
    if (t->fd >= 0)
        close(t->fd);
    trace_loader_fini(&t->loader);
    trace_index_free(&t->blocks);
    trace_tables_free(t);
    free(t->pieces);
}

int trace_open(struct trace **out, const char *path, struct trace_error *error)
{
    struct trace *t = calloc(1, sizeof(*t));
    int status;

    *out = NULL;
    if (!t)
        return trace_error_set(error, -ENOMEM, 0, "out of memory");
    status = trace_init(t, path, error);
    if (status != 0) {
        trace_close(t);
        return status;
    }
    *out = t;
    return 0;
}

void trace_close(struct trace *t)
{
    if (!t)
        return;
    trace_fini(t);
    free(t);
}

void trace_jobs_set(struct trace *t, unsigned jobs)
{
    t->jobs = jobs ? jobs : 1;
}

void trace_condition(const struct trace *t, struct trace_condition *out)
{
    *out = t->condition;
    out->file_bytes = t->size;
    out->lost_records = t->end.lost_records;
    out->lost_error = t->end.lost_records ? t->end.error : 0;
}

bool trace_block_info(const struct trace *t, size_t n, struct trace_block_info *out)
{
    const struct index_entry *entry;

    if (n >= t->blocks.count)
        return false;
    entry = &t->blocks.entries[n];
    *out = (struct trace_block_info){
        .offset = entry->offset,
        .first_ticks = entry->first_ticks,
        .last_ticks = entry->last_ticks,
        .thread = entry->thread,
        .records = entry->records,
        .bytes = BLOCK_HEADER_BYTES + entry->frame_bytes,
        .level = entry->level,
        .is_data = index_entry_is(entry, BLOCK_DATA),
        .is_damaged = entry->damaged,
    };
    return true;
}

/* ---- tables ---- */

static const void *row_at(const struct table *table, size_t n, size_t row_bytes)
{
    return n < table->count ? (const char *)table->rows + n * row_bytes : NULL;
}

/* NUMBER_MAP_NONE is past the end of every table. */
static const struct process_row *process_row_of(const struct trace *t, uint32_t process)
{
    return row_at(&t->processes, number_map_find(&t->process_of_number, process),
                  sizeof(struct process_row));
}

static const struct thread_row *thread_row_of(const struct trace *t, uint32_t thread)
{
    return row_at(&t->threads, number_map_find(&t->thread_of_number, thread),
                  sizeof(struct thread_row));
}

const struct trace_recording *trace_recording(const struct trace *t)
{
    return &t->about;
}

const struct trace_process *trace_process_at(const struct trace *t, size_t n)
{
    const struct process_row *row = row_at(&t->processes, n, sizeof(*row));

    return row ? &row->process : NULL;
}

const struct trace_process *trace_process_by_number(const struct trace *t, uint32_t process)
{
    const struct process_row *row = process_row_of(t, process);

    return row ? &row->process : NULL;
}

const struct trace_process_end *trace_process_end_of(const struct trace *t, uint32_t process)
{
    const struct process_row *row = process_row_of(t, process);

    return row && row->ended ? &row->end : NULL;
}

const struct trace_thread *trace_thread_at(const struct trace *t, size_t n)
{
    const struct thread_row *row = row_at(&t->threads, n, sizeof(*row));

    return row ? &row->thread : NULL;
}

const struct trace_thread *trace_thread_by_number(const struct trace *t, uint32_t thread)
{
    const struct thread_row *row = thread_row_of(t, thread);

    return row ? &row->thread : NULL;
}

const struct trace_ledger *trace_ledger_of(const struct trace *t, uint32_t thread)
{
    const struct thread_row *row = thread_row_of(t, thread);

    return row && row->has_ledger ? &row->ledger : NULL;
}

const struct trace_module *trace_module_at(const struct trace *t, size_t n)
{
    return row_at(&t->modules, n, sizeof(struct trace_module));
}

const struct trace_note *trace_note_at(const struct trace *t, size_t n)
{
    return row_at(&t->notes, n, sizeof(struct trace_note));
}

const struct trace_clock_pair *trace_clock_pair_at(const struct trace *t, size_t n)
{
    return row_at(&t->clocks, n, sizeof(struct trace_clock_pair));
}

size_t trace_type_count(const struct trace *t)
{
    return t->types.count;
}

const struct trace_type *trace_type_at(const struct trace *t, size_t n)
{
    return n < t->types.count ? t->type_list[n] : NULL;
}

/* ---- values ---- */

uint64_t trace_value_unsigned(const struct trace_value *v, unsigned element)
{
    unsigned width = v->field->width;
    const unsigned char *at = v->bytes + (size_t)element * width;

    switch (width) { /* the usual ones become single loads */
    case 1:
        return *at;
    case 2:
        return le16_load(at);
    case 4:
        return le32_load(at);
    case 8:
        return le64_load(at);
    default:
        return le_load(at, width);
    }
}

int64_t trace_value_signed(const struct trace_value *v, unsigned element)
{
    unsigned unused = 64 - 8u * v->field->width;

    return (int64_t)(trace_value_unsigned(v, element) << unused) >> unused;
}

double trace_value_float(const struct trace_value *v, unsigned element)
{
    uint64_t bits = trace_value_unsigned(v, element);
    uint32_t bits32 = (uint32_t)bits;
    double wide;
    float narrow;

    if (v->field->width == sizeof(narrow)) {
        memcpy(&narrow, &bits32, sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}
