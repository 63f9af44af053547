/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/phase.h"

#include <stddef.h>

#include <adatrace/field.h>

static const struct {
    const char *identifier, *label;
} phases[] = {
    [ADA_PHASE_INSTANT] = {NULL, ""},
    [ADA_PHASE_BEGIN] = {"begin", "begin"},
    [ADA_PHASE_END] = {"end", "end"},
    [ADA_PHASE_COUNTER] = {"counter", ""},
    [ADA_PHASE_SPAN_BEGIN] = {"span_begin", "begin"},
    [ADA_PHASE_SPAN_STEP] = {"span_step", "step"},
    [ADA_PHASE_SPAN_END] = {"span_end", "end"},
    [ADA_PHASE_FLOW_OUT] = {"flow_out", "out"},
    [ADA_PHASE_FLOW_IN] = {"flow_in", "in"},
    [ADA_PHASE_FUNCTION_ENTER] = {"enter", ""},
    [ADA_PHASE_FUNCTION_EXIT] = {"exit", ""},
    [ADA_PHASE_FORMAT] = {"format", ""},
};

enum { PHASES = sizeof(phases) / sizeof(*phases) };

const char *phase_identifier(unsigned phase)
{
    return phase < PHASES ? phases[phase].identifier : NULL;
}

const char *phase_label(unsigned phase)
{
    return phase < PHASES ? phases[phase].label : "";
}
