/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options_trigger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What it means is looked at later, when a mistake can be shown in its place. */
static int trigger_apply(const struct option_row *row, const char *text, void *field)
{
    struct record_triggers *triggers = field;

    (void)row;
    if (triggers->count == RECORD_TRIGGERS_MAX)
        return -E2BIG;
    triggers->list[triggers->count++] = text;
    return 0;
}

static void trigger_show(const struct option_row *row, const void *settings, const void *field,
                         char *text)
{
    const struct record_triggers *triggers = field;
    size_t used = 0;

    (void)row, (void)settings;
    *text = 0;
    for (unsigned i = 0; i < triggers->count && used < OPTION_SHOWN_MAX; i++)
        used += (size_t)snprintf(text + used, OPTION_SHOWN_MAX - used, "%s%s", i ? "; " : "",
                                 triggers->list[i]);
}

const struct option_type option_trigger = {
    .accepts = "a condition such as 'shop:order.latency_us > 50ms', sixteen of them at most",
    .apply = trigger_apply,
    .show = trigger_show};
