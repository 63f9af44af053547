/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace report FILE`: where the time went, what happened how often, who allocates.
 */
#include <unistd.h>

#include "cli/command.h"
#include "cli/input.h"
#include "cli/live_symbols.h"
#include "cli/message.h"
#include "cli/report.h"
#include "cli/status.h"
#include "cli/terminal.h"

enum { TEXT_LIMIT = 20 };
#define LIMIT_DEFAULT UINT64_MAX

struct report_settings {
    struct input_selection selection;
    int format; /* 0: text, 1: JSON */
    int sort;   /* enum report_sort */
    uint64_t limit;
    uint64_t jobs;
};

static int report_print(const struct report *report, const struct report_settings *settings)
{
    struct report_style style = {
        .sort = (enum report_sort)settings->sort,
        .limit = settings->limit != LIMIT_DEFAULT ? settings->limit
                 : settings->format == 0          ? TEXT_LIMIT
                                                  : 0,
        .colour = terminal_has_colour(STDOUT_FILENO),
        .utf8 = terminal_is_utf8(),
    };
    struct out_buffer out;
    int status = out_open_stdout(&out), written;

    if (status)
        return message_failure(status, "the report cannot be printed");
    if (settings->format == 0)
        status = report_print_text(report, &out, &style);
    else
        report_print_json(report, &out, &style);
    written = out_close(&out);
    if (status)
        return message_failure(status, "the report cannot be made");
    if (written)
        return message_failure(written, "the report cannot be written");
    return STATUS_GOOD;
}

static int report_run(void *settings, int operand_count, char **operands)
{
    const struct report_settings *wanted = settings;
    struct live_symbols files;
    struct report report;
    struct input input;
    struct trace_filter filter;
    int status = input_open(&input, operand_count, operands), made;

    if (status)
        return status;
    (void)input_jobs_set(&input, wanted->jobs);
    status = input_filter(&input, &wanted->selection, &filter);
    if (status == STATUS_GOOD) {
        bool asks_files = live_symbols_init_late(&files, input.trace);
        const struct report_wish wish = {.filter = &filter,
                                         .partial = !input_selects_all(&wanted->selection),
                                         .sort = (enum report_sort)wanted->sort,
                                         .resolver = asks_files ? &files.resolver : NULL};

        made = report_make(&report, input.trace, input.path, &wish);
        status = made ? message_failure(made, "%s", input.path) : report_print(&report, wanted);
        input_warn_unread(&input);
        report_close(&report);
        if (asks_files)
            live_symbols_fini(&files);
    }
    input_close(&input);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "text for people (the default), json for programs",
     .type = &option_word,
     .offset = offsetof(struct report_settings, format)},
    {.letter = 's',
     .name = "sort",
     .words = "self|total|calls|mean|p99|max|name", /* enum report_sort */
     .help = "What functions, scopes and spans are sorted by; self by default",
     .type = &option_word,
     .offset = offsetof(struct report_settings, sort)},
    {.letter = 'n',
     .name = "limit",
     .argument = "N",
     .help = "Rows of each table; 20 by default in text, 0 shows all, as json does by default",
     .type = &option_count,
     .offset = offsetof(struct report_settings, limit)},
    INPUT_SELECTION_ROWS(struct report_settings),
    INPUT_JOBS_ROW(struct report_settings),
    OPTION_HELP_ROW,
};

static const struct report_settings defaults = {.selection = INPUT_SELECTION_ALL,
                                                .limit = LIMIT_DEFAULT};

const struct command command_report = {
    .name = "report",
    .summary = "Tell where the time went, what happened how often, who allocates",
    .operands = "[FILE]",
    .description =
        "Sums up FILE: functions and scopes with the number of calls, total time, self time "
        "(without what they called) and the distribution of a call's duration; asynchronous "
        "spans likewise; events by type; threads; memory allocated, freed, live at the end, and "
        "by whom. Without FILE, the only *.adatrace of the current folder is read.\n"
        "\n"
        "The total of a recursive function counts its outermost calls only. A call whose exit is "
        "missing (longjmp, an exception, the end of the recording) ends where a later call shows "
        "that it must have ended. p50 and p99 are within 1.6 % of the exact value. Of several open "
        "spans with the same id, the one that was begun last ends first.\n"
        "\n"
        "Memory is followed over all threads of a process in the order of time. A realloc counts "
        "as a free of the old block and an allocation of the new one.\n"
        "\n"
        "Where allocations came from is said with the line that allocated most, where lines are "
        "known; JSON has it as line, and as places how many different lines allocated.\n"
        "\n"
        "What was lost is told with the number of events: while it was recorded, and in blocks of "
        "the file that are damaged. JSON has it as lost, of all threads and of each (null: a "
        "thread of which nobody knows); where lost_exact is false there may be more.",
    .statuses = "0\tthe report was printed\n"
                "1\tFILE cannot be read\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace report git.adatrace\tsum up a trace\n"
                "adatrace report --sort p99 --limit 5 -t 'worker*'\t"
                "the slowest functions of some threads\n"
                "adatrace report -F json | jq '.functions[0].name'\t"
                "the function with the most self time\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_max = 1,
    .settings_bytes = sizeof(struct report_settings),
    .defaults = &defaults,
    .run = report_run,
};
