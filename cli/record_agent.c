/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_agent.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/message.h"

#define AGENT_FILE "libadatrace-agent.so"

/* From the folder of this command: where it was built, then where it is installed. */
static const char *const places[] = {"../agent/" AGENT_FILE,
                                     ADATRACE_AGENT_FROM_BIN "/" AGENT_FILE};

static int path_check(const char *path)
{
    if (access(path, R_OK))
        return message_failure(errno, "cannot use the agent %s", path), -errno;
    /* LD_PRELOAD has no way to write these. */
    if (strpbrk(path, " :")) {
        message_print("the agent's path %s holds a space or a colon, so it cannot be preloaded: "
                      "name another one in ADATRACE_AGENT",
                      path);
        return -EINVAL;
    }
    return 0;
}

int record_agent_find(char *path, size_t size)
{
    const char *named = getenv("ADATRACE_AGENT");
    char folder[PATH_MAX], *slash;
    ssize_t length;

    if (named && *named) {
        char *full = realpath(named, NULL);

        snprintf(path, size, "%s", full ? full : named);
        free(full);
        return path_check(path);
    }
    length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    folder[length < 0 ? 0 : length] = 0;
    slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        char *full, tried[2 * PATH_MAX];

        snprintf(tried, sizeof(tried), "%s/%s", folder, places[i]);
        full = realpath(tried, NULL);
        if (!full)
            continue;
        snprintf(path, size, "%s", full);
        free(full);
        return path_check(path);
    }
    message_print("the agent " AGENT_FILE " is not beside this command (%s): install adatrace, or "
                  "name the agent in ADATRACE_AGENT",
                  folder);
    return -ENOENT;
}
