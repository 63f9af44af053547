/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `adatrace record` was asked about several files, or none: rotation and flight recorder. Main
 * thread.
 */
#ifndef ADATRACE_CLI_RECORD_FILES_H
#define ADATRACE_CLI_RECORD_FILES_H

#include "cli/options_record.h"
#include "cli/record_output.h"
#include "drain/collector.h"

/* Do the options go together? 0, or the exit status after saying why not. */
int record_files_check(const struct record_settings *settings);

enum record_output_kind record_files_kind(const struct record_settings *settings);
void record_files_options(const struct record_settings *settings,
                          struct collector_options *options);

/* The last line, or lines, when it was not one file. */
void record_files_summary(struct collector *collector, const struct record_settings *settings,
                          const struct record_output *output, const struct drain_figures *figures);

#endif
