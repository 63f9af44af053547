/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_talk.h"

#include <stdio.h>

#include "cli/message.h"
#include "cli/units.h"

void record_talk_news(void *context, const char *text)
{
    (void)context;
    message_print("%s", text);
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
