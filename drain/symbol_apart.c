/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/symbol_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUT_BYTES = 16 * 1024, TEXT_MAX = 64 * 1024 };

/* One thing found, then `text` and `file` without their ends. */
struct message {
    enum { MESSAGE_SYMBOL = 1, MESSAGE_NOTE, MESSAGE_END } kind;
    uint32_t text_bytes, file_bytes;
    union {
        struct trace_symbol symbol; /* without its texts, which are pointers of the child's */
        struct trace_note note;
    } item;
};

/* ---- the child ---- */

struct sender {
    int fd;
    bool broken; /* who listened has gone */
    size_t used;
    unsigned char out[OUT_BYTES];
};

static void sender_flush(struct sender *s)
{
    for (size_t done = 0; done < s->used && !s->broken;) {
        ssize_t part = write(s->fd, s->out + done, s->used - done);

        if (part > 0)
            done += (size_t)part;
        else if (part == 0 || errno != EINTR)
            s->broken = true;
    }
    s->used = 0;
}

static void sender_put(struct sender *s, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;

    while (size) {
        size_t part = size < OUT_BYTES - s->used ? size : OUT_BYTES - s->used;

        memcpy(s->out + s->used, from, part);
        s->used += part;
        from += part;
        size -= part;
        if (s->used == OUT_BYTES)
            sender_flush(s);
    }
}

static void message_send(struct sender *s, struct message *m, const char *text, const char *file)
{
    m->text_bytes = (uint32_t)strnlen(text, TEXT_MAX);
    m->file_bytes = (uint32_t)strnlen(file, TEXT_MAX);
    sender_put(s, m, sizeof(*m));
    sender_put(s, text, m->text_bytes);
    sender_put(s, file, m->file_bytes);
}

static void symbol_send(void *context, const struct trace_symbol *symbol)
{
    struct message m = {.kind = MESSAGE_SYMBOL, .item.symbol = *symbol};

    m.item.symbol.name = m.item.symbol.file = NULL;
    message_send(context, &m, symbol->name, symbol->file);
}

static void note_send(void *context, const struct trace_note *note)
{
    struct message m = {.kind = MESSAGE_NOTE, .item.note = *note};

    m.item.note.text = NULL;
    message_send(context, &m, note->text, "");
}

/* Nothing on our streams, no core file; gone when we are. */
static void child_calm(pid_t parent)
{
    const struct rlimit none = {0};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    (void)setrlimit(RLIMIT_CORE, &none);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (nothing < 0 || dup2(nothing, fd) < 0)
            close(fd);
}

__attribute__((noreturn)) static void child_run(void (*look)(void *context,
                                                             const struct symbol_sink *sink),
                                                void *context, int fd)
{
    static struct sender sender; /* of this process alone */
    const struct symbol_sink sink = {&sender, symbol_send, note_send};
    struct message end = {.kind = MESSAGE_END};

    sender = (struct sender){.fd = fd};
    look(context, &sink);
    message_send(&sender, &end, "", "");
    sender_flush(&sender);
    _exit(sender.broken);
}

/* ---- who listens ---- */

static bool bytes_receive(int fd, void *bytes, size_t size, int silence_ms)
{
    struct pollfd from = {.fd = fd, .events = POLLIN};
    unsigned char *to = bytes;

    while (size) {
        ssize_t part;
        int told = poll(&from, 1, silence_ms);

        if (told < 0 && errno == EINTR)
            continue;
        if (told == 0)
            return false;
        part = read(fd, to, size);
        if (part > 0) {
            to += part;
            size -= (size_t)part;
        } else if (part == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* The child is a copy of us; but it has read files that may be anything, so it may say anything. */
static bool message_is_sound(const struct message *m)
{
    return m->kind >= MESSAGE_SYMBOL && m->kind <= MESSAGE_END && m->text_bytes <= TEXT_MAX &&
           m->file_bytes <= TEXT_MAX;
}

static void message_pass_on(struct message *m, const char *text, const char *file,
                            const struct symbol_sink *sink)
{
    if (m->kind == MESSAGE_SYMBOL) {
        m->item.symbol.name = text;
        m->item.symbol.file = file;
        sink->symbol(sink->context, &m->item.symbol);
    } else {
        m->item.note.text = text;
        sink->note(sink->context, &m->item.note);
    }
}

/* True: it said all that it had to say. */
static bool child_hear(int fd, char *texts, const struct symbol_sink *sink, int silence_ms)
{
    char *text = texts, *file = texts + TEXT_MAX + 1;
    struct message m;

    while (bytes_receive(fd, &m, sizeof(m), silence_ms) && message_is_sound(&m)) {
        if (m.kind == MESSAGE_END)
            return true;
        if (!bytes_receive(fd, text, m.text_bytes, silence_ms) ||
            !bytes_receive(fd, file, m.file_bytes, silence_ms))
            return false;
        text[m.text_bytes] = file[m.file_bytes] = 0;
        message_pass_on(&m, text, file, sink);
    }
    return false;
}

int symbol_apart_run(void (*look)(void *context, const struct symbol_sink *sink), void *context,
                     const struct symbol_sink *sink, int silence_ms)
{
    char *texts = malloc((TEXT_MAX + 1) * 2);
    pid_t parent = getpid(), child;
    bool is_whole;
    int fds[2];

    if (!texts)
        return -ENOMEM;
    if (pipe2(fds, O_CLOEXEC)) {
        free(texts);
        return -EAGAIN;
    }
    child = fork();
    if (!child) {
        child_calm(parent);
        child_run(look, context, fds[1]);
    }
    if (child < 0) {
        int err = errno == ENOMEM ? -ENOMEM : -EAGAIN;

        close(fds[0]);
        close(fds[1]);
        free(texts);
        return err;
    }
    close(fds[1]);
    is_whole = child_hear(fds[0], texts, sink, silence_ms);
    close(fds[0]);
    if (!is_whole) /* it may be waiting for what never comes */
        kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    free(texts);
    return is_whole ? 0 : -EIO;
}
