/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

static const char prologue[] =
    "# bash completion for adatrace " ADATRACE_VERSION ", made from its table of options\n"
    "\n"
    "_adatrace_offer() # WORDS\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "_adatrace_offer_sessions() # their names are anybody's: compgen -W would run what they say\n"
    "{\n"
    "    local name\n"
    "    while IFS= read -r name; do\n"
    "        [[ $name == \"$current\"* ]] && COMPREPLY+=(\"$(printf %q \"$name\")\")\n"
    "    done < <(\"${COMP_WORDS[0]}\" list --interval 0s --format json 2>/dev/null |\n"
    "        sed -n 's/^      \"pid\": \\([0-9]*\\),$/\\1/p; "
    "s/^      \"name\": \"\\(.*\\)\",$/\\1/p')\n"
    "}\n"
    "\n"
    "_adatrace_offer_programs() # not what only a shell can run: its own words\n"
    "{\n"
    "    local name\n"
    "    if [[ $current == */* ]]; then\n"
    "        _adatrace_offer_files\n"
    "        return\n"
    "    fi\n"
    "    while IFS= read -r name; do\n"
    "        type -P -- \"$name\" >/dev/null && COMPREPLY+=(\"$name\")\n"
    "    done < <(compgen -c -- \"$current\" | sort -u)\n"
    "}\n"
    "\n"
    "_adatrace_offer_files() # [PATTERN]\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    if [[ $1 ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -f -X \"!$1\" -- \"$current\"; "
    "compgen -d -- \"$current\")\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "    fi\n"
    "}\n"
    "\n"
    "_adatrace()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command= operands=0 i\n"
    "\n"
    "    # --option=value arrives as three words\n"
    "    if [[ $current == = ]]; then\n"
    "        current=\n"
    "    elif [[ $previous == = ]]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        if [[ ${COMP_WORDS[i]} != -* ]]; then\n"
    "            command=${COMP_WORDS[i]}\n"
    "            # the options behind 'config COMMAND' are that command's\n"
    "            if [[ $command == config && ${COMP_WORDS[i + 1]} != -* ]] &&\n"
    "                ((i + 1 < COMP_CWORD)); then\n"
    "                command=${COMP_WORDS[++i]}\n"
    "            fi\n"
    "            break\n"
    "        fi\n"
    "    done\n"
    "\n"
    "    case $command in\n";

static const char epilogue[] = "    esac\n"
                               "}\n"
                               "\n"
                               "complete -F _adatrace adatrace\n";

static void commands_print(FILE *to)
{
    for (const struct command *const *c = commands; *c; c++)
        fprintf(to, "%s ", (*c)->name);
}

static void completes_print(FILE *to, enum option_completes completes)
{
    switch (completes) {
    case COMPLETES_NOTHING:
        fputs(":", to);
        break;
    case COMPLETES_FILES:
        fputs("_adatrace_offer_files", to);
        break;
    case COMPLETES_TRACES:
        fputs("_adatrace_offer_files '*.adatrace'", to);
        break;
    case COMPLETES_SESSIONS:
        fputs("_adatrace_offer_sessions", to);
        break;
    case COMPLETES_OWN:
        fputs("_adatrace_offer \"", to);
        commands_print(to);
        fputc('"', to);
        break;
    case COMPLETES_COMMANDS:
        fputs("_adatrace_offer_programs", to);
        break;
    }
}

static void words_print(FILE *to, const char *words)
{
    for (; *words; words++)
        fputc(*words == '|' ? ' ' : *words, to);
}

static void options_print(FILE *to, const struct option_row *rows, unsigned count)
{
    for (unsigned i = 0; i < count && rows[i].name; i++) {
        if (rows[i].letter)
            fprintf(to, "-%c ", rows[i].letter);
        fprintf(to, "--%s ", rows[i].name);
    }
}

/* The value after an option: one branch of `case $previous`. */
static void value_print(FILE *to, const struct option_row *row)
{
    const char *words = row->words ? row->words : row->type->offers;

    fputs("        ", to);
    if (row->letter)
        fprintf(to, "-%c|", row->letter);
    fprintf(to, "--%s) ", row->name);
    if (words) {
        fputs("_adatrace_offer \"", to);
        words_print(to, words);
        fputc('"', to);
    } else {
        completes_print(to, row->type->completes);
    }
    fputs("; return ;;\n", to);
}

/* Behind the program of `record` everything belongs to that program. */
static void program_print(FILE *to, const struct option_row *rows)
{
    const char *separator = "";

    fputs("        for ((i++; i < COMP_CWORD; i++)); do\n"
          "            case ${COMP_WORDS[i]} in\n"
          "            --) ((i + 1 < COMP_CWORD)) && operands=1; break ;;\n"
          "            ",
          to);
    for (; rows->name; rows++) {
        if (!option_value_name(rows))
            continue;
        fprintf(to, "%s--%s", separator, rows->name);
        separator = "|";
        if (rows->letter)
            fprintf(to, "|-%c", rows->letter);
    }
    fputs(") ((i++)); [[ ${COMP_WORDS[i]} == = ]] && ((i++)) ;;\n"
          "            -*|=) ;;\n"
          "            *) operands=1; break ;;\n"
          "            esac\n"
          "        done\n"
          "        if ((operands)); then\n"
          "            _adatrace_offer_files\n"
          "            return\n"
          "        fi\n",
          to);
}

static void command_print(FILE *to, const struct command *command)
{
    fprintf(to, "    %s)\n", command->name);
    if (command->completes == COMPLETES_COMMANDS)
        program_print(to, command->options);
    fputs("        case $previous in\n", to);
    for (const struct option_row *row = command->options; row->name; row++)
        if (option_value_name(row))
            value_print(to, row);
    fputs("        esac\n        if [[ $current == -* ]]; then\n            _adatrace_offer \"",
          to);
    options_print(to, command->options, UINT32_MAX);
    fputs("\"\n        else\n            ", to);
    completes_print(to, command->completes);
    fputs("\n        fi\n        ;;\n", to);
}

void help_print_bash(FILE *to)
{
    fputs(prologue, to);
    fputs("    '')\n        _adatrace_offer \"", to);
    commands_print(to);
    options_print(to, global_options, global_options_shown);
    fputs("\"\n        ;;\n", to);
    for (const struct command *const *c = commands; *c; c++)
        command_print(to, *c);
    fputs(epilogue, to);
}
