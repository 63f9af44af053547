/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a command line by the rows of a table.
 *
 * Understands --name value, --name=value, -x value, -xvalue, grouped flags and `--`; options and
 * operands may be mixed unless the first operand ends the options. Changes nothing but its
 * arguments; main thread.
 */
#ifndef ADATRACE_CLI_OPTION_PARSE_H
#define ADATRACE_CLI_OPTION_PARSE_H

#include "cli/option.h"

struct option_line {
    const struct option_row *rows;
    void *settings; /* filled in */
    bool operands_end_options;
    char **words; /* in: argv behind the command; permuted: operands move to the front */
    int count;
    int operand_count; /* out: operands are words[0 .. operand_count) */
    bool help;         /* out: --help was asked for; the rest was not looked at */
    char problem[256]; /* out, on failure: one clause for people, no full stop */
};

/* 0, or -EINVAL with `problem` filled in. */
int option_line_parse(struct option_line *line) __attribute__((warn_unused_result));

#endif
