/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The presets of `adatrace record`: options for a purpose. docs/TUNING.md tells what each is for
 * and what was measured. Constant data.
 */
#ifndef ADATRACE_CLI_PRESETS_RECORD_H
#define ADATRACE_CLI_PRESETS_RECORD_H

#include "cli/command.h"

/* The row's words, in the order of the table. */
#define RECORD_PRESETS "low-latency|high-throughput|low-overhead|flight"

extern const struct option_preset record_presets[];

#endif
