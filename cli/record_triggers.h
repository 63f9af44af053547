/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `adatrace record` was asked about triggers. Main thread.
 */
#ifndef ADATRACE_CLI_RECORD_TRIGGERS_H
#define ADATRACE_CLI_RECORD_TRIGGERS_H

#include "cli/options_record.h"
#include "drain/collector.h"

/* 0, or the exit status after showing which expression is wrong and where. */
int record_triggers_check(const struct record_settings *settings);

/* `options` points into the settings afterwards. */
void record_triggers_options(const struct record_settings *settings,
                             struct collector_options *options);

#endif
