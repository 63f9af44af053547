/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "cli/terminal.h"

enum {
    COLUMNS = 80,
    OPTION_COLUMN = 26, /* where the options' sentences start */
    COMMAND_COLUMN = 12,
};

/* Words, broken at COLUMNS, all lines but the first indented; `column` is where we stand. */
static void paragraph_print(FILE *to, const char *text, size_t length, int indent, int column)
{
    const char *end = text + length;
    bool first = true;

    while (text < end) {
        size_t word = strcspn(text, " \n");

        if (word > (size_t)(end - text))
            word = (size_t)(end - text);
        if (!first && column + 1 + (int)word > COLUMNS) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        fprintf(to, "%s%.*s", first ? "" : " ", (int)word, text);
        column += (int)word + !first;
        first = false;
        text += word;
        text += text < end;
    }
    fputc('\n', to);
}

static void heading_print(FILE *to, const char *heading)
{
    bool colour = terminal_has_colour(fileno(to));

    fprintf(to, "\n%s%s:%s\n", colour ? "\033[1m" : "", heading, colour ? "\033[0m" : "");
}

static void option_print(FILE *to, const struct option_row *row)
{
    const char *value = option_value_name(row);
    int column = 0;

    if (row->letter)
        column += fprintf(to, "  -%c, --%s", row->letter, row->name);
    else
        column += fprintf(to, "      --%s", row->name);
    if (value)
        column += fprintf(to, " %s", value);
    if (column + 2 > OPTION_COLUMN) {
        fputc('\n', to);
        column = 0;
    }
    fprintf(to, "%*s", OPTION_COLUMN - column, "");
    paragraph_print(to, row->help, strlen(row->help), OPTION_COLUMN, OPTION_COLUMN);
}

/* "left<tab>right" lines as two columns. */
static void pairs_print(FILE *to, const char *lines, int right_column)
{
    while (*lines) {
        size_t line = strcspn(lines, "\n"), left = strcspn(lines, "\t");

        fprintf(to, "  %.*s", (int)left, lines);
        if (left + 4 > (size_t)right_column)
            fprintf(to, "\n%*s", right_column, "");
        else
            fprintf(to, "%*s", right_column - (int)left - 2, "");
        paragraph_print(to, lines + left + 1, line - left - 1, right_column, right_column);
        lines += line + (lines[line] == '\n');
    }
}

void help_print_command(FILE *to, const struct command *command)
{
    const char *text = command->description;

    fprintf(to, "usage: adatrace %s [OPTION]... %s\n", command->name, command->operands);
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t length = end ? (size_t)(end - text) : strlen(text);

        fputc('\n', to);
        paragraph_print(to, text, length, 0, 0);
        text += length + (end ? 2 : 0);
    }
    heading_print(to, "Options");
    for (const struct option_row *row = command->options; row->name; row++)
        option_print(to, row);
    if (command->statuses) {
        heading_print(to, "Exit status");
        pairs_print(to, command->statuses, COMMAND_COLUMN);
    }
    if (command->examples) {
        heading_print(to, "Examples");
        pairs_print(to, command->examples, 6);
    }
}

void help_print(FILE *to)
{
    static const char purpose[] = "Records what every thread of a program does, to the nanosecond, "
                                  "and says exactly what it could not keep.";

    fputs("usage: adatrace COMMAND [OPTION]... [OPERAND]...\n\n", to);
    paragraph_print(to, purpose, sizeof(purpose) - 1, 0, 0);
    heading_print(to, "Commands");
    for (const struct command *const *c = commands; *c; c++)
        fprintf(to, "  %-*s%s\n", COMMAND_COLUMN - 2, (*c)->name, (*c)->summary);
    heading_print(to, "Options");
    for (unsigned i = 0; i < global_options_shown; i++)
        option_print(to, &global_options[i]);
    fputs("\n'adatrace COMMAND --help' tells about one command, 'man adatrace' about all.\n", to);
}
