/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "cli/units.h"

enum { STEP_RECORDS = 1 << 17 };
#define FIRST_NS INT64_C(500000000)
#define AGAIN_NS INT64_C(100000000)

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void progress_start(struct progress *progress, uint64_t total, bool output_moves)
{
    *progress = (struct progress){.total = total};
    progress->on =
        terminal_has_escapes(STDERR_FILENO) && !(output_moves && terminal_is(STDOUT_FILENO));
    progress->next = progress->on ? STEP_RECORDS : UINT64_MAX;
    if (progress->on)
        progress->start_ns = now_ns();
}

void progress_show(struct progress *progress, uint64_t done)
{
    char count[UNITS_MAX], total[UNITS_MAX];
    int64_t now = now_ns();

    progress->next = done + STEP_RECORDS;
    if (now - progress->start_ns < FIRST_NS || now - progress->last_ns < AGAIN_NS)
        return;
    progress->last_ns = now;
    progress->shown = true;
    fprintf(stderr, "\r%3u %%  %s of %s records\033[K",
            progress->total ? (unsigned)(100.0 * (double)done / (double)progress->total) : 0,
            units_count(count, done), units_count(total, progress->total));
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->on = false;
    progress->next = UINT64_MAX;
}
