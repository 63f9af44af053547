/* SPDX-License-Identifier: Apache-2.0 */
/*
 * House: a traced process with its segment, and the drain of the session that is going on. The
 * segment, its ThreadRegistry, the tracer, the drain are the real ones; where the trace goes is
 * sight.h's. Several houses stand side by side, one for each geometry; one of them is lived in.
 */
#ifndef ADATRACE_TESTS_HOUSE_H
#define ADATRACE_TESTS_HOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/segment.h"

enum { HOUSES = 10, HOUSE_SLOTS = 4 };

const char *house_name(unsigned house);
/* Payload of the longest record that its rings take for sure. */
uint32_t house_longest(unsigned house);
enum ring_policy house_policy(unsigned house);
/* Rings that a handler fills in no time. */
bool house_is_small(unsigned house);

/* Move in: everything as it is in a segment that was just made. */
void house_enter(unsigned house, uint32_t budget);
void house_forget_all(void); /* make the segments anew */

/* The trace of what comes from now on, and its end. */
void house_session_begin(void);
void house_session_end(void);
struct drain *house_drain(void); /* NULL: no session */

struct segment *house_segment(void);

#endif
