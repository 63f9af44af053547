/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/session_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "drain/drain_stats.h"
#include "drain/machine.h"

/* What happens to records that find no room; a reader knows a flight recorder by it. */
static const char *policy_name(const struct session_writer_options *o)
{
    if (!o->flight)
        return stats_policy_text(o->policy);
    return o->policy == RING_OVERWRITE ? "flight, overwrite"
           : o->policy == RING_BLOCK   ? "flight, block"
                                       : "flight";
}

int session_writer_open(struct trace_writer **out, int fd, const struct session_writer_options *o)
{
    uint64_t rate = clock_source_rate(o->clock);
    const struct trace_writer_options options = {
        .level = o->level,
        .threads = o->threads,
        .flight = o->flight,
        .flight_bytes = o->flight_bytes,
        .flight_ticks = (uint64_t)((double)o->flight_ns * (double)rate / 1e9),
    };
    struct machine *machine = malloc(sizeof(*machine));
    int err;

    if (!machine) {
        if (fd >= 0)
            close(fd);
        return -ENOMEM;
    }
    machine_describe(machine, o->clock, rate);
    machine->recording.command = o->command ? o->command : "";
    if (o->boot_id)
        machine->recording.boot_id = o->boot_id;
    machine->recording.policy = policy_name(o);
    err = trace_writer_open(out, fd, &options, &machine->recording);
    free(machine);
    return err;
}
