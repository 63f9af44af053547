/* SPDX-License-Identifier: Apache-2.0 */
#include "own_entries.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

unsigned own_entries(const char *folder)
{
    unsigned count = 0;
    DIR *entries = opendir(folder);

    assert_non_null(entries);
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

void own_entries_become(const char *folder, unsigned count)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    for (unsigned n = 0; n < 5000 && own_entries(folder) > count; n++)
        nanosleep(&moment, NULL);
    assert_int_equal(own_entries(folder), count);
}
