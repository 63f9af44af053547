/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage with triggers, for their tests: what the drain told is in trigger_heard, and there are
 * event types and a module to tell it of. Asserts through cmocka. One thread.
 */
#ifndef ADATRACE_TESTS_TRIGGER_STAGE_H
#define ADATRACE_TESTS_TRIGGER_STAGE_H

#include "drain/drain_state.h"
#include "drain/trigger.h"
#include "fake_writer.h"
#include "producer.h"

enum { TYPE_COUNTER = 20, TYPE_BEGIN, TYPE_END, TYPE_ENTER, TYPE_EXIT, TYPE_QUERY, TYPE_ALL };

struct trigger_heard {
    unsigned moments, tells;
    struct trigger_moment last;
    char text[TRIGGER_TEXT_BYTES], told[TRIGGER_TEXT_BYTES];
    unsigned names; /* asked for */
};

extern struct trigger_heard trigger_heard;

/* No cool-down, nothing to wait for. */
extern const struct trigger_options trigger_at_once;

void trigger_stage_set(struct stage *stage, const struct trigger_options *options,
                       const char *const *expressions, unsigned count);
/* A stage with one producer and one trigger; NULL: trigger_at_once. */
void trigger_stage_with(struct stage *stage, struct producer *p, const char *expression,
                        const struct trigger_options *options);

void trigger_types_tell(struct stage *stage);
void trigger_type_tell(struct stage *stage, const struct schema *schema);
void trigger_module_tell(struct stage *stage);
/* As the agent lays them out: 48 bits of the address, then the frame tag. */
void trigger_call_write(struct producer *p, uint32_t type, uint64_t address, uint16_t frame);

#endif
