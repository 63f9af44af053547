/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_MAX = 32 * 1024 };

/* Up to size - 1 bytes and a NUL. Returns how many, 0 when there is nothing to read. */
static size_t file_read(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t got;

    while (fd >= 0 && used < size - 1 && (got = read(fd, out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    if (fd >= 0)
        close(fd);
    out[used] = 0;
    return used;
}

static bool is_plain(const char *word)
{
    return *word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_-+=./:,@%^")];
}

static void quote_word(FILE *out, const char *word)
{
    if (is_plain(word)) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

char *proc_words_quote(const char *words, size_t size)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    for (size_t at = 0; at < size; at += strlen(words + at) + 1) {
        if (at)
            fputc(' ', out);
        quote_word(out, words + at);
    }
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

static char *executable_read(uint32_t pid)
{
    char path[64], target[PATH_MAX];
    ssize_t size;

    snprintf(path, sizeof(path), "/proc/%u/exe", pid);
    size = readlink(path, target, sizeof(target) - 1);
    if (size <= 0)
        return NULL;
    target[size] = 0;
    return strdup(target);
}

static char *command_read(uint32_t pid)
{
    char path[64], *words = malloc(COMMAND_MAX), *text = NULL;
    size_t size;

    snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
    size = words ? file_read(path, words, COMMAND_MAX) : 0;
    if (size)
        text = proc_words_quote(words, words[size - 1] ? size + 1 : size);
    free(words);
    return text;
}

/* "pid (name) state ppid ...": where the space in front of the state is, or NULL. The name may hold
 * anything, so look for its end from behind. */
static char *stat_after_name(uint32_t pid, char *text, size_t size)
{
    char path[64], *at;

    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    if (!file_read(path, text, size) || !(at = strrchr(text, ')')))
        return NULL;
    return at + strcspn(at, " ");
}

bool proc_has_ended(uint32_t pid)
{
    char text[1024], *at = stat_after_name(pid, text, sizeof(text));

    return !at || at[1] == 'Z' || at[1] == 'X';
}

bool proc_thread_has_ended(uint32_t pid, uint32_t tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%u/task/%u", pid, tid);
    if (!access(path, F_OK) || errno != ENOENT)
        return false;
    snprintf(path, sizeof(path), "/proc/%u/task/%u", pid, pid);
    return !access(path, F_OK);
}

static void stat_read(uint32_t pid, struct proc_facts *facts)
{
    char text[1024], *at = stat_after_name(pid, text, sizeof(text));

    for (unsigned field = 3; at && *at; field++) {
        at++;
        if (field == 4)
            facts->parent_pid = (uint32_t)strtoul(at, NULL, 10);
        if (field == 22) {
            facts->start_time = strtoull(at, NULL, 10);
            return;
        }
        at = strchr(at, ' ');
    }
}

void proc_facts_read(uint32_t pid, struct proc_facts *facts)
{
    *facts = (struct proc_facts){.executable = executable_read(pid), .command = command_read(pid)};
    stat_read(pid, facts);
}

void proc_facts_free(struct proc_facts *facts)
{
    free(facts->executable);
    free(facts->command);
    *facts = (struct proc_facts){0};
}

uint64_t proc_start_time(uint32_t pid)
{
    struct proc_facts facts = {0};

    stat_read(pid, &facts);
    return facts.start_time;
}

void proc_thread_name(uint32_t pid, uint32_t tid, char *name, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", pid, tid);
    file_read(path, name, size);
    name[strcspn(name, "\n")] = 0;
}
