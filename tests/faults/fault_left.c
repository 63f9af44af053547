/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that is killed: fault_left FILE SEGMENT EVENTS. Starts a session into FILE whose rings
 * are in SEGMENT, emits EVENTS events and ends by SIGKILL. What it leaves is a file without an end
 * and, most likely, events in a ring.
 */
#include <adatrace/adatrace.h>
#include <signal.h>
#include <stdlib.h>

ADA_EVENT(fault, tick, (u64, number))

int main(int argc, char **argv)
{
    struct ada_session_options options = {.size = sizeof(options),
                                          .policy = ADA_POLICY_BLOCK,
                                          .ring_bytes = 16 << 10,
                                          .is_private = 1};
    unsigned long events;

    if (argc < 4)
        return 2;
    options.segment_path = argv[2];
    if (ada_session_start(argv[1], &options))
        return 3;
    events = strtoul(argv[3], NULL, 10);
    for (unsigned long i = 0; i < events; i++)
        ada_trace_fault_tick(i);
    raise(SIGKILL);
    return 1;
}
