/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event level: the names of enum ada_level, as people say them to `--min-level`. No state, any
 * thread.
 */
#ifndef ADATRACE_BASE_EVENT_LEVEL_H
#define ADATRACE_BASE_EVENT_LEVEL_H

#include <stdint.h>

#include <adatrace/field.h>

/* What may be said, the most important first; the n-th is level ADA_LEVEL_CRITICAL + n. */
#define EVENT_LEVEL_WORDS "critical|error|warning|notice|info|debug"
/* Ends the sentence of a refusal. */
#define EVENT_LEVEL_ACCEPTS "critical, error, warning, notice, info or debug"

/* The level of that name, or -EINVAL. */
int event_level_parse(const char *name);
/* "debug" for all that are less important than that; static. */
const char *event_level_name(uint32_t level);

#endif
