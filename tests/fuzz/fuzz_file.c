/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole file, sealed (trace_seal.h), through the reader: opened by its index or by walking, all
 * tables, all events in every way there is, and verified.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"
#include "trace_seal.h"
#include "trace_walk.h"

enum { RECORDS_MAX = 1 << 14 /* so that an input takes milliseconds */ };

static void say(void *context, const struct trace_finding *finding)
{
    FUZZ_CHECK(finding->severity == TRACE_SEVERITY_LOSS ||
               finding->severity == TRACE_SEVERITY_DAMAGE);
    FUZZ_CHECK(!finding->is_untrue || finding->severity == TRACE_SEVERITY_LOSS);
    fuzz_touch(finding->text, strlen(finding->text));
    if (finding->process)
        fuzz_touch(finding->process->command, strlen(finding->process->command));
    ++*(unsigned *)context;
}

static void file_read(const char *path)
{
    struct trace_condition condition;
    struct trace_error error = {0};
    struct trace *trace;
    unsigned findings = 0;
    int status;

    if (trace_open(&trace, path, &error) == 0) {
        trace_walk_tables(trace);
        trace_walk_events(trace);
        trace_condition(trace, &condition);
        FUZZ_CHECK(condition.damaged_blocks == 0 || condition.message[0]);
        trace_close(trace);
    } else {
        FUZZ_CHECK(error.code < 0 && error.message[0]);
    }
    status = trace_verify(path, say, &findings);
    FUZZ_CHECK(status == 0 || status == 1 || status == 3);
    FUZZ_CHECK((status == 0) == (findings == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct trace_sealed sealed;

    trace_seal(bytes, size, 0, &sealed);
    if (sealed.records <= RECORDS_MAX)
        file_read(fuzz_file(0, sealed.file.bytes, sealed.file.size));
    byte_buffer_free(&sealed.file);
    return 0;
}
