/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace decode FILE`: every event, all threads merged in time order.
 */
#include <unistd.h>

#include "cli/command.h"
#include "cli/decode_team.h"
#include "cli/input.h"
#include "cli/live_symbols.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/terminal.h"

struct decode_settings {
    struct input_selection selection;
    const char *where;
    int format;
    uint64_t jobs;
};

static const struct decode_format *const formats[] = {&decode_format_text, &decode_format_json,
                                                      &decode_format_csv};

/* ---- all of it ---- */

static int trace_print(struct input *input, const struct trace_filter *filter,
                       const struct where *where, const struct decode_format *format, unsigned jobs)
{
    struct decode decode = {.trace = input->trace,
                            .filter = filter,
                            .where = where,
                            .colour = terminal_has_colour(STDOUT_FILENO)};
    struct trace_cursor *cursor = NULL;
    struct live_symbols files;
    bool asks_files = live_symbols_init_late(&files, input->trace);
    int status = out_open_stdout(&decode.out), written = 0;

    if (!status)
        status = decode_prepare(&decode, format);
    if (!status && asks_files) {
        decode.symbols.resolver = &files.resolver;
        jobs = 1; /* only one thread may add to the trace */
    }
    if (!status)
        status = trace_cursor_open(input->trace, filter, &cursor);
    if (!status)
        status = decode_team_print(&decode, format, cursor, jobs);
    if (cursor)
        trace_cursor_close(cursor);
    if (format->end)
        format->end(&decode);
    if (decode.out.memory)
        written = out_close(&decode.out);
    decode_release(&decode);
    if (asks_files)
        live_symbols_fini(&files);
    if (status)
        return message_failure(status, "%s", input->path);
    if (written)
        return message_failure(written, "the output cannot be written");
    return STATUS_GOOD;
}

static int input_print(struct input *input, const struct decode_settings *wanted,
                       struct where *where)
{
    struct trace_filter filter;
    unsigned jobs = input_jobs_set(input, wanted->jobs);
    int status = input_filter(input, &wanted->selection, &filter);

    if (status == STATUS_GOOD)
        status = where_bind(where, input->trace);
    if (status == STATUS_GOOD) {
        where_say_unmet(where);
        status = trace_print(input, &filter, where, formats[wanted->format], jobs);
    }
    return status;
}

static int decode_run(void *settings, int operand_count, char **operands)
{
    const struct decode_settings *wanted = settings;
    struct input input;
    struct where *where;
    int status = where_parse(&where, wanted->where);

    if (status)
        return status;
    status = input_open(&input, operand_count, operands);
    if (status == STATUS_GOOD) {
        status = input_print(&input, wanted, where);
        input_warn_unread(&input);
        input_close(&input);
    }
    where_free(where);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'F',
     .name = "format",
     .words = "text|json|csv",
     .help = "text for people (the default), json: one JSON object a line, csv: with a header",
     .type = &option_word,
     .offset = offsetof(struct decode_settings, format)},
    INPUT_SELECTION_ROWS(struct decode_settings),
    WHERE_ROW(struct decode_settings),
    INPUT_JOBS_ROW(struct decode_settings),
    OPTION_HELP_ROW,
};

static const struct decode_settings defaults = {.selection = INPUT_SELECTION_ALL};

const struct command command_decode = {
    .name = "decode",
    .summary = "Print the events of a trace in time order",
    .operands = "[FILE]",
    .description =
        "Prints every event of FILE, all threads merged in time order. Without FILE, the only "
        "*.adatrace of the current folder is read.\n"
        "\n"
        "As text, a line shows the seconds since the start, the thread as name/id, and the event "
        "with its fields. '>' enters a function or a scope, '<' leaves it and tells how long it "
        "took; what happens inside is indented. Code addresses show as symbols. Where records "
        "are missing, a line says so, how many and of which span of time: lost while it was "
        "recorded, or in a block of the file that is damaged, which a sentence on stderr says as "
        "well.\n"
        "\n"
        "As JSON, every line is one object: ts_ns (nanoseconds since the start), pid, tid, "
        "thread, event, fields. Integers are plain JSON integers of up to 64 bits; durations are "
        "in nanoseconds; addresses are strings like \"0x7f01\"; enums show their label where they "
        "have one; bytes are hexadecimal; numbers that JSON lacks are \"nan\", \"inf\", \"-inf\"; "
        "a byte that is not UTF-8 shows as \\xNN. phase says what the event marks where it is more "
        "than an instant: begin, end, span_begin, counter and so on. A member symbols gives the "
        "meaning of the code addresses among the fields, lines FILE:LINE of those whose line is "
        "known, text the rendered text of a formatted event. Missing "
        "records are an event adatrace:gap.\n"
        "\n"
        "As CSV, every field name that occurs has a column; a code address NAME has a second one, "
        "NAME_symbol. A field that is called as another column is (pid, tid, text and so on) has "
        "its column as field.NAME.\n"
        "\n"
        "--where takes conditions over fields, names of threads and functions, times and how long "
        "calls took, put together with && || ! and parentheses: 'sql:query.text contains "
        "\"UPDATE\" || latency_us > 50ms'.",
    .statuses = "0\tthe events were printed\n"
                "1\tFILE cannot be read\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace decode git.adatrace | less\tread a trace\n"
                "adatrace decode --from 1.2s --to 1.3s -t 'worker*'\t"
                "a tenth of a second of some threads\n"
                "adatrace decode -w 'slow(parse) > 20ms'\tcalls that took long\n"
                "adatrace decode -F json -e 'memory:*' | jq .fields.size\t"
                "the size of every allocation\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_max = 1,
    .settings_bytes = sizeof(struct decode_settings),
    .defaults = &defaults,
    .run = decode_run,
};
