/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "cli/live_map.h"

/* ---- how a process ended ---- */

const char *info_end_text(const struct info *info, size_t n, char text[INFO_END_MAX])
{
    const struct trace_process *process = trace_process_at(info->trace, n);
    const struct trace_process *next = info->successors[n];
    const struct trace_process_end *end = trace_process_end_of(info->trace, process->process);

    if (!end)
        snprintf(text, INFO_END_MAX, "not seen");
    else if (next)
        snprintf(text, INFO_END_MAX, "exec %s",
                 *next->executable ? next->executable : next->command);
    else if (end->status == -1)
        snprintf(text, INFO_END_MAX, "not known");
    else if (WIFSIGNALED(end->status))
        snprintf(text, INFO_END_MAX, "signal %d", WTERMSIG(end->status));
    else
        snprintf(text, INFO_END_MAX, "exit %d", WEXITSTATUS(end->status));
    return text;
}

/* Of processes whose start nobody could read it is 0; one whose pid came round has another. */
static bool start_times_differ(const struct trace_process *a, const struct trace_process *b)
{
    return a->start_time && b->start_time && a->start_time != b->start_time;
}

/* Where each process begins, by pid and tick; of those that begin at one the first. */
static int begins_collect(struct live_map *begins, const struct trace *trace)
{
    const struct trace_process *process;

    for (size_t n = 0; (process = trace_process_at(trace, n)); n++) {
        struct live_entry *entry = live_map_put(begins, process->pid, process->start_ticks);

        if (!entry)
            return -ENOMEM;
        if (!entry->value)
            entry->value = n + 1;
    }
    return 0;
}

/* What exec replaced has ended without a status, where the next of its pid begins. */
static const struct trace_process *successor_of(const struct trace *trace,
                                                const struct live_map *begins,
                                                const struct trace_process *process)
{
    const struct trace_process_end *end = trace_process_end_of(trace, process->process);
    const struct trace_process *next;
    const struct live_entry *entry;

    if (!end || end->status != -1)
        return NULL;
    entry = live_map_find(begins, process->pid, end->end_ticks);
    next = entry ? trace_process_at(trace, entry->value - 1) : NULL;
    return !next || next == process || start_times_differ(process, next) ? NULL : next;
}

static int successors_find(struct info *info)
{
    const struct trace_process *process;
    struct live_map begins;
    int status = live_map_init(&begins);

    info->successors = calloc(info->summary.processes + 1, sizeof(*info->successors));
    if (!info->successors)
        status = -ENOMEM;
    if (!status)
        status = begins_collect(&begins, info->trace);
    for (size_t n = 0; !status && (process = trace_process_at(info->trace, n)); n++)
        info->successors[n] = successor_of(info->trace, &begins, process);
    live_map_fini(&begins);
    return status;
}

/* ---- counts ---- */

static int counts_add_up(struct info *info, const struct trace *trace)
{
    const struct trace_process *process;
    const struct trace_thread *thread;
    struct live_map places; /* process number to place in the table */
    int status = live_map_init(&places);

    info->processes = calloc(info->summary.processes + 1, sizeof(*info->processes));
    if (!info->processes)
        status = -ENOMEM;
    for (size_t n = 0; !status && (process = trace_process_at(trace, n)); n++) {
        struct live_entry *entry = live_map_put(&places, 0, process->process);

        if (entry)
            entry->value = n;
        else
            status = -ENOMEM;
    }
    for (size_t n = 0; !status && (thread = trace_thread_at(trace, n)); n++) {
        const struct live_entry *entry = live_map_find(&places, 0, thread->process);

        if (entry)
            summary_add_thread(&info->processes[entry->value], trace, thread);
    }
    live_map_fini(&places);
    return status;
}

int info_open(struct info *info, struct trace *trace, const char *path)
{
    int status;

    *info = (struct info){.trace = trace, .path = path};
    summary_make(&info->summary, trace);
    status = counts_add_up(info, trace);
    return status ? status : successors_find(info);
}

void info_close(struct info *info)
{
    free(info->processes);
    free(info->successors);
    info->processes = NULL;
    info->successors = NULL;
}
