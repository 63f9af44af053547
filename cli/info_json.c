/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info.h"

#include "cli/info_levels.h"

static void recording_put(const struct info *info, struct json_writer *json)
{
    const struct trace_recording *recording = trace_recording(info->trace);

    json_object_open(json, "recording");
    json_text(json, "adatrace_version", recording->adatrace_version);
    json_text(json, "command", recording->command);
    json_text(json, "directory", recording->directory);
    json_text(json, "policy", recording->policy);
    json_unsigned(json, "start_realtime_ns", trace_start_realtime_ns(info->trace));
    json_object_close(json);
    json_object_open(json, "machine");
    json_text(json, "host", recording->host);
    json_text(json, "kernel", recording->kernel);
    json_text(json, "cpu", recording->cpu);
    json_unsigned(json, "cpu_count", recording->cpu_count);
    json_unsigned(json, "page_bytes", recording->page_bytes);
    json_text(json, "clock_source", recording->clock_source);
    json_unsigned(json, "ticks_per_second", recording->ticks_per_second);
    json_object_close(json);
}

static void condition_put(const struct info *info, struct json_writer *json)
{
    const struct trace_condition *condition = &info->summary.condition;

    json_object_open(json, "file");
    json_unsigned(json, "bytes", condition->file_bytes);
    json_unsigned(json, "blocks", condition->blocks);
    json_unsigned(json, "data_blocks", condition->data_blocks);
    json_unsigned(json, "damaged_blocks", condition->damaged_blocks);
    json_flag(json, "ended", condition->ended);
    json_flag(json, "indexed", condition->indexed);
    json_unsigned(json, "lost_records", condition->lost_records);
    json_text(json, "damage", condition->message[0] ? condition->message : NULL);
    json_object_close(json);
}

static void counts_put(struct json_writer *json, const struct summary_counts *counts)
{
    json_unsigned(json, "stored", counts->stored);
    json_unsigned(json, "written", counts->written);
    json_unsigned(json, "written_bytes", counts->written_bytes);
    json_unsigned(json, "dropped", counts->dropped);
    json_unsigned(json, "dropped_bytes", counts->dropped_bytes);
    json_unsigned(json, "overwritten", counts->overwritten);
    json_unsigned(json, "overwritten_bytes", counts->overwritten_bytes);
    json_unsigned(json, "damaged", counts->damaged);
    json_unsigned(json, "nested", counts->nested);
    json_unsigned(json, "high_water_bytes", counts->high_water_bytes);
    json_unsigned(json, "ring_bytes", counts->ring_bytes);
}

static void processes_put(const struct info *info, struct json_writer *json)
{
    const struct trace_process *process;
    char text[INFO_END_MAX];

    json_array_open(json, "processes");
    for (size_t n = 0; (process = trace_process_at(info->trace, n)); n++) {
        const struct summary_counts *counts = &info->processes[n];
        const struct trace_process *parent = trace_process_by_number(info->trace, process->parent);
        const struct trace_process_end *end = trace_process_end_of(info->trace, process->process);

        json_object_open(json, NULL);
        json_unsigned(json, "pid", process->pid);
        json_unsigned(json, "parent_pid", parent ? parent->pid : 0);
        json_text(json, "executable", process->executable);
        json_text(json, "command", process->command);
        json_signed(json, "start_ns", trace_ns(info->trace, process->start_ticks));
        if (end)
            json_signed(json, "end_ns", trace_ns(info->trace, end->end_ticks));
        json_text(json, "end", info_end_text(info, n, text));
        json_unsigned(json, "threads", counts->threads);
        counts_put(json, counts);
        json_object_close(json);
    }
    json_array_close(json);
}

static void threads_put(const struct info *info, struct json_writer *json)
{
    const struct trace_thread *thread;

    json_array_open(json, "threads");
    for (size_t n = 0; (thread = trace_thread_at(info->trace, n)); n++) {
        const struct trace_process *process = trace_process_by_number(info->trace, thread->process);
        const struct trace_ledger *ledger = trace_ledger_of(info->trace, thread->thread);
        struct summary_counts counts = {0};

        summary_add_thread(&counts, info->trace, thread);
        json_object_open(json, NULL);
        json_unsigned(json, "pid", process ? process->pid : 0);
        json_unsigned(json, "tid", thread->tid);
        json_text(json, "name", thread->name);
        json_signed(json, "start_ns", trace_ns(info->trace, thread->start_ticks));
        counts_put(json, &counts);
        json_flag(json, "final", ledger && ledger->final);
        json_object_close(json);
    }
    json_array_close(json);
}

static void modules_put(const struct info *info, struct json_writer *json)
{
    const struct trace_module *module;

    json_array_open(json, "modules");
    for (size_t n = 0; (module = trace_module_at(info->trace, n)); n++) {
        const struct trace_process *process = trace_process_by_number(info->trace, module->process);

        json_object_open(json, NULL);
        json_unsigned(json, "pid", process ? process->pid : 0);
        json_text(json, "path", module->path);
        json_text(json, "build_id", module->build_id);
        json_hex(json, "base", module->base);
        json_hex(json, "end", module->end);
        json_object_close(json);
    }
    json_array_close(json);
}

static void levels_put(const struct info *info, struct json_writer *json)
{
    struct info_levels levels;

    info_levels_count(&levels, info->trace);
    json_array_open(json, "levels");
    for (size_t n = 0; n < levels.count; n++) {
        json_object_open(json, NULL);
        json_signed(json, "level", levels.levels[n].level);
        json_unsigned(json, "blocks", levels.levels[n].blocks);
        json_unsigned(json, "events", levels.levels[n].records);
        json_unsigned(json, "bytes", levels.levels[n].bytes);
        json_object_close(json);
    }
    json_array_close(json);
}

static void blocks_put(const struct info *info, struct json_writer *json)
{
    struct trace_block_info block;

    json_array_open(json, "blocks");
    for (size_t n = 0; trace_block_info(info->trace, n, &block); n++) {
        const struct trace_thread *thread = trace_thread_by_number(info->trace, block.thread);

        if (!block.is_data)
            continue;
        json_object_open(json, NULL);
        json_unsigned(json, "offset", block.offset);
        json_unsigned(json, "tid", thread ? thread->tid : 0);
        json_signed(json, "start_ns", trace_ns(info->trace, block.first_ticks));
        json_signed(json, "end_ns", trace_ns(info->trace, block.last_ticks));
        json_unsigned(json, "events", block.records);
        json_unsigned(json, "bytes", block.bytes);
        json_signed(json, "level", block.level);
        json_object_close(json);
    }
    json_array_close(json);
}

static void notes_put(const struct info *info, struct json_writer *json)
{
    const struct trace_note *note;

    json_array_open(json, "notes");
    for (size_t n = 0; (note = trace_note_at(info->trace, n)); n++) {
        json_object_open(json, NULL);
        json_text(json, "kind",
                  note->kind == TRACE_NOTE_UNTRACED  ? "untraced"
                  : note->kind == TRACE_NOTE_WARNING ? "warning"
                  : note->kind == TRACE_NOTE_UNTRUE  ? "untrue"
                                                     : "info");
        json_signed(json, "ts_ns", trace_ns(info->trace, note->ticks));
        json_text(json, "text", note->text);
        json_object_close(json);
    }
    json_array_close(json);
}

void info_print_json(const struct info *info, struct out_buffer *out)
{
    const struct summary *summary = &info->summary;
    struct json_writer json = {.out = out};

    json_object_open(&json, NULL);
    json_text(&json, "path", info->path);
    json_flag(&json, "complete", summary->complete);
    json_unsigned(&json, "events", summary->condition.records);
    json_unsigned(&json, "dropped", summary->counts.dropped);
    json_unsigned(&json, "overwritten", summary->counts.overwritten);
    json_unsigned(&json, "damaged", summary->counts.damaged);
    json_unsigned(&json, "duration_ns", summary->duration_ns);
    recording_put(info, &json);
    condition_put(info, &json);
    processes_put(info, &json);
    threads_put(info, &json);
    if (info->verbose)
        modules_put(info, &json);
    if (info->verbose)
        levels_put(info, &json);
    if (info->verbose)
        blocks_put(info, &json);
    notes_put(info, &json);
    json_object_close(&json);
}
