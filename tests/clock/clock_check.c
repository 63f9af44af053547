/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_check FILE: is every clock mark in the trace where CLOCK_MONOTONIC says? Prints what it
 * found as JSON, and with it when the trace's time 0 was. Status 1: there is no reading it.
 */
#include <stdio.h>
#include <string.h>

#include "clock_marks.h"
#include "format/trace_reader.h"

int main(int count, char **words)
{
    const struct trace_clock_pair *first;
    struct clock_verdict v;
    struct trace_error error;
    struct trace *t;
    int status = count == 2 ? clock_marks_check(words[1], NULL, &v) : -1;

    if (status || trace_open(&t, words[1], &error)) {
        fprintf(stderr, "%s: %s\n", words[1], strerror(-status));
        return 1;
    }
    first = trace_clock_pair_at(t, 0);
    printf("{\"marks\": %llu, \"threads\": %llu, \"missing\": %llu, \"backwards\": %llu, "
           "\"late_marks\": %llu, \"error_ns\": %llu, \"error_at_ns\": %llu, \"bracket_ns\": %llu, "
           "\"pairs\": %llu, \"start_ns\": %llu, \"clock\": \"%s\"}\n",
           (unsigned long long)v.marks, (unsigned long long)v.threads,
           (unsigned long long)v.missing, (unsigned long long)v.backwards,
           (unsigned long long)v.late_marks, (unsigned long long)v.error_ns,
           (unsigned long long)v.error_at_ns, (unsigned long long)v.bracket_ns,
           (unsigned long long)v.pairs, (unsigned long long)(first ? first->monotonic_ns : 0),
           trace_recording(t)->clock_source);
    trace_close(t);
    return 0;
}
