/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of phases (enum ada_phase): event types of one name differ by them. No state, any thread.
 */
#ifndef ADATRACE_CLI_PHASE_H
#define ADATRACE_CLI_PHASE_H

/* For programs: "begin", "span_end", "counter", ...; NULL for an instant. */
const char *phase_identifier(unsigned phase);

/* What tells types of one name apart for people: "begin", "out", ...; "" where nothing does. */
const char *phase_label(unsigned phase);

#endif
