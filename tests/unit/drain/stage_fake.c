/* SPDX-License-Identifier: Apache-2.0 */
/* A stage whose drain writes into a writer that remembers every call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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
