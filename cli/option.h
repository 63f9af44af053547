/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: each is declared once, as a row of its command's table.
 *
 * From the row come parsing, `--help`, the OPTIONS of the man page, the shell completion, its name
 * in the configuration file and in the environment (cli/option_layers.h), and what `adatrace
 * config` shows, so they cannot drift apart. A row names the place in the command's settings that
 * it fills
 * (`offset`) and the type that knows how; types are shared, and a command may bring its own. Only
 * constant data and functions without state: any thread.
 */
#ifndef ADATRACE_CLI_OPTION_H
#define ADATRACE_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_row;

/* What a shell offers where a value or an operand is expected. */
enum option_completes {
    COMPLETES_NOTHING,
    COMPLETES_FILES,
    COMPLETES_TRACES,
    COMPLETES_COMMANDS, /* programs of the system */
    COMPLETES_OWN,      /* commands of adatrace */
    COMPLETES_SESSIONS  /* names and process ids of what runs */
};

enum { OPTION_SHOWN_MAX = 4096 };

struct option_type {
    const char *accepts; /* "a time such as 1.5s or 200ms": ends the sentence of a refusal */
    const char *offers;  /* for completion: some of what is accepted, separated by '|', or NULL */
    enum option_completes completes;
    /* Fill in *field from `text` (NULL for a flag that nothing follows). 0, or a negative errno:
     * refused. */
    int (*apply)(const struct option_row *row, const char *text, void *field);
    /* What is in force, as one would type it, into OPTION_SHOWN_MAX bytes; "": nothing was said,
     * and nothing is in its place. `settings` is the whole of which *field is a part. NULL: what
     * was typed. */
    void (*show)(const struct option_row *row, const void *settings, const void *field, char *text);
};

struct option_row {
    char letter;          /* short form, or 0 */
    const char *name;     /* long form, without the dashes; NULL ends a table */
    const char *argument; /* what --help calls the value; NULL: a flag, or there are `words` */
    const char *words;    /* option_word: what may be said, separated by '|' */
    const char *help;     /* a sentence without its full stop */
    const struct option_type *type;
    size_t offset; /* of the field in the command's settings */
};

/* Globs collected from a repeatable option, as one comma-separated list for base/glob.h. */
struct option_globs {
    char list[4096]; /* "": none given */
};

/* The types, with the C type of the field they fill in. */
extern const struct option_type option_help;     /* none: the parser stops and says so */
extern const struct option_type option_config;   /* none: the parser keeps the file's name */
extern const struct option_type option_flag;     /* bool; --name=no takes it back */
extern const struct option_type option_text;     /* const char *, into argv */
extern const struct option_type option_new_file; /* const char *, into argv */
extern const struct option_type option_word;     /* int: index into `words`; less than 0: none */
extern const struct option_type option_preset;   /* the same, of the command's presets */
extern const struct option_type option_globs;    /* struct option_globs */
extern const struct option_type option_count;    /* uint64_t */
extern const struct option_type option_bytes;    /* uint64_t: 4096, 64K, 1M, 1GiB */
extern const struct option_type option_time;     /* int64_t, nanoseconds */

/* The rows that every command ends its table with, and the end itself. */
#define OPTION_HELP_ROW                                                                  \
    {.name = "config",                                                                   \
     .argument = "FILE",                                                                 \
     .help = "Read options from FILE, in place of those of the user and of the system",  \
     .type = &option_config},                                                            \
        {.letter = 'h', .name = "help", .help = "Show this help", .type = &option_help}, \
    {                                                                                    \
        0                                                                                \
    }

/* What stands for the value in help and messages: "FILE", "text|json"; NULL: the row is a flag. */
static inline const char *option_value_name(const struct option_row *row)
{
    return row->words ? row->words : row->argument;
}

/* The n-th of words separated by '|', and its length; NULL past the end. */
const char *option_word_at(const char *words, unsigned n, size_t *length);

#endif
