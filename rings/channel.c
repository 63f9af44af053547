/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a channel: its ring, held in the warden's name. */
#include <adatrace/channel.h>

#include <errno.h>
#include <unistd.h>

#include "rings/channel_folder.h"
#include "rings/spsc_map.h"
#include "rings/warden.h"

enum { CAPACITY = 1 << 20 };

/* Lies in the mapping's private part, behind the ring's handle. */
struct ada_channel {
    struct ada_ring *ring;
    struct spsc_end *mine, *theirs;
};

_Static_assert(sizeof(struct ada_ring) + sizeof(struct ada_channel) <= 4096, "one page");

struct ada_ring *ada_channel_ring(struct ada_channel *c)
{
    return c->ring;
}

enum ada_channel_presence ada_channel_peer(const struct ada_channel *c)
{
    return channel_presence(c->theirs);
}

/* Take on an end of the channel in a mapped file. The map is the channel's then. */
static int end_take(struct spsc_map *map, enum ada_channel_end end, struct ada_channel **out)
{
    struct ada_channel *c = (void *)(map->base + sizeof(struct ada_ring));
    union spsc_attention calm = {.both = 0};
    struct ada_ring *r;
    uint32_t tid;
    int err = spsc_map_attach(map, &r);

    if (err)
        return err;
    c->ring = r;
    c->mine = end == ADA_CHANNEL_WRITER ? &r->shared->writer : &r->shared->reader;
    c->theirs = end == ADA_CHANNEL_WRITER ? &r->shared->reader : &r->shared->writer;
    err = warden_hold(c->mine, true, &tid);
    if (err)
        return err;
    /* The one before us may have gone on until now. */
    err = spsc_handle_begin(r);
    if (err) {
        warden_release(c->mine);
        return err;
    }
    calm.life = tid;
    if (end == ADA_CHANNEL_WRITER)
        r->w.calm = calm.both;
    else
        r->r.calm = calm.both;
    *out = c;
    return 0;
}

int ada_channel_open(const char *name, enum ada_channel_end end,
                     const struct ada_channel_options *options, struct ada_channel **out)
{
    static const struct ada_channel_options defaults = {.size = sizeof(defaults)};
    struct spsc_map map = {0};
    int folder, fd, err;

    if (!options)
        options = &defaults;
    if (!spsc_name_is_valid(name, ADA_CHANNEL_NAME_MAX) || options->size != sizeof(*options) ||
        (end != ADA_CHANNEL_WRITER && end != ADA_CHANNEL_READER) ||
        options->flags & ~(unsigned)(ADA_CHANNEL_NEW | ADA_CHANNEL_EXISTING))
        return -EINVAL;
    folder = channel_folder_open(options->folder, !(options->flags & ADA_CHANNEL_EXISTING));
    if (folder < 0)
        return folder;
    fd = channel_file_open(folder, name, options->capacity ? options->capacity : CAPACITY,
                           options->flags);
    close(folder);
    if (fd < 0)
        return fd;
    err = spsc_map_file(fd, sizeof(struct channel_file), &map);
    close(fd);
    if (!err)
        err = channel_file_check((void *)map.file, name);
    if (!err)
        err = end_take(&map, end, out);
    if (err)
        spsc_map_fini(&map);
    return err;
}

void ada_channel_close(struct ada_channel *c)
{
    if (!c)
        return;
    warden_release(c->mine);
    ada_ring_destroy(c->ring); /* the channel lies in its mapping */
}
