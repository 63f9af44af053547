/* SPDX-License-Identifier: Apache-2.0 */
/* Which files were mapped where and when. */
#include <stdlib.h>
#include <string.h>

#include "drain/drain_state.h"

static void module_write(struct drain *d, const struct drain_module *m)
{
    const struct trace_module item = {
        .module = m->number,
        .process = m->process,
        .base = m->base,
        .end = m->end,
        .bias = m->bias,
        .from_ticks = m->from_ticks,
        .to_ticks = m->to_ticks,
        .path = m->path,
        .build_id = m->build_id,
    };

    drain_fail(d, trace_writer_module(d->writer, &item));
}

static void build_id_print(char *out, size_t size, const struct arena_map *map)
{
    size_t count =
        map->build_id_bytes < ARENA_BUILD_ID_MAX ? map->build_id_bytes : ARENA_BUILD_ID_MAX;

    for (size_t i = 0; i < count && 2 * i + 2 < size; i++) {
        out[2 * i] = "0123456789abcdef"[map->build_id[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[map->build_id[i] & 15];
        out[2 * i + 2] = 0;
    }
}

/* The item's path: copied out, but perhaps without its NUL. */
static const char *item_path(const struct arena_item *item, size_t *length)
{
    const char *path = (const char *)item->bytes + sizeof(struct arena_map);

    *length = strnlen(path, item->size - sizeof(struct arena_map));
    return path;
}

/* An UNMAP may come without the path: the addresses are enough. */
/* The module that is mapped there now; an empty path stands for any. */
static struct drain_module *module_find(const struct drain_source *s, const struct arena_map *map,
                                        const char *path, size_t length)
{
    for (struct drain_module *m = s->modules; m; m = m->next_of_image)
        if (m->base == map->base && m->end == map->end && m->to_ticks == UINT64_MAX &&
            (!length || (strlen(m->path) == length && memcmp(m->path, path, length) == 0)))
            return m;
    return NULL;
}

static bool map_read(const struct arena_item *item, struct arena_map *map)
{
    if (item->size < sizeof(*map))
        return false;
    memcpy(map, item->bytes, sizeof(*map));
    return map->end > map->base;
}

void modules_map(struct drain *d, struct drain_source *s, const struct arena_item *item)
{
    struct arena_map map;
    struct drain_module *m;
    const char *path;
    size_t length;

    if (!map_read(item, &map))
        return;
    path = item_path(item, &length);
    /* A forked child may tell what its parent told already. */
    if (module_find(s, &map, path, length))
        return;
    m = calloc(1, sizeof(*m) + length + 1);
    if (!m)
        return;
    m->image = s->image;
    m->number = d->next_module++;
    m->process = process_of_item(d, s, map.pid)->number;
    m->slot_pid = map.pid;
    m->base = map.base;
    m->end = map.end;
    m->bias = map.bias;
    m->from_ticks = clock_ticks_of(d, map.ticks);
    m->to_ticks = m->left_ticks = UINT64_MAX;
    build_id_print(m->build_id, sizeof(m->build_id), &map);
    memcpy(m->path, path, length);
    m->next = d->modules;
    d->modules = m;
    m->next_of_image = s->modules;
    s->modules = m;
    module_write(d, m);
}

void modules_unmap(struct drain *d, struct drain_source *s, const struct arena_item *item)
{
    struct arena_map map;
    struct drain_module *m;
    const char *path;
    size_t length;

    if (!map_read(item, &map))
        return;
    path = item_path(item, &length);
    m = module_find(s, &map, path, length);
    /* A forked child lets go of what its parent mapped, and still has. */
    if (!m || m->slot_pid != map.pid)
        return;
    m->to_ticks = clock_ticks_of(d, map.ticks);
    module_write(d, m);
}

/* ---- the image's end ---- */

enum {
    LOOKED_AT_MAX = 4096
}; /* addresses, so that it takes a moment; with more of them all stay */

static void address_seen(void *context, uint64_t image, uint64_t address, uint64_t first_ticks,
                         uint64_t last_ticks)
{
    struct drain_source *s = context;

    (void)image;
    (void)first_ticks;
    (void)last_ticks;
    for (struct drain_module *m = s->modules; m; m = m->next_of_image)
        m->has_code |= address >= m->base && address < m->end;
}

/* They stand near the front, unless the image was a long-lived one. */
static void modules_forget(struct drain *d, struct drain_source *s)
{
    struct drain_module **at = &d->modules;
    size_t left = 0;

    for (struct drain_module *m = s->modules; m; m = m->next_of_image)
        left += !m->has_code;
    while (left && *at) {
        struct drain_module *m = *at;

        if (m->image != s->image || m->has_code) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        free(m);
        left--;
    }
    s->modules = NULL;
}

void modules_leave(struct drain *d, struct drain_source *s)
{
    bool few;

    for (struct drain_module *m = s->modules; m; m = m->next_of_image)
        m->left_ticks = drain_now(d);
    if (!d->writer)
        return;
    few = trace_writer_image_addresses(d->writer, s->image, NULL, NULL) <= LOOKED_AT_MAX;
    if (!few)
        return;
    (void)trace_writer_image_addresses(d->writer, s->image, address_seen, s);
    modules_forget(d, s);
}

const struct drain_module *drain_modules(const struct drain *d)
{
    return d->modules;
}
