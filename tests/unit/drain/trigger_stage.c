/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trigger_stage.h"

/* ---- what the drain calls ---- */

struct trigger_heard trigger_heard;

static void moment(void *context, struct drain *drain, const struct trigger_moment *m)
{
    (void)context;
    (void)drain;
    trigger_heard.moments++;
    trigger_heard.last = *m;
    strcpy(trigger_heard.text, m->text);
    assert_int_equal(m->number, trigger_heard.moments);
}

static void tell(void *context, const char *text)
{
    (void)context;
    trigger_heard.tells++;
    strcpy(trigger_heard.told, text);
}

/* Every function of the module at 0x1000 by its address. */
static const char *function_name(void *context, const struct drain_module *module, uint64_t address)
{
    (void)context;
    assert_int_equal(module->bias, 0x100000);
    trigger_heard.names++;
    return address == 0x1100 ? "json::parse(char const*)" : address == 0x1200 ? "print" : NULL;
}

const struct trigger_options trigger_at_once = {.ticks_per_second = 1000000000,
                                                .before_ns = 5000000000,
                                                .moment = moment,
                                                .tell = tell,
                                                .function_name = function_name};

void trigger_stage_set(struct stage *stage, const struct trigger_options *options,
                       const char *const *expressions, unsigned count)
{
    struct triggers *triggers;
    struct expression_error error;

    memset(&trigger_heard, 0, sizeof(trigger_heard));
    assert_int_equal(triggers_create(&triggers, options), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(triggers_add(triggers, expressions[i], &error), 0);
    drain_set_triggers(stage->drain, triggers);
}

/* A stage with one producer and one trigger. */
void trigger_stage_with(struct stage *stage, struct producer *p, const char *expression,
                        const struct trigger_options *options)
{
    stage_set(stage, &(struct stage_options){.ring_bytes = 65536});
    trigger_stage_set(stage, options ? options : &trigger_at_once, &expression, 1);
    producer_claim(p, stage, 0, false);
}

/* ---- types of the tests ---- */

void trigger_type_tell(struct stage *stage, const struct schema *schema)
{
    unsigned char bytes[1024];
    int size = schema_encode(schema, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(arena_append(&stage->segment, ARENA_TYPE, bytes, (size_t)size, NULL, 0), 0);
}

void trigger_types_tell(struct stage *stage)
{
    static const struct ada_field value = {"value", NULL, 0, 1, ADA_KIND_SIGNED, 8};
    static const struct ada_field call[] = {{"address", NULL, 0, 1, ADA_KIND_CODE, 6},
                                            {"frame", NULL, 0, 1, ADA_KIND_UNSIGNED, 2}};
    static const struct ada_field query[] = {{"text", NULL, 0, 1, ADA_KIND_STRING, 0},
                                             {"rows", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}};
    const struct schema schemas[] = {
        {TYPE_COUNTER, ADA_PHASE_COUNTER, ADA_LEVEL_INFO, 1, 0, "mem", "used", NULL, NULL, &value},
        {TYPE_BEGIN, ADA_PHASE_BEGIN, ADA_LEVEL_INFO, 0, 0, "app", "parse", NULL, NULL, NULL},
        {TYPE_END, ADA_PHASE_END, ADA_LEVEL_INFO, 0, 0, "app", "parse", NULL, NULL, NULL},
        {TYPE_ENTER, ADA_PHASE_FUNCTION_ENTER, ADA_LEVEL_INFO, 2, 0, "function", "enter", NULL,
         NULL, call},
        {TYPE_EXIT, ADA_PHASE_FUNCTION_EXIT, ADA_LEVEL_INFO, 1, 0, "function", "exit", NULL, NULL,
         call},
        {TYPE_QUERY, ADA_PHASE_INSTANT, ADA_LEVEL_INFO, 2, 0, "sql", "query", NULL, NULL, query},
    };

    for (size_t i = 0; i < sizeof(schemas) / sizeof(*schemas); i++)
        trigger_type_tell(stage, &schemas[i]);
}

void trigger_module_tell(struct stage *stage)
{
    struct arena_map map = {.base = 0x101000, .end = 0x102000, .bias = 0x100000, .pid = stage->pid};

    assert_int_equal(arena_append(&stage->segment, ARENA_MAP, &map, sizeof(map), "/bin/shop", 10),
                     0);
}

/* As the agent lays them out: 48 bits of the address, then the frame tag. */
void trigger_call_write(struct producer *p, uint32_t type, uint64_t address, uint16_t frame)
{
    const uint64_t payload = address | (uint64_t)frame << 48;

    assert_true(ring_write(&p->writer, type, &payload, type == TYPE_ENTER ? 8 : 6));
}
