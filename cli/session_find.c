/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session_find.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/status.h"

enum {
    PATIENCE_MS = 1500, /* for a question that is about the session as a whole */
    BIRTH_SECONDS = 10, /* a folder without a socket may be of a session that begins */
};

/* ---- one folder ---- */

/* Only what is certainly ours: private, of this user, no link. */
static bool folder_is_ours(const struct stat *status)
{
    return S_ISDIR(status->st_mode) && status->st_uid == geteuid() && (status->st_mode & 077) == 0;
}

/* The name of the program that a command line begins with. */
static char *program_of(char *place, const char *command)
{
    size_t size = strcspn(command, " ");
    const char *name = command;

    for (size_t i = 0; i < size; i++)
        if (command[i] == '/')
            name = command + i + 1;
    size -= (size_t)(name - command);
    memcpy(place, name, size);
    place[size] = 0;
    return place;
}

/* From pairs of name and value; takes the memory over. */
static void entry_fill(struct session_entry *e, char *memory, size_t bytes)
{
    static char nothing[] = "";
    char *at = memory, *end = memory + bytes;

    e->memory = memory;
    e->kind = e->name = e->program = e->command = e->file = nothing;
    while (at < end) {
        char *name = at, *value = name + strlen(name) + 1;

        if (value >= end)
            break;
        at = value + strlen(value) + 1;
        if (!strcmp(name, "kind"))
            e->kind = value;
        else if (!strcmp(name, "name"))
            e->name = value;
        else if (!strcmp(name, "command"))
            e->command = value;
        else if (!strcmp(name, "file"))
            e->file = value;
        else if (!strcmp(name, "pid"))
            e->pid = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(name, "drain_pid"))
            e->drain_pid = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(name, "start_ns"))
            e->start_ns = strtoull(value, NULL, 10);
    }
}

static int entry_describe(struct session_entry *e, struct session_client *client)
{
    struct session_answer answer;
    char *memory;
    int err = session_client_ask(client, "describe", 0, NULL, PATIENCE_MS, &answer);

    if (err)
        return err;
    err = answer.status;
    /* Once more as long: the program's name comes behind it. */
    memory = err < 0 ? NULL : realloc(answer.body, 2 * answer.bytes + 2);
    if (memory) {
        answer.body = NULL;
        entry_fill(e, memory, answer.bytes);
        e->program = program_of(memory + answer.bytes + 1, e->command);
    }
    session_answer_free(&answer);
    return err < 0 ? err : memory ? 0 : -ENOMEM;
}

enum verdict { SESSION_ANSWERS, SESSION_MUTE, SESSION_DEAD, SESSION_NONE };

/* A forked child of a dead session's process may still hold its socket. */
static bool process_is_there(uint32_t pid)
{
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

/* A folder without a control socket: of a session that begins, or ends, or cannot be asked. */
static enum verdict silence_look(const struct session_entry *e, const struct stat *status)
{
    char path[SESSION_PATH_BYTES];
    struct session_client client;
    int err;

    session_folder_at(&e->folder, "socket", path);
    err = session_client_open(&client, path);
    session_client_close(&client);
    if (err != -ENOENT && err != -ECONNREFUSED)
        return SESSION_MUTE;
    return time(NULL) - status->st_mtime > BIRTH_SECONDS ? SESSION_DEAD : SESSION_NONE;
}

static enum verdict folder_look(struct session_entry *e)
{
    struct session_client client;
    struct stat status;
    int err;

    if (lstat(e->folder.path, &status))
        return errno == ENOENT ? SESSION_NONE : SESSION_MUTE;
    if (!folder_is_ours(&status))
        return SESSION_NONE;
    err = session_entry_open(e, &client);
    if (err == -ECONNREFUSED)
        return SESSION_DEAD;
    if (err == -ENOENT)
        return silence_look(e, &status);
    if (err)
        return SESSION_MUTE;
    if (!process_is_there(client.peer_pid)) {
        session_client_close(&client);
        return SESSION_DEAD;
    }
    err = entry_describe(e, &client);
    /* It ended while we asked; what it leaves, it removes. */
    if (err == -ECONNRESET || err == -EPIPE)
        return SESSION_NONE;
    return err ? SESSION_MUTE : SESSION_ANSWERS;
}

/* ---- all folders ---- */

static int list_add(struct session_list *list, const struct session_entry *e)
{
    struct session_entry *entries =
        realloc(list->entries, (list->count + 1) * sizeof(*list->entries));

    if (!entries)
        return -ENOMEM;
    list->entries = entries;
    list->entries[list->count++] = *e;
    return 0;
}

static int folder_visit(struct session_list *list, const char *parent, const char *name)
{
    struct session_entry e = {0};

    if (strlen(name) != strlen(CONTROL_FOLDER_PREFIX "XXXXXX") ||
        strncmp(name, CONTROL_FOLDER_PREFIX, strlen(CONTROL_FOLDER_PREFIX)) != 0 ||
        (size_t)snprintf(e.folder.path, sizeof(e.folder.path), "%s/%s", parent, name) >=
            sizeof(e.folder.path) - sizeof("/" CONTROL_SOCKET))
        return 0;
    switch (folder_look(&e)) {
    case SESSION_ANSWERS:
        if (list_add(list, &e) == 0)
            return 0;
        session_entry_free(&e);
        return -ENOMEM;
    case SESSION_DEAD:
        if (session_folder_remove(&e.folder) == 0)
            list->removed++;
        return 0;
    case SESSION_MUTE:
        list->mute++;
        return 0;
    default:
        return 0;
    }
}

static int by_age(const void *a, const void *b)
{
    const struct session_entry *left = a, *right = b;

    return left->start_ns < right->start_ns ? -1 : left->start_ns > right->start_ns;
}

static int parent_visit(struct session_list *list, const char *parent)
{
    DIR *folder = opendir(parent);
    struct dirent *item;
    int err = 0;

    /* None there, or none for us: none of our sessions. */
    if (!folder)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
    while (!err) {
        errno = 0; /* the end and a failure look alike */
        item = readdir(folder);
        if (!item) {
            err = -errno;
            break;
        }
        err = folder_visit(list, parent, item->d_name);
    }
    closedir(folder);
    return err;
}

int session_list_make(struct session_list *list)
{
    const char *parent;
    int err = 0;

    *list = (struct session_list){0};
    for (unsigned n = 0; !err && (parent = session_folder_parent(n)); n++)
        err = parent_visit(list, parent);
    if (list->count)
        qsort(list->entries, list->count, sizeof(*list->entries), by_age);
    if (err)
        session_list_free(list);
    return err;
}

void session_entry_free(struct session_entry *e)
{
    free(e->memory);
    *e = (struct session_entry){0};
}

void session_list_free(struct session_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        session_entry_free(&list->entries[i]);
    free(list->entries);
    *list = (struct session_list){0};
}

const char *session_entry_name(const struct session_entry *e)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who has a session has its name */
    return e->name[0] ? e->name : e->program;
}

/* ---- the one that is meant ---- */

/* How well it fits: 3 by pid, 2 by its own name, 1 by the program's, 0 not. */
static int entry_fit(const struct session_entry *e, const char *wanted)
{
    char *end;
    unsigned long pid = strtoul(wanted, &end, 10);

    if (*wanted && !*end && pid && (pid == e->pid || pid == e->drain_pid))
        return 3;
    if (e->name[0] && strcmp(e->name, wanted) == 0)
        return 2;
    return strcmp(e->program, wanted) == 0;
}

static void candidates_tell(const struct session_list *list, const char *wanted, int fit,
                            size_t count)
{
    if (wanted)
        message_print("%zu sessions are called %s; say which by its process id:", count, wanted);
    else
        message_print("%zu sessions run; say which by its name or process id:", count);
    for (size_t i = 0; i < list->count; i++) {
        const struct session_entry *e = &list->entries[i];

        if (!wanted || entry_fit(e, wanted) == fit)
            message_line("  %u  %s  %s", e->pid ? e->pid : e->drain_pid, session_entry_name(e),
                         e->command);
    }
}

/* NULL: none or several, which was said. */
static struct session_entry *entry_choose(const struct session_list *list, const char *wanted)
{
    struct session_entry *found = NULL;
    size_t count = 0;
    int best = 0;

    for (size_t i = 0; i < list->count; i++) {
        int fit = wanted ? entry_fit(&list->entries[i], wanted) : 1;

        if (!fit || fit < best)
            continue;
        count = fit > best ? 1 : count + 1;
        best = fit;
        found = &list->entries[i];
    }
    if (count == 1)
        return found;
    if (count > 1)
        candidates_tell(list, wanted, best, count);
    else if (wanted)
        message_print("no session of that name or process id runs: %s; `adatrace list` shows "
                      "those that do",
                      wanted);
    else if (list->mute)
        message_print("%zu sessions run, but do not answer", list->mute);
    else
        message_print("no session runs; `adatrace record` begins one");
    return NULL;
}

int session_entry_open(const struct session_entry *e, struct session_client *client)
{
    char path[SESSION_PATH_BYTES];

    session_folder_at(&e->folder, CONTROL_SOCKET, path);
    return session_client_open(client, path);
}

static int client_open(struct session_client *client, const struct session_entry *e)
{
    int err = session_entry_open(e, client);

    if (!err)
        return STATUS_GOOD;
    if (err == -ECONNREFUSED || err == -ENOENT) {
        message_print("the session %s has just ended", session_entry_name(e));
        return STATUS_FAILED;
    }
    return message_failure(err, "the session %s cannot be asked", session_entry_name(e));
}

int session_open(struct session_client *client, const char *wanted, struct session_entry *entry)
{
    struct session_list list;
    struct session_entry *chosen;
    int status = STATUS_FAILED, err = session_list_make(&list);

    client->fd = -1;
    if (err)
        return message_failure(err, "sessions cannot be looked for");
    chosen = entry_choose(&list, wanted);
    if (chosen)
        status = client_open(client, chosen);
    if (status == STATUS_GOOD && entry) {
        *entry = *chosen;
        chosen->memory = NULL;
    }
    session_list_free(&list);
    return status;
}

int session_ask(const char *wanted, const char *verb, unsigned count, const char *const *words,
                struct session_answer *answer, struct session_entry *entry)
{
    struct session_entry own = {0}, *e = entry ? entry : &own;
    struct session_client client;
    int status = session_open(&client, wanted, e), err;

    *answer = (struct session_answer){0};
    if (status)
        return status;
    err = session_client_ask(&client, verb, count, words, 0, answer);
    if (err) {
        status = message_failure(
            err, "no answer of the session %s could be had; it may have done what it was asked for",
            session_entry_name(e));
    } else if (answer->status < 0) {
        message_print("%s", answer->body);
        /* Words that it did not understand. */
        status =
            answer->status == -EINVAL || answer->status == -ERANGE ? STATUS_MISUSE : STATUS_FAILED;
        session_answer_free(answer);
    }
    if (status || !entry)
        session_entry_free(e);
    return status;
}
