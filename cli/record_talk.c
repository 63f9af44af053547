/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_talk.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/message.h"
#include "cli/terminal.h"
#include "cli/units.h"

#define LINE_CLEAR "\r\033[K"

void record_talk_init(struct record_talk *talk)
{
    *talk = (struct record_talk){.is_live = terminal_has_escapes(STDERR_FILENO)};
    pthread_mutex_init(&talk->lock, NULL);
}

/* Does the program leave the terminal as it is, and do we run in the foreground? */
static bool terminal_is_free(void)
{
    struct termios modes;

    return tcgetattr(STDERR_FILENO, &modes) == 0 && (modes.c_lflag & ICANON) &&
           (modes.c_lflag & ECHO) && tcgetpgrp(STDERR_FILENO) == getpgrp();
}

static void line_clear(struct record_talk *talk)
{
    if (talk->line_shown)
        fputs(LINE_CLEAR, stderr);
    talk->line_shown = false;
}

void record_talk_news(void *context, const char *text)
{
    struct record_talk *talk = context;

    pthread_mutex_lock(&talk->lock);
    line_clear(talk);
    message_print("%s", text);
    pthread_mutex_unlock(&talk->lock);
}

void record_talk_progress(struct record_talk *talk, const struct drain_figures *f)
{
    char time[UNITS_MAX], count[UNITS_MAX], rate[UNITS_MAX], size[UNITS_MAX], dropped[UNITS_MAX];
    char line[5 * UNITS_MAX + 40];
    unsigned columns = terminal_columns(STDERR_FILENO);
    uint64_t now_ns = clock_monotonic_ns(), passed_ns;

    if (!talk->is_live || !terminal_is_free())
        return;
    passed_ns = now_ns - (talk->at_ns ? talk->at_ns : f->start_ns);
    snprintf(line, sizeof(line), "adatrace: %s  %s events  %s  %s  %s dropped",
             units_duration(time, (now_ns - f->start_ns) / 1000000000 * 1000000000),
             units_count(count, f->records),
             units_rate(rate, (double)(f->records - talk->records) * 1e9 / (double)(passed_ns + 1)),
             units_bytes(size, f->file_bytes), units_count(dropped, f->dropped + f->overwritten));
    pthread_mutex_lock(&talk->lock);
    /* One column less than there are: what breaks the line is never taken away again. */
    fprintf(stderr, LINE_CLEAR "%.*s", columns ? (int)columns - 1 : (int)sizeof(line), line);
    talk->line_shown = true;
    pthread_mutex_unlock(&talk->lock);
    talk->records = f->records;
    talk->at_ns = now_ns;
}

void record_talk_clear(struct record_talk *talk)
{
    pthread_mutex_lock(&talk->lock);
    line_clear(talk);
    pthread_mutex_unlock(&talk->lock);
}

void record_talk_summary(const struct drain_figures *f, uint64_t file_bytes, const char *path)
{
    char count[UNITS_MAX], dropped[UNITS_MAX], overwritten[UNITS_MAX], damaged[UNITS_MAX];
    char time[UNITS_MAX], size[UNITS_MAX];
    char losses[3 * UNITS_MAX + 64];
    int used = snprintf(losses, sizeof(losses), "%s dropped", units_count(dropped, f->dropped));

    if (f->overwritten)
        used += snprintf(losses + used, sizeof(losses) - (size_t)used, ", %s overwritten",
                         units_count(overwritten, f->overwritten));
    if (f->damaged)
        snprintf(losses + used, sizeof(losses) - (size_t)used, ", %s damaged",
                 units_count(damaged, f->damaged));
    message_print("%s events, %s, %s in %s, %.2f bytes per event: %s",
                  units_count(count, f->records), losses, units_bytes(size, file_bytes),
                  units_duration(time, f->end_ns - f->start_ns),
                  f->records ? (double)file_bytes / (double)f->records : 0.0, path);
}
