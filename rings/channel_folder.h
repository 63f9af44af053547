/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel folder: where channels lie as files, and who may use it. Any thread; allocates nothing.
 */
#ifndef ADATRACE_RINGS_CHANNEL_FOLDER_H
#define ADATRACE_RINGS_CHANNEL_FOLDER_H

#include <adatrace/channel.h>

#include "rings/spsc.h"

#define CHANNEL_MAGIC   UINT32_C(0x43414441) /* "ADAC" */
#define CHANNEL_VERSION 1u

enum { CHANNEL_OFFSET = 1024, CHANNEL_DATA_OFFSET = 4096 };

/* A channel's file: a ring, and in front of its bytes what makes it a channel. */
struct channel_shared {
    uint32_t magic, version;
    char name[ADA_CHANNEL_NAME_MAX + 1];
};

struct channel_file {
    struct spsc_shared ring;
    unsigned char unused[CHANNEL_OFFSET - sizeof(struct spsc_shared)];
    struct channel_shared channel;
};

_Static_assert(offsetof(struct channel_file, channel) == CHANNEL_OFFSET, "layout");
_Static_assert(sizeof(struct channel_file) <= CHANNEL_DATA_OFFSET, "layout");

/* A descriptor of the folder (NULL: the usual one). `make`: if it is missing. -EPERM: not the
 * user's alone; -ENOENT, and others. */
int channel_folder_open(const char *folder, bool make) __attribute__((warn_unused_result));

/* The channel's file, made with a ring of `capacity` bytes unless it exists, as a descriptor.
 * `flags`: enum ada_channel_flags. */
int channel_file_open(int folder, const char *name, uint64_t capacity, unsigned flags)
    __attribute__((warn_unused_result));

/* Is it a channel's file of this version, and this name's? 0, -EBADMSG, -EPROTONOSUPPORT. */
int channel_file_check(const struct channel_file *file, const char *name)
    __attribute__((warn_unused_result));

enum ada_channel_presence channel_presence(const struct spsc_end *end);

#endif
