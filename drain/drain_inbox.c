/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads want of the drain: it looks between two rounds; for who waits for an answer,
 * between two pieces of a round's work as well. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "drain/drain_state.h"

/* A caller of drain_call(), who waits. */
struct inbox_call {
    int (*run)(struct drain *d, void *context);
    void *context;
    int result;
    bool answered; /* under lock */
};

enum message_kind { MESSAGE_ATTACH, MESSAGE_NOTE, MESSAGE_CHILD, MESSAGE_STATUS, MESSAGE_CALL };

struct drain_message {
    struct drain_message *next;
    enum message_kind kind;
    struct drain_attachment attachment;
    struct drain_source *source; /* memory for the attachment */
    struct drain_process *root;
    enum trace_note_kind note;
    uint32_t pid;
    int status;
    struct inbox_call *call;
    char text[];
};

void inbox_init(struct drain *d)
{
    d->inbox_end = &d->inbox;
    pthread_cond_init(&d->answered, NULL);
}

static void call_answer(struct drain *d, struct inbox_call *call, int result)
{
    pthread_mutex_lock(&d->lock);
    call->result = result;
    call->answered = true;
    pthread_cond_broadcast(&d->answered);
    pthread_mutex_unlock(&d->lock);
}

static void attach_cancel(struct drain_message *m)
{
    free(m->source);
    free(m->root);
    free(m);
}

/* It was never taken. Of calls there is none left: inbox_close(). */
static void message_free(struct drain_message *m)
{
    if (m->kind == MESSAGE_ATTACH) {
        if (!m->attachment.kept)
            segment_destroy(&m->attachment.segment);
        if (m->attachment.pidfd >= 0)
            close(m->attachment.pidfd);
        proc_facts_free(&m->attachment.facts);
    }
    attach_cancel(m);
}

void inbox_fini(struct drain *d)
{
    struct drain_message *next;

    for (struct drain_message *m = d->inbox; m; m = next) {
        next = m->next;
        message_free(m);
    }
    pthread_cond_destroy(&d->answered);
}

static struct drain_message *message_make(const struct drain_message *head, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    struct drain_message *m = malloc(sizeof(*m) + length + 1);

    if (!m)
        return NULL;
    *m = *head;
    m->next = NULL;
    memcpy(m->text, text ? text : "", length + 1);
    return m;
}

static int message_post(struct drain *d, struct drain_message *m)
{
    pthread_mutex_lock(&d->lock);
    /* Whoever waits for an answer has to be told; all others are taken back by inbox_fini(). */
    if (d->inbox_closed && m->kind == MESSAGE_CALL) {
        pthread_mutex_unlock(&d->lock);
        free(m);
        return -ESHUTDOWN;
    }
    *d->inbox_end = m;
    d->inbox_end = &m->next;
    if (m->kind == MESSAGE_CALL)
        add_relaxed(&d->calls, 1); /* relaxed: what it tells of is found under the lock */
    pthread_mutex_unlock(&d->lock);
    wait_wake(&d->wait);
    return 0;
}

static int message_send(struct drain *d, const struct drain_message *head, const char *text)
{
    struct drain_message *m = message_make(head, text);

    return m ? message_post(d, m) : -ENOMEM;
}

/* The sender cannot do anything about it: it shows at the end of the file. */
static void message_send_or_tell(struct drain *d, const struct drain_message *head,
                                 const char *text)
{
    if (message_send(d, head, text) != -ENOMEM)
        return;
    pthread_mutex_lock(&d->lock);
    d->inbox_lost = true;
    pthread_mutex_unlock(&d->lock);
}

static int attach_prepare(struct drain_message **out, const struct drain_attachment *attachment)
{
    struct drain_message *m = message_make(
        &(struct drain_message){.kind = MESSAGE_ATTACH, .attachment = *attachment}, NULL);

    if (!m)
        return -ENOMEM;
    m->source = calloc(1, sizeof(*m->source));
    m->root = calloc(1, sizeof(*m->root));
    if (!m->source || !m->root) {
        attach_cancel(m);
        return -ENOMEM;
    }
    *out = m;
    return 0;
}

int drain_attach_promised(struct drain *d, const struct drain_attachment *attachment,
                          int (*promise)(void *context), void *context)
{
    struct drain_message *prepared;
    int err = attach_prepare(&prepared, attachment);

    if (err)
        return err;
    pthread_mutex_lock(&d->promising);
    err = promise(context);
    if (!err)
        (void)!message_post(d, prepared); /* only calls are refused */
    pthread_mutex_unlock(&d->promising);
    if (err)
        attach_cancel(prepared);
    return err;
}

int drain_attach(struct drain *d, const struct drain_attachment *attachment)
{
    struct drain_message *prepared;
    int err = attach_prepare(&prepared, attachment);

    return err ? err : message_post(d, prepared);
}

uint32_t drain_attached(const struct drain *d)
{
    return load_acquire(&d->attached); /* Pairs with message_take(). */
}

void drain_note(struct drain *d, enum trace_note_kind kind, const char *text)
{
    message_send_or_tell(d, &(struct drain_message){.kind = MESSAGE_NOTE, .note = kind}, text);
}

void drain_child(struct drain *d, uint32_t pid)
{
    message_send_or_tell(d, &(struct drain_message){.kind = MESSAGE_CHILD, .pid = pid}, NULL);
}

/* Whoever was promised rings before has its attachment in the inbox behind this. */
static void promises_wait(struct drain *d)
{
    pthread_mutex_lock(&d->promising);
    pthread_mutex_unlock(&d->promising);
}

void drain_child_status(struct drain *d, uint32_t pid, int status)
{
    /* A short program is gone before the door has told of it. */
    promises_wait(d);
    message_send_or_tell(
        d, &(struct drain_message){.kind = MESSAGE_STATUS, .pid = pid, .status = status}, NULL);
}

int drain_call(struct drain *d, int (*run)(struct drain *drain, void *context), void *context)
{
    struct inbox_call call = {.run = run, .context = context};
    int err = message_send(d, &(struct drain_message){.kind = MESSAGE_CALL, .call = &call}, NULL);

    if (err)
        return err;
    pthread_mutex_lock(&d->lock);
    while (!call.answered)
        pthread_cond_wait(&d->answered, &d->lock);
    pthread_mutex_unlock(&d->lock);
    return call.result;
}

static void message_take(struct drain *d, struct drain_message *m)
{
    switch (m->kind) {
    case MESSAGE_ATTACH:
        source_attach(d, &m->attachment, m->source, m->root);
        /* Its place in the list of life. Pairs with drain_attached(). */
        store_release(&d->attached, d->attached + 1);
        break;
    case MESSAGE_NOTE:
        drain_write_note(d, m->note, TRACE_PROCESS_NONE, "%s", m->text);
        break;
    case MESSAGE_CHILD:
        process_is_child(d, m->pid);
        break;
    case MESSAGE_STATUS:
        process_status(d, m->pid, m->status);
        break;
    case MESSAGE_CALL:
        call_answer(d, m->call, m->call->run(d, m->call->context));
    }
    free(m);
}

static void messages_take(struct drain *d, struct drain_message *m)
{
    for (struct drain_message *next; m; m = next) {
        next = m->next;
        message_take(d, m);
    }
}

void inbox_take(struct drain *d)
{
    struct drain_message *m;

    pthread_mutex_lock(&d->lock);
    d->taking = d->inbox;
    d->inbox = NULL;
    d->inbox_end = &d->inbox;
    store_relaxed(&d->calls, 0); /* relaxed: as in message_post() */
    if (d->inbox_lost)
        drain_fail(d, -ENOMEM);
    d->inbox_lost = false;
    pthread_mutex_unlock(&d->lock);
    while ((m = d->taking)) {
        d->taking = m->next;
        message_take(d, m);
    }
}

void inbox_take_in_between(struct drain *d)
{
    if (!d->pauses)
        return;
    d->pauses = false; /* a call that reads rings does not answer others meanwhile */
    inbox_take(d);
    d->pauses = true;
}

/* Those of one kind, in their order; the list's new end. */
static struct drain_message **messages_pick(struct drain_message **list, enum message_kind kind,
                                            struct drain_message **picked)
{
    *picked = NULL;
    while (*list) {
        struct drain_message *m = *list;

        if (m->kind != kind) {
            list = &m->next;
            continue;
        }
        *list = m->next;
        m->next = NULL;
        *picked = m;
        picked = &m->next;
    }
    return list;
}

/* What is noted while the end is made, such as a last snapshot that failed, stands in the file,
 * too.
 */
void inbox_take_notes(struct drain *d)
{
    struct drain_message *notes;

    pthread_mutex_lock(&d->lock);
    d->inbox_end = messages_pick(&d->inbox, MESSAGE_NOTE, &notes);
    if (d->inbox_lost)
        drain_fail(d, -ENOMEM);
    d->inbox_lost = false;
    pthread_mutex_unlock(&d->lock);
    messages_take(d, notes);
}

void inbox_take_attachments(struct drain *d)
{
    struct drain_message *first, *rest;

    promises_wait(d);
    (void)messages_pick(&d->taking, MESSAGE_ATTACH, &first);
    pthread_mutex_lock(&d->lock);
    d->inbox_end = messages_pick(&d->inbox, MESSAGE_ATTACH, &rest);
    pthread_mutex_unlock(&d->lock);
    messages_take(d, first);
    messages_take(d, rest);
}

/* Calls that came too late get their answer. What else is there stays for inbox_fini(). */
void inbox_close(struct drain *d)
{
    struct drain_message **at;

    pthread_mutex_lock(&d->lock);
    d->inbox_closed = true;
    for (at = &d->inbox; *at;) {
        struct drain_message *m = *at;

        if (m->kind != MESSAGE_CALL) {
            at = &m->next;
            continue;
        }
        m->call->result = -ESHUTDOWN;
        m->call->answered = true;
        *at = m->next;
        free(m);
    }
    d->inbox_end = at;
    store_relaxed(&d->calls, 0); /* relaxed: as in message_post() */
    pthread_cond_broadcast(&d->answered);
    pthread_mutex_unlock(&d->lock);
}
