/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_collector.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/clock_source.h"
#include "registry/handshake.h"
#include "registry/registry.h"
#include "tests/helpers/ticks_order.h"

enum { IMAGES_MAX = 512, TYPES_MAX = 256 };

struct image {
    struct segment segment;
    struct arena_reader arena;
    struct schema_owned types[TYPES_MAX];
    struct slot_follower {
        bool open, is_met;
        uint32_t generation, pid, tid;
        uint64_t ticks;
        struct ring_reader reader;
    } slots[SEGMENT_SLOTS_MAX];
};

struct agent_collector {
    struct agent_collector_options options;
    char directory[32], path[64];
    int socket;
    pthread_t thread;
    uint32_t stopping;
    bool is_ordered; /* the clock of the records goes on, wherever a thread runs */
    struct image *images[IMAGES_MAX];
    struct arena_item item;

    struct seen_event *events;
    size_t event_count, event_capacity;
    struct seen_module *modules;
    size_t module_count;
    struct agent_collector_figures figures;
};

/* ---- connections ---- */

static void send_welcome(int client, int segment, int status)
{
    struct handshake_welcome welcome = {
        .magic = HANDSHAKE_MAGIC, .version = HANDSHAKE_VERSION, .status = status};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec piece = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    if (!status) {
        struct cmsghdr *c;

        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &segment, sizeof(int));
    }
    sendmsg(client, &message, MSG_NOSIGNAL);
}

static int make_image(struct agent_collector *c, struct image **out)
{
    const struct segment_geometry geometry = {
        .slots = c->options.slots ? c->options.slots : 64,
        .ring_bytes = c->options.ring_bytes ? c->options.ring_bytes : 256 * 1024,
        .arena_bytes = 1 << 20,
        .policy = RING_DROP,
        .clock = c->options.monotonic ? SEGMENT_CLOCK_MONOTONIC : SEGMENT_CLOCK_COUNTER,
    };
    struct image *image = calloc(1, sizeof(*image));
    int err;

    if (!image)
        return -ENOMEM;
    err = segment_create(&image->segment, &geometry, NULL);
    if (!err)
        err = switches_begin(&image->segment, c->options.globs ? c->options.globs : "", UINT32_MAX);
    if (!err)
        err = registry_prepare(&image->segment, image->segment.geometry.slots / 2);
    if (err < 0) {
        free(image);
        return err;
    }
    *out = image;
    return 0;
}

static void serve(struct agent_collector *c)
{
    int client = accept4(c->socket, NULL, NULL, SOCK_CLOEXEC);
    struct handshake_hello hello;
    struct image *image = NULL;
    int err = -EPROTO;

    if (client < 0)
        return;
    if (recv(client, &hello, sizeof(hello), 0) == sizeof(hello) && hello.magic == HANDSHAKE_MAGIC)
        err = c->figures.images < IMAGES_MAX ? make_image(c, &image) : -ENOSPC;
    send_welcome(client, image ? image->segment.fd : -1, err);
    if (image)
        c->images[c->figures.images++] = image;
    close(client);
}

/* ---- reading ---- */

static void keep_module(struct agent_collector *c, unsigned image)
{
    const struct arena_item *item = &c->item;
    struct seen_module *m;

    c->modules = realloc(c->modules, (c->module_count + 1) * sizeof(*c->modules));
    m = &c->modules[c->module_count++];
    memset(m, 0, sizeof(*m));
    m->image = image;
    m->unmap = item->kind == ARENA_UNMAP;
    memcpy(&m->map, item->bytes, sizeof(m->map));
    snprintf(m->path, sizeof(m->path), "%s", (const char *)item->bytes + sizeof(m->map));
}

static void hear(struct agent_collector *c, unsigned n)
{
    struct image *image = c->images[n];
    struct schema_owned type;

    while (arena_next(&image->segment, &image->arena, &c->item) > 0) {
        if (c->item.kind == ARENA_MAP || c->item.kind == ARENA_UNMAP)
            keep_module(c, n);
        if (c->item.kind != ARENA_TYPE || schema_decode(c->item.bytes, c->item.size, &type))
            continue;
        if (type.schema.id < TYPES_MAX && !image->types[type.schema.id].storage)
            image->types[type.schema.id] = type;
        else
            schema_free(&type);
    }
}

static void keep_event(struct agent_collector *c, unsigned n, struct slot_follower *slot,
                       const struct ring_record *record)
{
    struct image *image = c->images[n];
    unsigned char *payload;

    if (record->type == ADA_RECORD_GAP)
        return;
    c->figures.taken++;
    c->figures.unsorted +=
        c->is_ordered && slot->is_met && ticks_go_back(slot->ticks, record->ticks);
    slot->is_met = true;
    slot->ticks = record->ticks;
    if (record->type < TYPES_MAX && !image->types[record->type].storage)
        hear(c, n);
    if (record->type >= TYPES_MAX || !image->types[record->type].storage) {
        c->figures.unknown++;
        return;
    }
    if (c->event_count == c->event_capacity) {
        c->event_capacity = c->event_capacity ? 2 * c->event_capacity : 4096;
        c->events = realloc(c->events, c->event_capacity * sizeof(*c->events));
    }
    payload = malloc(record->payload_bytes + 1u);
    memcpy(payload, record->payload, record->payload_bytes);
    c->events[c->event_count++] = (struct seen_event){
        .image = n,
        .pid = slot->pid,
        .tid = slot->tid,
        .ticks = record->ticks,
        .schema = &image->types[record->type].schema,
        .payload = payload,
        .payload_bytes = record->payload_bytes,
    };
}

static void add_figures(struct agent_collector *c, struct slot_follower *slot)
{
    struct ring_stats stats;

    ring_stats(slot->reader.shared, &stats);
    c->figures.threads++;
    c->figures.written += stats.written;
    c->figures.dropped += stats.dropped;
    c->figures.nested += stats.nested;
    c->figures.damaged += slot->reader.damaged_bytes;
}

static void read_slot(struct agent_collector *c, unsigned n, uint32_t index, bool last)
{
    struct image *image = c->images[n];
    struct slot_follower *slot = &image->slots[index];
    struct ring_record record;
    struct registry_view view;
    int got;

    if (!registry_look(&image->segment, index, &view))
        return;
    if (!slot->open) {
        slot->pid = view.pid;
        slot->tid = view.tid;
        slot->is_met = false;
        slot->open = !ring_reader_init(&slot->reader, &image->segment.slots[index].ring,
                                       segment_ring_data(&image->segment, index),
                                       image->segment.geometry.ring_bytes, RING_DROP);
    }
    while ((got = ring_peek(&slot->reader, &record)) != 0) {
        if (got < 0)
            continue;
        keep_event(c, n, slot, &record);
        ring_advance(&slot->reader, &record);
    }
    ring_release(&slot->reader);
    if (!last && !view.dead && view.state != SLOT_RETIRED)
        return;
    add_figures(c, slot);
    ring_reader_fini(&slot->reader);
    slot->open = false;
    registry_free(&image->segment, index);
}

static void read_all(struct agent_collector *c, bool last)
{
    for (unsigned n = 0; n < c->figures.images; n++) {
        struct image *image = c->images[n];

        hear(c, n);
        for (uint32_t i = 0; i < registry_bound(&image->segment); i++)
            read_slot(c, n, i, last);
        if (registry_prepare(&image->segment, image->segment.geometry.slots / 2) < 0)
            abort();
        if (!last)
            continue;
        c->figures.unringed += load_relaxed(&image->segment.shared->unringed);
        c->figures.arena_lost += load_relaxed(&image->segment.arena->lost);
    }
}

static void *collect(void *argument)
{
    struct agent_collector *c = argument;
    struct pollfd ready = {.fd = c->socket, .events = POLLIN};

    while (!load_acquire(&c->stopping)) {
        if (poll(&ready, 1, 1) > 0)
            serve(c);
        read_all(c, false);
    }
    read_all(c, true);
    return NULL;
}

/* ---- life ---- */

struct agent_collector *agent_collector_start(const struct agent_collector_options *options)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct agent_collector *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    if (options)
        c->options = *options;
    c->is_ordered = c->options.monotonic || clock_source_choose(0) == CLOCK_SOURCE_COUNTER;
    strcpy(c->directory, "/tmp/ada-agent-XXXXXX");
    if (!mkdtemp(c->directory))
        goto fail;
    snprintf(c->path, sizeof(c->path), "%s/session", c->directory);
    strcpy(address.sun_path, c->path);
    c->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (c->socket < 0 || bind(c->socket, (struct sockaddr *)&address, sizeof(address)) ||
        listen(c->socket, 64) || pthread_create(&c->thread, NULL, collect, c))
        goto fail;
    return c;
fail:
    free(c);
    return NULL;
}

const char *agent_collector_path(const struct agent_collector *c)
{
    return c->path;
}

void agent_collector_stop(struct agent_collector *c)
{
    store_release(&c->stopping, 1);
    pthread_join(c->thread, NULL);
    close(c->socket);
    unlink(c->path);
    rmdir(c->directory);
}

void agent_collector_free(struct agent_collector *c)
{
    for (unsigned n = 0; n < c->figures.images; n++) {
        for (unsigned i = 0; i < TYPES_MAX; i++)
            if (c->images[n]->types[i].storage)
                schema_free(&c->images[n]->types[i]);
        segment_destroy(&c->images[n]->segment);
        free(c->images[n]);
    }
    for (size_t i = 0; i < c->event_count; i++)
        free((void *)(uintptr_t)c->events[i].payload);
    free(c->events);
    free(c->modules);
    free(c);
}

/* ---- queries ---- */

size_t agent_collector_events(const struct agent_collector *c, const struct seen_event **events)
{
    *events = c->events;
    return c->event_count;
}

size_t agent_collector_modules(const struct agent_collector *c, const struct seen_module **modules)
{
    *modules = c->modules;
    return c->module_count;
}

struct agent_collector_figures agent_collector_figures(const struct agent_collector *c)
{
    return c->figures;
}

bool seen_is(const struct seen_event *event, const char *name)
{
    const struct schema *s = event->schema;
    size_t length = strlen(s->provider);

    return !strncmp(name, s->provider, length) && name[length] == ':' &&
           !strcmp(name + length + 1, s->name);
}

const struct seen_event *agent_collector_next(const struct agent_collector *c, const char *name,
                                              size_t *at)
{
    while (*at < c->event_count) {
        const struct seen_event *event = &c->events[(*at)++];

        if (seen_is(event, name))
            return event;
    }
    return NULL;
}

size_t agent_collector_count(const struct agent_collector *c, const char *name)
{
    size_t at = 0, count = 0;

    while (agent_collector_next(c, name, &at))
        count++;
    return count;
}

uint64_t seen_number(const struct seen_event *event, const char *field)
{
    uint32_t at = 0;

    for (unsigned i = 0; i < event->schema->field_count; i++) {
        const struct ada_field *f = &event->schema->fields[i];
        uint64_t value = 0;

        if (strcmp(f->name, field) != 0) {
            at += (uint32_t)f->width * f->count;
            continue;
        }
        assert_true(at + f->width <= event->payload_bytes);
        memcpy(&value, event->payload + at, f->width);
        return value;
    }
    fail_msg("%s:%s has no field %s", event->schema->provider, event->schema->name, field);
    return 0;
}

const char *seen_text(const struct seen_event *event, const char *field, char *text, size_t size)
{
    uint32_t variables, length, at = schema_fixed_bytes(event->schema, &variables);

    for (unsigned i = 0; i < event->schema->field_count; i++) {
        const struct ada_field *f = &event->schema->fields[i];

        if (f->kind != ADA_KIND_STRING)
            continue;
        assert_true(at + 4 <= event->payload_bytes);
        memcpy(&length, event->payload + at, 4);
        at += 4;
        assert_true(length <= event->payload_bytes - at);
        if (!strcmp(f->name, field)) {
            snprintf(text, size, "%.*s", (int)length, (const char *)event->payload + at);
            return text;
        }
        at += length;
    }
    fail_msg("%s:%s has no text %s", event->schema->provider, event->schema->name, field);
    return NULL;
}
