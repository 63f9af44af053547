/* SPDX-License-Identifier: Apache-2.0 */
/* A stage whose drain writes into a writer that remembers every call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

void stage_set(struct stage *stage, const struct stage_options *o)
{
    const struct drain_options options = {
        .clock = CLOCK_SOURCE_MONOTONIC,
        .level = 1,
        .room_budget = o->ring_budget,
        .watches_processes = true,
        .untraceable = o->untraceable,
    };
    struct drain *drain;

    assert_int_equal(drain_create(&drain, fake_writer_create(), &options), 0);
    stage_add(stage, drain, o);
}

const struct fake_call *fake_end_of(struct stage *stage, uint32_t process)
{
    for (int i = 0; i < 100000; i++) {
        const struct fake_call *call;

        stage->drain->look_ns = stage->drain->tick_ns = 0; /* valgrind knows no pidfd */
        drain_round(stage->drain);
        for (size_t n = 0; (call = fake_find(FAKE_PROCESS_END, 0, n)); n++)
            if (call->process == process)
                return call;
    }
    fail_msg("process %u does not end", process);
    return NULL;
}
