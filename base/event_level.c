/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event_level.h"

#include <errno.h>
#include <string.h>

static const char *const names[] = {
    [ADA_LEVEL_CRITICAL] = "critical", [ADA_LEVEL_ERROR] = "error", [ADA_LEVEL_WARNING] = "warning",
    [ADA_LEVEL_NOTICE] = "notice",     [ADA_LEVEL_INFO] = "info",   [ADA_LEVEL_DEBUG] = "debug",
};

int event_level_parse(const char *name)
{
    for (int level = ADA_LEVEL_CRITICAL; level <= ADA_LEVEL_DEBUG; level++)
        if (strcmp(names[level], name) == 0)
            return level;
    return -EINVAL;
}

const char *event_level_name(uint32_t level)
{
    return names[level < ADA_LEVEL_CRITICAL ? ADA_LEVEL_CRITICAL
                 : level > ADA_LEVEL_DEBUG  ? ADA_LEVEL_DEBUG
                                            : level];
}
