/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_talk.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/message.h"
#include "cli/terminal.h"
#include "cli/units.h"

/* Onto the last row, emptied, with plain letters, and back to where the program left the cursor,
 * whose row may hold a question or half a line. The index and cursor-up in front scroll only where
 * fewer than three rows are left below: so many lines a second come in between without meeting
 * ours. (ECMA-48; DECSC keeps the colours too, VT100.) */
#define ROW_LAST "\033D\033D\033D\033[3A\0337\033[999;1H\033[m\033[2K"
#define ROW_BACK "\0338"
#define ROW_REST "\033[K"
enum { ROWS_MIN = 5 };

void record_talk_init(struct record_talk *talk)
{
    *talk = (struct record_talk){.is_live = terminal_has_escapes(STDERR_FILENO)};
    pthread_mutex_init(&talk->lock, NULL);
}

/* Does the program leave the terminal as it is, do we run in the foreground, and is there room? */
static bool terminal_is_free(void)
{
    struct termios modes;

    return terminal_rows(STDERR_FILENO) >= ROWS_MIN && tcgetattr(STDERR_FILENO, &modes) == 0 &&
           (modes.c_lflag & ICANON) && (modes.c_lflag & ECHO) &&
           tcgetpgrp(STDERR_FILENO) == getpgrp();
}

static void line_clear(struct record_talk *talk)
{
    if (talk->line_shown)
        fputs(ROW_LAST ROW_BACK ROW_REST, stderr);
    talk->line_shown = false;
}

/* At the right: what the program writes over it in haste is seldom so long. */
static void line_show(struct record_talk *talk, const char *line)
{
    int columns = (int)terminal_columns(STDERR_FILENO), length = (int)strlen(line);
    int left = columns > length ? columns - length : 0;

    pthread_mutex_lock(&talk->lock);
    fprintf(stderr, ROW_LAST "\033[%dG%.*s" ROW_BACK, left + 1,
            columns && columns < length ? columns : length, line);
    talk->line_shown = true;
    pthread_mutex_unlock(&talk->lock);
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
    uint64_t now_ns = clock_monotonic_ns(), passed_ns;

    if (!talk->is_live || !terminal_is_free())
        return;
    passed_ns = now_ns - (talk->at_ns ? talk->at_ns : f->start_ns);
    snprintf(line, sizeof(line), "adatrace: %s  %s events  %s  %s  %s dropped",
             units_duration(time, (now_ns - f->start_ns) / 1000000000 * 1000000000),
             units_count(count, f->records),
             units_rate(rate, (double)(f->records - talk->records) * 1e9 / (double)(passed_ns + 1)),
             units_bytes(size, f->file_bytes), units_count(dropped, f->dropped + f->overwritten));
    line_show(talk, line);
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
