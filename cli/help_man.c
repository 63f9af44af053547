/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

/* Text as it is: a hyphen stays a hyphen that can be pasted, nothing starts a macro. */
static void text_print(FILE *to, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';

        if (line_start && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", to);
        if (text[i] == '\\')
            fputs("\\e", to);
        else if (text[i] == '-')
            fputs("\\-", to);
        else if (text[i] == '\'')
            fputs("\\(aq", to);
        else
            fputc(text[i], to);
    }
}

static void string_print(FILE *to, const char *text)
{
    text_print(to, text, strlen(text));
}

static void paragraphs_print(FILE *to, const char *text)
{
    bool first = true;

    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t length = end ? (size_t)(end - text) : strlen(text);

        if (!first)
            fputs(".PP\n", to);
        text_print(to, text, length);
        fputc('\n', to);
        first = false;
        text += length + (end ? 2 : 0);
    }
}

static void options_print(FILE *to, const struct option_row *rows, unsigned count)
{
    fputs(".SH OPTIONS\n", to);
    for (unsigned i = 0; i < count && rows[i].name; i++) {
        const char *value = option_value_name(&rows[i]);

        fputs(".TP\n", to);
        if (rows[i].letter)
            fprintf(to, "\\fB\\-%c\\fR, ", rows[i].letter);
        fputs("\\fB\\-\\-", to);
        string_print(to, rows[i].name);
        fputs("\\fR", to);
        if (value) {
            fputs(" \\fI", to);
            string_print(to, value);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        string_print(to, rows[i].help);
        fputs(".\n", to);
    }
}

/* "left<tab>right" lines; examples put the sentence first and the command line below. */
static void pairs_print(FILE *to, const char *lines, bool examples)
{
    bool first = true;

    while (*lines) {
        size_t line = strcspn(lines, "\n"), left = strcspn(lines, "\t");

        if (examples) {
            if (!first)
                fputs(".PP\n", to);
            fputc(toupper((unsigned char)lines[left + 1]), to);
            text_print(to, lines + left + 2, line - left - 2);
            fputs(":\n.PP\n.RS 4\n.nf\n", to);
            text_print(to, lines, left);
            fputs("\n.fi\n.RE\n", to);
        } else {
            fputs(".TP\n\\fB", to);
            text_print(to, lines, left);
            fputs("\\fR\n", to);
            text_print(to, lines + left + 1, line - left - 1);
            fputs(".\n", to);
        }
        first = false;
        lines += line + (lines[line] == '\n');
    }
}

static void upper_print(FILE *to, const char *text)
{
    for (; *text; text++)
        fputc(toupper((unsigned char)*text), to);
}

static void title_print(FILE *to, const struct command *command)
{
    fputs(".TH ADATRACE", to);
    if (command) {
        fputs("\\-", to);
        upper_print(to, command->name);
    }
    fputs(" 1 \"\" \"adatrace " ADATRACE_VERSION "\" \"User Commands\"\n", to);
}

static void environment_print(FILE *to, const struct command *command)
{
    fputs(".SH ENVIRONMENT\n", to);
    if (!command || !command->says_all_itself)
        fputs(".TP\n\\fBADATRACE_\\fIOPTION\\fR\n"
              "The value of an option that the command line does not give: its name in capitals, "
              "with underscores, such as ADATRACE_RING_SIZE for \\-\\-ring\\-size.\n"
              ".TP\n\\fBADATRACE_CONFIG\\fR\nThe configuration file, like \\-\\-config.\n",
              to);
    fputs(".TP\n\\fBNO_COLOR\\fR\n"
          "When set and not empty, nothing is coloured. Without it, only terminals get colours.\n",
          to);
}

static void files_print(FILE *to, const struct command *command)
{
    if (command && command->says_all_itself && command != &command_config)
        return;
    fputs(".SH FILES\n.TP\n\\fI$XDG_CONFIG_HOME/adatrace/adatrace.ini\\fR, "
          "\\fI~/.config/adatrace/adatrace.ini\\fR\n"
          "Options of the user, which give way to the environment and to the command line; "
          "adatrace\\-config(1) has the syntax.\n"
          ".TP\n\\fI/etc/adatrace/adatrace.ini\\fR\n"
          "Options for all users, which give way to all others.\n",
          to);
}

static void see_also_print(FILE *to, const struct command *except)
{
    const char *separator = "";

    fputs(".SH SEE ALSO\n", to);
    if (except) {
        fputs(".BR adatrace (1)", to);
        separator = ",\n";
    }
    for (const struct command *const *c = commands; *c; c++) {
        if (*c == except)
            continue;
        fprintf(to, "%s.BR adatrace\\-%s (1)", separator, (*c)->name);
        separator = ",\n";
    }
    fputc('\n', to);
}

static void overview_print(FILE *to)
{
    title_print(to, NULL);
    fputs(".SH NAME\nadatrace \\- per\\-thread tracing event capture\n"
          ".SH SYNOPSIS\n.B adatrace\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIOPERAND\\fR]...\n"
          ".SH DESCRIPTION\n"
          "Records what every thread of a program does, to the nanosecond, into one small file, "
          "and says exactly what it could not keep. No daemon, no root, no recompiling.\n"
          ".SH COMMANDS\n",
          to);
    for (const struct command *const *c = commands; *c; c++) {
        fprintf(to, ".TP\n.BR adatrace\\-%s (1)\n", (*c)->name);
        string_print(to, (*c)->summary);
        fputs(".\n", to);
    }
    options_print(to, global_options, global_options_shown);
    environment_print(to, NULL);
    files_print(to, NULL);
    see_also_print(to, NULL);
}

void help_print_man(FILE *to, const struct command *command)
{
    if (!command) {
        overview_print(to);
        return;
    }
    title_print(to, command);
    fprintf(to, ".SH NAME\nadatrace\\-%s \\- ", command->name);
    string_print(to, command->summary);
    fprintf(to, "\n.SH SYNOPSIS\n.B adatrace %s\n[\\fIOPTION\\fR]... ", command->name);
    string_print(to, command->operands);
    fputs("\n.SH DESCRIPTION\n", to);
    paragraphs_print(to, command->description);
    options_print(to, command->options, UINT32_MAX);
    if (command->statuses) {
        fputs(".SH EXIT STATUS\n", to);
        pairs_print(to, command->statuses, false);
    }
    if (command->examples) {
        fputs(".SH EXAMPLES\n", to);
        pairs_print(to, command->examples, true);
    }
    environment_print(to, command);
    files_print(to, command);
    see_also_print(to, command);
}
