/* SPDX-License-Identifier: Apache-2.0 */
/* Items of the arena that are well-formed and untrue. */
#include <string.h>
#include <unistd.h>

#include "base/schema.h"
#include "registry/arena.h"
#include "scribble.h"

static void type_tell(struct segment *s, struct dice *d)
{
    static const struct ada_field fields[] = {
        {.name = "path", .count = 1, .kind = ADA_KIND_STRING},
        {.name = "pid", .count = 1, .kind = ADA_KIND_UNSIGNED, .width = 4},
        {.name = "rows", .count = 1000, .kind = ADA_KIND_SIGNED, .width = 8},
        {.name = "raw", .count = 1, .kind = ADA_KIND_BYTES}};
    static const char *const names[] = {"exec", "spawn", "number", "a,b\033[2J"};
    const struct schema schema = {
        .id = (uint16_t)(dice_below(d, 3) ? 8 + dice_below(d, 5) : dice_roll(d)),
        .phase = (uint8_t)dice_below(d, 12),
        .level = ADA_LEVEL_INFO,
        .field_count = (uint16_t)(1 + dice_below(d, 4)),
        .provider = "process",
        .name = names[dice_below(d, 4)],
        .fields = fields,
    };
    unsigned char bytes[1024];
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    if (size <= 0)
        return;
    if (dice_below(d, 2))
        bytes[dice_below(d, (uint64_t)size)] = (unsigned char)dice_roll(d);
    (void)!arena_append(s, ARENA_TYPE, bytes, (size_t)size, NULL, 0);
}

/* Files that are none, that never end, that nobody ever writes to. */
static void map_tell(struct segment *s, struct dice *d)
{
    static const char *const paths[] = {"/dev/zero", "/proc/self/mem",  "/dev/tty",   "/", "",
                                        "\033]0;x",  "/proc/self/fd/0", "/etc/passwd"};
    const char *path = paths[dice_below(d, sizeof(paths) / sizeof(*paths))];
    struct arena_map map = {
        .ticks = dice_roll(d),
        .base = dice_roll(d),
        .end = dice_roll(d),
        .bias = dice_roll(d),
        .pid = (uint32_t)(dice_below(d, 2) ? (uint64_t)getpid() : dice_below(d, 4000)),
        .build_id_bytes = (uint32_t)dice_number(d, 32),
    };

    (void)!arena_append(s, dice_below(d, 3) ? ARENA_MAP : ARENA_UNMAP, &map, sizeof(map), path,
                        strlen(path) + dice_below(d, 2));
}

static void note_tell(struct segment *s, struct dice *d)
{
    const struct arena_note note = {.ticks = dice_roll(d), .pid = (uint32_t)dice_roll(d)};
    char text[64];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)dice_roll(d);
    (void)!arena_append(s, ARENA_NOTE, &note, sizeof(note), text, dice_below(d, sizeof(text)));
}

/* Children that never were: others' processes, and numbers that are no process at all. */
static void process_tell(struct segment *s, struct dice *d)
{
    const struct arena_process process = {
        .ticks = dice_roll(d),
        .pid = (uint32_t)(dice_below(d, 2) ? dice_below(d, 4000) : dice_roll(d)),
        .parent_pid = (uint32_t)dice_below(d, 4000),
    };

    (void)!arena_append(s, ARENA_PROCESS, &process, sizeof(process), "x\0y", 4);
}

void scribble_item(struct segment *s, struct dice *d)
{
    switch (dice_below(d, 5)) {
    case 0:
        type_tell(s, d);
        break;
    case 1:
        map_tell(s, d);
        break;
    case 2:
        note_tell(s, d);
        break;
    default:
        process_tell(s, d);
    }
}
