/* SPDX-License-Identifier: Apache-2.0 */
/* What `adatrace recover` has saved of one file, and what cannot be known. Main thread. */
#ifndef ADATRACE_CLI_RECOVER_SAY_H
#define ADATRACE_CLI_RECOVER_SAY_H

#include "cli/json_writer.h"
#include "cli/recover_file.h"

/* For people, some lines. */
void recover_say_text(struct out_buffer *out, const struct recover_result *result);
/* For programs, one object of an array. */
void recover_say_json(struct json_writer *json, const struct recover_result *result);

#endif
