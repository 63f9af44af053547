/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/units.h"

#include <stdio.h>

#include "base/count_text.h"
#include "cli/out_text.h"

/* Three digits that count: 1.23, 12.3, 123, and four rather than a longer unit: 1023. */
static const char *scaled(char *text, double value, const char *unit)
{
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

    snprintf(text, UNITS_MAX, "%.*f %s", decimals, value, unit);
    return text;
}

const char *units_duration(char *text, uint64_t ns)
{
    *text_duration(text, ns, " ") = 0;
    return text;
}

const char *units_bytes(char *text, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1023.5 && unit < 6) {
        value /= 1024;
        unit++;
    }
    if (!unit)
        snprintf(text, UNITS_MAX, "%u B", (unsigned)bytes);
    else
        scaled(text, value, units[unit]);
    return text;
}

_Static_assert((int)UNITS_MAX >= (int)COUNT_TEXT_MAX, "its text has room");

const char *units_count(char *text, uint64_t count)
{
    return count_text(text, count);
}

const char *units_rate(char *text, double per_second)
{
    static const char *const units[] = {"/s", "k/s", "M/s", "G/s", "T/s"};
    unsigned unit = 0;

    while (per_second >= 999.5 && unit < 4) {
        per_second /= 1000;
        unit++;
    }
    return scaled(text, per_second, units[unit]);
}

const char *units_percent(char *text, double part, double whole)
{
    snprintf(text, UNITS_MAX, "%.1f %%", whole > 0 ? 100 * part / whole : 0.0);
    return text;
}
