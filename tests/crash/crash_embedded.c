/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a session of its own whose rings are in a file, emits from several threads, and is killed
 * with all of it: program, drain and writer die together.
 *
 *     crash_embedded TRACE SEGMENT COUNTERS MOST [PARTS]
 *
 * COUNTERS is for crash_rows.h; no row has more than MOST events. With PARTS the first thread emits
 * a row in so many parts, when the others have ended. Says "done" at its end.
 */
#include <stdio.h>
#include <stdlib.h>

#include <adatrace/adatrace.h>

#include "crash_rows.h"

enum { THREADS = 3, ROUNDS = 2 };

int main(int count, char **words)
{
    struct ada_session_options options = {.size = sizeof(options),
                                          .policy = ADA_POLICY_BLOCK,
                                          .timeout_ms = 60000,
                                          .ring_bytes = 16 << 10};
    uint64_t most;

    if (count < 5 || rows_open(words[3]))
        return 2;
    most = strtoull(words[4], NULL, 10);
    options.segment_path = words[2];
    if (ada_session_start(words[1], &options))
        return 3;
    if (rows_threads(THREADS, ROUNDS, most))
        return 1;
    if (count > 5)
        rows_work_slowly(most, (unsigned)atoi(words[5]));
    if (ada_session_stop())
        return 4;
    puts("done");
    return 0;
}
