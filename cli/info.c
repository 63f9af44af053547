/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "cli/live_map.h"

const char *info_end_text(const struct trace_process_end *end, char text[32])
{
    if (!end)
        snprintf(text, 32, "not seen");
    else if (end->status == -1)
        snprintf(text, 32, "not known");
    else if (WIFSIGNALED(end->status))
        snprintf(text, 32, "signal %d", WTERMSIG(end->status));
    else
        snprintf(text, 32, "exit %d", WEXITSTATUS(end->status));
    return text;
}

int info_open(struct info *info, struct trace *trace, const char *path)
{
    const struct trace_process *process;
    const struct trace_thread *thread;
    struct live_map places; /* process number to place in the table */
    int status;

    *info = (struct info){.trace = trace, .path = path};
    summary_make(&info->summary, trace);
    status = live_map_init(&places);
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

void info_close(struct info *info)
{
    free(info->processes);
    info->processes = NULL;
}
