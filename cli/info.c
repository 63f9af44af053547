/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info.h"

#include <stdio.h>
#include <sys/wait.h>

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

struct summary_counts info_process_counts(const struct trace *trace, uint32_t process)
{
    struct summary_counts counts = {0};
    const struct trace_thread *thread;

    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++)
        if (thread->process == process)
            summary_add_thread(&counts, trace, thread);
    return counts;
}
