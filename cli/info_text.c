/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/info.h"
#include "cli/info_levels.h"
#include "cli/out_text.h"
#include "cli/text_table.h"
#include "cli/units.h"

enum { LABEL_WIDTH = 12 };

/* ---- "label  value" lines ---- */

static void label_put(struct out_buffer *out, const char *label)
{
    out_printf(out, "  %-*s  ", LABEL_WIDTH, label);
}

/* Untrusted text; an empty one is left out. */
static void line_put(struct out_buffer *out, const char *label, const char *value)
{
    if (!*value)
        return;
    label_put(out, label);
    out_put_escaped(out, text_plain, value, strlen(value));
    out_put_char(out, '\n');
}

static void recorded_put(const struct info *info, struct out_buffer *out)
{
    uint64_t start_ns = trace_start_realtime_ns(info->trace);
    time_t start = (time_t)(start_ns / 1000000000);
    char date[64], duration[UNITS_MAX];
    struct tm parts;

    if (!localtime_r(&start, &parts) || !strftime(date, sizeof(date), "%F %T %Z", &parts))
        snprintf(date, sizeof(date), "at an unknown time");
    label_put(out, "recorded");
    out_printf(out, "%s, for %s\n", date, units_duration(duration, info->summary.duration_ns));
}

static void machine_put(const struct info *info, struct out_buffer *out)
{
    const struct trace_recording *recording = trace_recording(info->trace);
    char pages[UNITS_MAX];

    line_put(out, "host", recording->host);
    line_put(out, "kernel", recording->kernel);
    label_put(out, "processor");
    out_put_escaped(out, text_plain, recording->cpu, strlen(recording->cpu));
    out_printf(out, "%s%u core%s, pages of %s\n", *recording->cpu ? ", " : "", recording->cpu_count,
               recording->cpu_count == 1 ? "" : "s", units_bytes(pages, recording->page_bytes));
}

static void clock_put(const struct info *info, struct out_buffer *out)
{
    const struct trace_recording *recording = trace_recording(info->trace);
    const struct trace_clock_pair *pair;
    uint64_t widest_ns = 0;
    char width[UNITS_MAX];
    size_t pairs = 0;

    for (; (pair = trace_clock_pair_at(info->trace, pairs)); pairs++)
        if (pair->uncertainty_ns > widest_ns)
            widest_ns = pair->uncertainty_ns;
    label_put(out, "clock");
    out_put_escaped(out, text_plain, recording->clock_source, strlen(recording->clock_source));
    out_printf(out, ", %.3f GHz, compared with the system's clock %zu time%s, within %s\n",
               (double)recording->ticks_per_second / 1e9, pairs, pairs == 1 ? "" : "s",
               units_duration(width, widest_ns));
}

static void file_put(const struct info *info, struct out_buffer *out)
{
    const struct trace_condition *condition = &info->summary.condition;
    char bytes[UNITS_MAX], blocks[UNITS_MAX], records[UNITS_MAX];

    label_put(out, "file");
    out_printf(out, "%s in %s blocks", units_bytes(bytes, condition->file_bytes),
               units_count(blocks, condition->blocks));
    if (condition->records)
        out_printf(out, ", %.2f bytes an event",
                   (double)condition->file_bytes / (double)condition->records);
    if (info->verbose)
        out_printf(out, "; %s data blocks, %s damaged, %s",
                   units_count(bytes, condition->data_blocks),
                   units_count(blocks, condition->damaged_blocks),
                   condition->indexed ? "with an index" : "without an index");
    out_put_char(out, '\n');
    label_put(out, "events");
    out_printf(out, "%s\n", units_count(records, condition->records));
}

static void complete_put(const struct info *info, struct out_buffer *out)
{
    const struct summary *summary = &info->summary;
    char loss[SUMMARY_LOSS_MAX];

    label_put(out, "complete");
    if (summary->complete) {
        out_put_text(out, "yes: ended properly, nothing lost\n");
        return;
    }
    out_printf(out, "%sno%s: %s%s%s\n", info->colour ? "\033[1;31m" : "",
               info->colour ? "\033[0m" : "",
               summary->condition.ended ? "" : "the recording is cut off; ",
               summary->condition.damaged_blocks ? "blocks are damaged; " : "",
               summary_loss_text(summary, loss));
    line_put(out, "", summary->condition.message);
    if (summary->condition.lost_records) {
        /* Untrusted: NULL for what is no errno. */
        const char *reason = strerrordesc_np(summary->condition.lost_error);

        label_put(out, "");
        out_printf(out, "%s records could not be written: %s\n",
                   units_count(loss, summary->condition.lost_records),
                   summary->condition.lost_error && reason ? reason : "nobody has told why");
    }
}

/* ---- tables ---- */

static void add_time(struct text_table *table, const struct info *info, uint64_t ticks)
{
    char text[UNITS_MAX];
    int64_t ns = trace_ns(info->trace, ticks);

    text_table_add(table, units_duration(text, ns > 0 ? (uint64_t)ns : 0));
}

static void heading_put(const struct info *info, struct out_buffer *out, const char *heading)
{
    out_printf(out, "\n%s%s%s\n", info->colour ? "\033[1;36m" : "", heading,
               info->colour ? "\033[0m" : "");
}

static int table_put(const struct info *info, struct out_buffer *out, const char *heading,
                     struct text_table *table)
{
    int status = 0;

    if (table->count || table->failed) {
        heading_put(info, out, heading);
        status = text_table_print(table, out, info->colour);
    }
    text_table_fini(table);
    return status;
}

static int processes_put(const struct info *info, struct out_buffer *out)
{
    static const char *const headings[] = {"pid",    "parent",  "from", "to",      "threads",
                                           "events", "dropped", "<end", "<command"};
    const struct trace_process *process;
    struct text_table table;
    char end_text[INFO_END_MAX];

    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; (process = trace_process_at(info->trace, n)); n++) {
        const struct summary_counts *counts = &info->processes[n];
        const struct trace_process *parent = trace_process_by_number(info->trace, process->parent);
        const struct trace_process_end *end = trace_process_end_of(info->trace, process->process);

        text_table_add_number(&table, process->pid);
        if (parent)
            text_table_add_number(&table, parent->pid);
        else
            text_table_add(&table, "-");
        add_time(&table, info, process->start_ticks);
        if (end)
            add_time(&table, info, end->end_ticks);
        else
            text_table_add(&table, "-");
        text_table_add_count(&table, counts->threads);
        text_table_add_count(&table, counts->stored);
        text_table_add_count(&table, counts->dropped);
        text_table_add_name(&table, info_end_text(info, n, end_text));
        text_table_add_name(&table, *process->command ? process->command : process->executable);
    }
    return table_put(info, out, "Processes", &table);
}

static void ledger_add(struct text_table *table, const struct trace_ledger *ledger)
{
    if (!ledger) {
        for (int i = 0; i < 8; i++)
            text_table_add(table, "?");
        return;
    }
    text_table_add_count(table, ledger->stored);
    text_table_add_count(table, ledger->written);
    text_table_add_bytes(table, ledger->written_bytes);
    text_table_add_count(table, ledger->dropped);
    text_table_add_bytes(table, ledger->dropped_bytes);
    text_table_add_count(table, ledger->overwritten);
    text_table_add_bytes(table, ledger->overwritten_bytes);
    text_table_add_bytes(table, ledger->high_water_bytes);
}

static int threads_put(const struct info *info, struct out_buffer *out)
{
    static const char *const headings[] = {"pid",   "tid",        "stored", "written",
                                           "bytes", "dropped",    "bytes",  "overwritten",
                                           "bytes", "high water", "ring",   "<thread"};
    const struct trace_thread *thread;
    struct text_table table;

    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; (thread = trace_thread_at(info->trace, n)); n++) {
        const struct trace_process *process = trace_process_by_number(info->trace, thread->process);

        text_table_add_number(&table, process ? process->pid : 0);
        text_table_add_number(&table, thread->tid);
        ledger_add(&table, trace_ledger_of(info->trace, thread->thread));
        text_table_add_bytes(&table, thread->ring_bytes);
        text_table_add_name(&table, thread->name);
    }
    return table_put(info, out, "Threads", &table);
}

static int modules_put(const struct info *info, struct out_buffer *out)
{
    static const char *const headings[] = {"pid", "base", "end", "<build id", "<module"};
    const struct trace_module *module;
    char text[TEXT_HEX_MAX + 1];
    struct text_table table;

    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; (module = trace_module_at(info->trace, n)); n++) {
        const struct trace_process *process = trace_process_by_number(info->trace, module->process);

        text_table_add_number(&table, process ? process->pid : 0);
        *text_hex(text, module->base) = 0;
        text_table_add(&table, text);
        *text_hex(text, module->end) = 0;
        text_table_add(&table, text);
        text_table_add_name(&table, *module->build_id ? module->build_id : "-");
        text_table_add_name(&table, module->path);
    }
    return table_put(info, out, "Modules", &table);
}

static int types_put(const struct info *info, struct out_buffer *out)
{
    static const char *const headings[] = {"<event", "<fields"};
    struct text_table table;

    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < trace_type_count(info->trace); n++) {
        const struct trace_type *type = trace_type_at(info->trace, n);
        char fields[SCHEMA_FIELDS_MAX * (SCHEMA_NAME_MAX + 1) + 1], *at = fields;

        for (unsigned f = 0; f < type->schema.field_count; f++) {
            at = stpcpy(at, type->schema.fields[f].name);
            *at++ = ' ';
        }
        *(at > fields ? at - 1 : at) = 0;
        text_table_add_name(&table, type->full_name);
        text_table_add_name(&table, fields);
    }
    return table_put(info, out, "Event types", &table);
}

/* What the recorder could afford; block by block it is in the JSON. */
static int levels_put(const struct info *info, struct out_buffer *out)
{
    static const char *const headings[] = {"<blocks of events", "blocks", "events", "bytes",
                                           "bytes an event"};
    char text[INFO_LEVEL_TEXT_MAX], ratio[32];
    struct info_levels levels;
    struct text_table table;

    info_levels_count(&levels, info->trace);
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < levels.count; n++) {
        const struct info_level *level = &levels.levels[n];

        text_table_add(&table, info_level_text(text, level->level));
        text_table_add_count(&table, level->blocks);
        text_table_add_count(&table, level->records);
        text_table_add_bytes(&table, level->bytes);
        snprintf(ratio, sizeof(ratio), "%.2f",
                 (double)level->bytes / (double)(level->records ? level->records : 1));
        text_table_add(&table, ratio);
    }
    return table_put(info, out, "Compression", &table);
}

static void notes_put(const struct info *info, struct out_buffer *out)
{
    static const char *const kinds[] = {"note", "warning", "not traced", "not true"};
    const struct trace_note *note;

    for (size_t n = 0; (note = trace_note_at(info->trace, n)); n++) {
        unsigned kind = note->kind - TRACE_NOTE_INFO;

        if (!n)
            heading_put(info, out, "Notes");
        out_printf(out, "  %s: ", kind < 4 ? kinds[kind] : kinds[0]);
        out_put_escaped(out, text_plain, note->text, strlen(note->text));
        out_put_char(out, '\n');
    }
}

int info_print_text(const struct info *info, struct out_buffer *out)
{
    const struct trace_recording *recording = trace_recording(info->trace);
    int status;

    out_put_escaped(out, text_plain, info->path, strlen(info->path));
    out_put_char(out, '\n');
    line_put(out, "command", recording->command);
    line_put(out, "folder", recording->directory);
    recorded_put(info, out);
    machine_put(info, out);
    clock_put(info, out);
    line_put(out, "when full", recording->policy);
    line_put(out, "adatrace", recording->adatrace_version);
    file_put(info, out);
    complete_put(info, out);
    status = processes_put(info, out);
    if (!status)
        status = threads_put(info, out);
    if (!status && info->verbose)
        status = modules_put(info, out);
    if (!status && info->verbose)
        status = types_put(info, out);
    if (!status && info->verbose)
        status = levels_put(info, out);
    notes_put(info, out);
    return status;
}
