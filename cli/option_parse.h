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

/* Where a value comes from, the weakest first. */
enum option_source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_LINE };

struct option_origin {
    enum option_source source;
    const char
        *preset; /* not by itself: it belongs to the preset of this name, which was said there */
    const char *where; /* the file */
    unsigned line;     /* of the file */
    unsigned layer;    /* values of one layer add up, those of a weaker one do not count any more */
    const char *word;  /* as it was said; NULL: a flag */
};

struct option_line {
    const struct option_row *rows;
    struct option_origin *origins; /* one for each row, zeroed; or NULL: nobody wants to know */
    void *settings;                /* filled in */
    bool operands_end_options;
    char **words; /* in: argv behind the command; permuted: operands move to the front */
    int count;
    int operand_count;  /* out: operands are words[0 .. operand_count) */
    bool help;          /* out: --help was asked for; the rest was not looked at */
    const char *config; /* out: the file that --config names, or NULL */
    char problem[512];  /* out, on failure: one clause for people, no full stop */
};

/* 0, or -EINVAL with `problem` filled in. */
int option_line_parse(struct option_line *line) __attribute__((warn_unused_result));

/* Fill in the field of one row from `origin->word`, and remember where that came from. As above. */
int option_row_apply(struct option_line *line, const struct option_row *row,
                     const struct option_origin *origin) __attribute__((warn_unused_result));

enum { OPTION_VARIABLE_MAX = 80 };
/* "ADATRACE_RING_SIZE" for "ring-size", into the caller's OPTION_VARIABLE_MAX bytes. */
const char *option_variable(char *text, const char *name);

size_t option_row_count(const struct option_row *rows);
/* The row of that name, or NULL. */
const struct option_row *option_row_find(const struct option_row *rows, const char *name);
/* Of all rows, from one table after the other, the name that may have been meant. Start with *best
 * at UINT_MAX; NULL: none is nearer. */
const char *option_row_suggest(const struct option_row *rows, const char *name, unsigned *best);

/* problem = "there is no option NAME; did you mean NEAREST?"; before both stands `dashes`. Returns
 * -EINVAL. */
int option_refuse_unknown(struct option_line *line, const char *dashes, const char *name,
                          const char *nearest);

#endif
