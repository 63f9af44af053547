/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"

enum { FLIGHT_BYTES_MIN = 256 << 10, ROTATE_BYTES_MIN = 64 << 10, KEEP_MAX = 1000000 };
#define ROTATE_NS_MIN INT64_C(100000000)

/* A size, a time, or both with a comma between them. */
static int flight_apply(const struct option_row *row, const char *text, void *field)
{
    struct record_flight choice = {.on = true};
    char part[QUANTITY_MAX];

    (void)row;
    if (strcmp(text, "off") == 0) {
        *(struct record_flight *)field = (struct record_flight){0};
        return 0;
    }
    for (const char *end; *text; text = *end ? end + 1 : end) {
        int64_t ns;

        end = strchrnul(text, ',');
        if ((size_t)(end - text) >= sizeof(part))
            return -EINVAL;
        snprintf(part, sizeof(part), "%.*s", (int)(end - text), text);
        if (quantity_parse_bytes(part, &choice.bytes) == 0) {
            if (choice.bytes < FLIGHT_BYTES_MIN)
                return -EINVAL;
        } else if (quantity_parse_time(part, &ns) == 0 && ns > 0) {
            choice.ns = (uint64_t)ns;
        } else {
            return -EINVAL;
        }
    }
    if (!choice.bytes && !choice.ns)
        return -EINVAL;
    *(struct record_flight *)field = choice;
    return 0;
}

static int rotate_size_apply(const struct option_row *row, const char *text, void *field)
{
    uint64_t bytes;

    (void)row;
    if (quantity_parse_bytes(text, &bytes) || bytes < ROTATE_BYTES_MIN)
        return -EINVAL;
    *(uint64_t *)field = bytes;
    return 0;
}

static int rotate_time_apply(const struct option_row *row, const char *text, void *field)
{
    int64_t ns;

    (void)row;
    if (quantity_parse_time(text, &ns) || ns < ROTATE_NS_MIN)
        return -EINVAL;
    *(int64_t *)field = ns;
    return 0;
}

static int keep_apply(const struct option_row *row, const char *text, void *field)
{
    char *end;
    long keep;

    (void)row;
    errno = 0;
    keep = strtol(text, &end, 10);
    if (errno || end == text || *end || keep < 1 || keep > KEEP_MAX)
        return -EINVAL;
    *(uint64_t *)field = (uint64_t)keep;
    return 0;
}

/* ---- what is in force, as one would type it ---- */

static void flight_show(const struct option_row *row, const void *settings, const void *field,
                        char *text)
{
    const struct record_flight *choice = field;

    (void)row, (void)settings;
    strcpy(text, choice->on ? "" : "off");
    if (choice->bytes)
        quantity_print_bytes(text, choice->bytes);
    if (choice->bytes && choice->ns)
        strcat(text, ",");
    if (choice->ns)
        quantity_print_time(text + strlen(text), choice->ns);
}

static void bytes_show(const struct option_row *row, const void *settings, const void *field,
                       char *text)
{
    const uint64_t *bytes = field;

    (void)row, (void)settings;
    *text = 0;
    if (*bytes)
        quantity_print_bytes(text, *bytes);
}

static void time_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    const int64_t *ns = field;

    (void)row, (void)settings;
    *text = 0;
    if (*ns)
        quantity_print_time(text, (uint64_t)*ns);
}

static void keep_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    const uint64_t *keep = field;

    (void)row, (void)settings;
    *text = 0;
    if (*keep)
        snprintf(text, OPTION_SHOWN_MAX, "%llu", (unsigned long long)*keep);
}

const struct option_type option_flight = {
    .accepts = "a size of 256K or more, a time such as 10s, both with a comma between, or off",
    .apply = flight_apply,
    .show = flight_show};
const struct option_type option_rotate_size = {
    .accepts = "a size of 64K or more", .apply = rotate_size_apply, .show = bytes_show};
const struct option_type option_rotate_time = {.accepts = "a time of 100ms or more, such as 10m",
                                               .apply = rotate_time_apply,
                                               .show = time_show};
const struct option_type option_keep = {
    .accepts = "a whole number from 1 to 1000000", .apply = keep_apply, .show = keep_show};
