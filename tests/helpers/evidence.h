/* SPDX-License-Identifier: Apache-2.0 */
/* The figure that a test leaves for its row in docs/RELIABILITY.md. */
#ifndef ADATRACE_TESTS_EVIDENCE_H
#define ADATRACE_TESTS_EVIDENCE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* One line into the file KEY of the folder ADATRACE_EVIDENCE; without one, nothing. */
__attribute__((format(printf, 2, 3))) static inline void evidence_write(const char *key,
                                                                        const char *format, ...)
{
    const char *folder = getenv("ADATRACE_EVIDENCE");
    char path[4096];
    va_list arguments;
    FILE *file;

    if (!folder)
        return;
    snprintf(path, sizeof(path), "%s/%s", folder, key);
    file = fopen(path, "we");
    if (!file)
        return;
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fputc('\n', file);
    fclose(file);
}

#endif
