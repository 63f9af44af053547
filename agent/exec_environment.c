/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/exec_environment.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/atomic.h"

#define AGENT_FILE "libadatrace-agent.so"
#define PRELOAD    "LD_PRELOAD="
#define SESSION    HANDSHAKE_ENVIRONMENT "="

enum { PRELOAD_BYTES = sizeof(PRELOAD) - 1, SESSION_BYTES = sizeof(SESSION) - 1 };

/* The two variables as we put them back; empty: nothing to put back. */
static char our_preload[PRELOAD_BYTES + PATH_MAX];
static char our_session[SESSION_BYTES + sizeof(((struct sockaddr_un *)0)->sun_path)];

/* ---- LD_PRELOAD's value: names between colons and blanks ---- */

static const char *next_name(const char *text, size_t *length)
{
    text += strspn(text, ": ");
    *length = strcspn(text, ": ");
    return *length ? text : NULL;
}

static bool is_agent(const char *name, size_t length)
{
    const size_t file = sizeof(AGENT_FILE) - 1;

    return length >= file && !memcmp(name + length - file, AGENT_FILE, file) &&
           (length == file || name[length - file - 1] == '/');
}

static const char *find_agent(const char *value, size_t *length)
{
    const char *name = value;

    while ((name = next_name(name, length)) && !is_agent(name, *length))
        name += *length;
    return name;
}

void exec_environment_prepare(void)
{
    const char *preload = getenv("LD_PRELOAD"), *session = getenv(HANDSHAKE_ENVIRONMENT), *name;
    size_t length = 0;
    Dl_info us;

    /* By the name it was loaded by, where that holds in any directory. */
    name = preload ? find_agent(preload, &length) : NULL;
    if (dladdr(our_preload, &us) && us.dli_fname && *us.dli_fname == '/') {
        name = us.dli_fname;
        length = strlen(name);
    }
    if (!name || length >= PATH_MAX)
        return;
    strcpy(our_preload, PRELOAD);
    memcpy(our_preload + PRELOAD_BYTES, name, length);
    our_preload[PRELOAD_BYTES + length] = 0;
    if (!session || strlen(session) >= sizeof(our_session) - SESSION_BYTES)
        return;
    strcpy(our_session, SESSION);
    strcpy(our_session + SESSION_BYTES, session);
}

/* ---- what has to be done ---- */

struct plan {
    size_t entries; /* of the given environment, without the NULL */
    size_t bytes;   /* of new text */
    bool add_preload, add_session, change;
};

static bool is_preload(const char *entry)
{
    return *entry == 'L' && !strncmp(entry, PRELOAD, PRELOAD_BYTES);
}

static bool is_session(const char *entry)
{
    return *entry == 'A' && !strncmp(entry, SESSION, SESSION_BYTES) && entry[SESSION_BYTES];
}

/* After chroot() or with other rights the agent may be out of reach: the dynamic linker would
 * complain on the program's stderr. */
static bool agent_is_reachable(void)
{
    const char *path = our_preload + PRELOAD_BYTES;
    int saved = errno;
    bool reachable = *path != '/' || !access(path, R_OK);

    errno = saved;
    return reachable;
}

static struct plan make_plan(char *const *given, bool fit, bool follow)
{
    struct plan p = {.add_preload = fit && follow, .add_session = fit && follow};
    size_t length;

    for (; given && given[p.entries]; p.entries++) {
        const char *entry = given[p.entries];
        bool has_agent;

        if (is_session(entry))
            p.add_session = false; /* perhaps another recording's, inside ours: its own */
        if (!is_preload(entry))
            continue;
        has_agent = find_agent(entry + PRELOAD_BYTES, &length) != NULL;
        if (fit ? follow && !has_agent : has_agent) {
            p.change = true;
            p.bytes += strlen(entry) + 2 + (fit ? strlen(our_preload) : 0);
        }
        p.add_preload = false;
    }
    p.change |= p.add_preload | p.add_session;
    return p;
}

/* ---- memory ---- */

/*
 * A vfork child that executed its program holds its piece no more, though it never said so. It ran
 * on behalf of a thread, told by the address of a thread-local variable, and under a process id of
 * its own: a piece of this thread's that another process id holds is free.
 */
struct exec_scratch {
    struct exec_scratch *next;
    const void *thread;
    size_t bytes;
    uint32_t holder; /* process id; 0: nobody */
};
static struct exec_scratch *scratches;

static struct exec_scratch *scratch_find(size_t bytes, uint32_t pid)
{
    struct exec_scratch *s = load_acquire(&scratches); /* pairs with scratch_add() */

    while (s && (s->thread != (const void *)&ada_self || s->bytes < bytes || s->holder == pid))
        s = s->next;
    return s;
}

static struct exec_scratch *scratch_add(size_t bytes)
{
    struct exec_scratch *s =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED)
        return NULL;
    s->thread = (const void *)&ada_self;
    s->bytes = bytes;
    s->next = load_relaxed(&scratches);
    /* Release on success: pairs with the acquire in scratch_find(). */
    while (!compare_exchange(&scratches, &s->next, s))
        ;
    return s;
}

static struct exec_scratch *scratch_hold(size_t bytes)
{
    uint32_t pid = (uint32_t)getpid();
    struct exec_scratch *s;

    bytes = (bytes + sizeof(*s) + 0xffff) & ~(size_t)0xffff;
    s = scratch_find(bytes, pid);
    if (!s)
        s = scratch_add(bytes);
    if (s)
        s->holder = pid;
    return s;
}

/* ---- doing it ---- */

/* Copy the value without the agent. Returns how much was written. */
static size_t copy_without(char *to, const char *value)
{
    size_t used = 0, length;

    for (const char *name = value; (name = next_name(name, &length)); name += length) {
        if (is_agent(name, length))
            continue;
        if (used)
            to[used++] = ':';
        memcpy(to + used, name, length);
        used += length;
    }
    to[used] = 0;
    return used;
}

/* What becomes of the entry of an environment that is changed, its text at *text if it is new;
 * NULL: it goes. */
static char *change_preload(char *entry, bool fit, char **text)
{
    char *made = *text;
    size_t length;

    if (fit == (find_agent(entry + PRELOAD_BYTES, &length) != NULL))
        return entry;
    if (fit) {
        strcpy(made, our_preload);
        *text += strlen(made);
        if (entry[PRELOAD_BYTES]) {
            *(*text)++ = ':';
            strcpy(*text, entry + PRELOAD_BYTES);
            *text += strlen(*text);
        }
        (*text)++;
        return made;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): the plan has counted these bytes */
    strcpy(made, PRELOAD);
    length = copy_without(made + PRELOAD_BYTES, entry + PRELOAD_BYTES);
    *text += PRELOAD_BYTES + length + 1;
    return length ? made : NULL;
}

static void fill(char **out, char *text, char *const *given, const struct plan *p, bool fit)
{
    if (p->add_preload)
        *out++ = our_preload;
    if (p->add_session)
        *out++ = our_session;
    for (size_t i = 0; i < p->entries; i++) {
        char *entry = is_preload(given[i]) ? change_preload(given[i], fit, &text) : given[i];

        if (entry)
            *out++ = entry;
    }
    *out = NULL;
}

void exec_environment_init(struct exec_environment *e, char *const *given, bool fit, bool follow)
{
    struct plan p;
    size_t pointers;

    e->entries = given;
    e->scratch = NULL;
    if (!*our_preload)
        return;
    follow = follow && *our_session;
    fit = fit && agent_is_reachable();
    p = make_plan(given, fit, follow);
    if (!p.change)
        return;
    pointers = p.entries + 3;
    if (!p.bytes && pointers <= EXEC_ENTRIES_SMALL) {
        fill(e->small, NULL, given, &p, fit);
        e->entries = e->small;
        return;
    }
    e->scratch = scratch_hold(pointers * sizeof(char *) + p.bytes);
    if (e->scratch) {
        char **out = (char **)(void *)(e->scratch + 1);

        fill(out, (char *)(out + pointers), given, &p, fit);
        e->entries = out;
    }
}

void exec_environment_fini(struct exec_environment *e)
{
    if (e->scratch)
        e->scratch->holder = 0;
}
