/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_seeds FOLDER FILE...: seeds for the fuzz targets out of traces, into FOLDER/TARGET: files
 * and commands (as trace_seal.h has them: contents without frames), blocks of a trace of its own
 * with the types of fuzz_schema(), indexes, live messages. Texts and requests are written by hand.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/le.h"
#include "drain/live_message.h"
#include "format/block_header.h"
#include "format/frame.h"
#include "format/trace_writer.h"
#include "fuzz_target.h"

enum { CONTENT_MAX = 6000, EVENTS = 40, PAYLOAD_MAX = 1024 };

struct seeds {
    const char *folder;
    unsigned count;
    struct byte_buffer raw; /* the file with its contents unpacked */
    struct byte_buffer items, index;
    struct byte_buffer end;
    bool is_own;
};

static void put(struct seeds *s, const char *target, const void *bytes, size_t size)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", s->folder, target);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%s-%02u", s->folder, target, target, s->count++);
    file = fopen(path, "wb");
    FUZZ_CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void add(struct byte_buffer *out, const void *bytes, size_t size)
{
    FUZZ_CHECK(byte_buffer_append(out, bytes, size) == 0);
}

/* ---- a trace with the targets' types ---- */

static size_t payload_make(const struct schema *schema, unsigned n, unsigned char *out)
{
    uint32_t variable;
    size_t at = schema_fixed_bytes(schema, &variable);

    for (size_t i = 0; i < at; i++)
        out[i] = (unsigned char)(n * i + i / 7);
    for (; variable--; at += 4 + n % 5) {
        le32_store(out + at, n % 5);
        memcpy(out + at + 4, "jammy", n % 5);
    }
    return at;
}

static void types_tell(struct trace_writer *w)
{
    for (unsigned n = 0; n < FUZZ_TYPES; n++) {
        struct schema schema = *fuzz_schema(n);
        unsigned char bytes[4096];
        int size;

        schema.id = (uint16_t)(8 + n);
        size = schema_encode(&schema, bytes, sizeof(bytes));
        FUZZ_CHECK(size > 0 && trace_writer_type(w, 1, bytes, (size_t)size) == 0);
    }
}

/* One block for each type, and one of all. */
static void events_write(struct trace_writer *w, struct trace_stream *s)
{
    const struct trace_gap gap = {.kind = 1, .first_ticks = 900, .last_ticks = 950, .records = 3};
    unsigned char payload[PAYLOAD_MAX];
    uint64_t ticks = 1000;

    for (unsigned n = 0; n <= FUZZ_TYPES; n++) {
        for (unsigned i = 0; i < EVENTS; i++, ticks += 10 + i % 3) {
            unsigned type = n < FUZZ_TYPES ? n : i % FUZZ_TYPES;
            size_t size = payload_make(fuzz_schema(type), i, payload);

            FUZZ_CHECK(trace_stream_record(s, (uint16_t)(8 + type), ticks, payload, size) == 0);
        }
        if (n % 2)
            FUZZ_CHECK(trace_stream_gaps(s, &gap, 1) == 0);
        FUZZ_CHECK(trace_writer_flush(w) == 0);
    }
}

static int own_write(void)
{
    const struct trace_recording recording = {
        .command = "fuzz", .ticks_per_second = 1000000000, .session = "one"};
    const struct trace_clock_pair pair = {1000, 5000, 1700000000000000000, 10};
    const struct trace_process process = {
        .process = 1, .pid = 11, .image = 1, .executable = "/bin/shop", .command = "shop"};
    const struct trace_thread thread = {.thread = 1, .process = 1, .tid = 11, .name = "worker1"};
    const struct trace_ledger ledger = {.thread = 1, .final = true, .written = 7 * EVENTS};
    const struct trace_symbol symbol = {
        .process = 1, .address = 0x555500001000, .to_ticks = UINT64_MAX, .name = "parse"};
    struct trace_writer *w;
    struct trace_stream *s;
    int fd = memfd_create("own", MFD_CLOEXEC), keep = dup(fd);

    FUZZ_CHECK(trace_writer_open(&w, fd, &(struct trace_writer_options){.level = 0}, &recording) ==
               0);
    FUZZ_CHECK(trace_writer_clock(w, &pair) == 0 && trace_writer_process(w, &process) == 0);
    types_tell(w);
    FUZZ_CHECK(trace_writer_thread(w, &thread) == 0 && trace_stream_open(w, 1, &s) == 0);
    events_write(w, s);
    FUZZ_CHECK(trace_writer_ledger(w, &ledger) == 0 && trace_writer_symbol(w, &symbol) == 0);
    FUZZ_CHECK(trace_stream_close(s) == 0 && trace_writer_close(w) == 0);
    return keep;
}

/* ---- taken apart ---- */

static void block_take(struct seeds *s, const struct block_header *h, const unsigned char *bytes,
                       const struct byte_buffer *content)
{
    unsigned char front[26] = {0};
    struct byte_buffer seed = {0};

    if (content->size > CONTENT_MAX)
        return;
    add(&s->raw, bytes, BLOCK_HEADER_BYTES);
    add(&s->raw, content->bytes, content->size);
    if (h->kind == BLOCK_META)
        add(&s->items, content->bytes, content->size);
    if (h->kind == BLOCK_INDEX)
        add(&s->index, content->bytes, content->size);
    if (h->kind == BLOCK_END)
        add(&s->end, content->bytes, content->size);
    if (h->kind != BLOCK_DATA || !s->is_own)
        return;
    front[1] = (unsigned char)(h->sequence % 2 ? 0x11 : 0);
    le32_store(front + 2, h->records);
    le32_store(front + 6, h->gaps);
    le64_store(front + 10, h->first_ticks);
    le64_store(front + 18, h->last_ticks);
    add(&seed, front, sizeof(front));
    add(&seed, content->bytes, content->size);
    put(s, "block", seed.bytes, seed.size);
    byte_buffer_free(&seed);
}

static void blocks_take(struct seeds *s, const unsigned char *bytes, size_t size)
{
    struct frame_decompressor *decompressor = frame_decompressor_create();
    struct byte_buffer content = {0};
    struct block_header h;
    size_t at = 0;

    while (at < size && block_header_decode(bytes + at, size - at, &h) == 0 &&
           frame_decode(decompressor, bytes + at + BLOCK_HEADER_BYTES, h.frame_bytes,
                        h.content_bytes, &content) == 0) {
        block_take(s, &h, bytes + at, &content);
        at += BLOCK_HEADER_BYTES + h.frame_bytes;
    }
    byte_buffer_free(&content);
    frame_decompressor_destroy(decompressor);
}

static void piece_add(struct byte_buffer *out, uint32_t type, const void *head, size_t head_bytes,
                      const void *body, size_t body_bytes)
{
    const struct live_piece piece = {type, (uint32_t)(head_bytes + body_bytes)};

    add(out, &piece, sizeof(piece));
    add(out, head, head_bytes);
    add(out, body, body_bytes);
    add(out, "\0\0\0\0\0\0\0", (8 - (head_bytes + body_bytes) % 8) % 8);
}

/* Items first, so that those who keep them find them right behind the first head. */
static void live_put(struct seeds *s)
{
    static const struct live_head head;
    const struct live_begin begin = {.version = LIVE_VERSION};
    const struct live_run run = {.thread = 1, .records = 2, .ticks = 1000, .stride = 24};
    const struct live_gap gap = {.thread = 1, .kind = 1, .records = 4};
    const struct live_round round = {.ticks = 2000};
    const uint64_t records[] = {3 | 13 << 8 | UINT64_C(1000) << 22, 7, 9,
                                3 | 13 << 8 | UINT64_C(1001) << 22, 8, 9};
    struct byte_buffer seed = {0};
    unsigned char length[4];

    add(&seed, length, sizeof(length));
    piece_add(&seed, LIVE_ITEMS, &head, sizeof(head), s->items.bytes, s->items.size);
    for (uint32_t n = 0; n < FUZZ_TYPES; n++) {
        const struct live_declare declare = {.image = 1, .id = 8 + n, .type = n + 1};

        piece_add(&seed, LIVE_DECLARE, &declare, sizeof(declare), "", 0);
    }
    piece_add(&seed, LIVE_BEGIN, &begin, sizeof(begin), "", 0);
    le32_store(seed.bytes, (uint32_t)(seed.size - sizeof(length)));
    piece_add(&seed, LIVE_RUN, &run, sizeof(run), records, sizeof(records));
    piece_add(&seed, LIVE_GAP, &gap, sizeof(gap), "", 0);
    piece_add(&seed, LIVE_ITEMS, &head, sizeof(head), s->items.bytes, s->items.size);
    piece_add(&seed, LIVE_ROUND, &round, sizeof(round), "", 0);
    put(s, "live", seed.bytes, seed.size);
    byte_buffer_free(&seed);
}

static void index_put(struct seeds *s)
{
    struct byte_buffer seed = {0};

    if (s->end.size != BLOCK_END_BYTES)
        return;
    add(&seed, "\0", 1);
    add(&seed, s->raw.bytes, BLOCK_HEADER_BYTES);
    add(&seed, s->end.bytes, s->end.size);
    add(&seed, s->index.bytes, s->index.size);
    put(s, "index", seed.bytes, seed.size);
    byte_buffer_free(&seed);
}

static void file_take(struct seeds *s, int fd)
{
    struct stat about;
    unsigned char *bytes;

    FUZZ_CHECK(fd >= 0 && fstat(fd, &about) == 0);
    bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    FUZZ_CHECK(bytes != MAP_FAILED);
    s->raw.size = s->items.size = s->index.size = s->end.size = 0;
    blocks_take(s, bytes, (size_t)about.st_size);
    put(s, "file", s->raw.bytes, s->raw.size);
    add(&s->raw, (const char[]){(char)(s->count % 100)}, 1);
    put(s, "command", s->raw.bytes, s->raw.size);
    index_put(s);
    if (s->items.size)
        live_put(s);
    munmap(bytes, (size_t)about.st_size);
    close(fd);
}

int main(int count, char **words)
{
    struct seeds seeds = {.is_own = true};

    if (count < 2)
        return 2;
    seeds.folder = words[1];
    (void)mkdir(seeds.folder, 0777);
    file_take(&seeds, own_write());
    seeds.is_own = false;
    for (int i = 2; i < count; i++)
        file_take(&seeds, open(words[i], O_RDONLY | O_CLOEXEC));
    byte_buffer_free(&seeds.raw);
    byte_buffer_free(&seeds.items);
    byte_buffer_free(&seeds.index);
    byte_buffer_free(&seeds.end);
    printf("%u seeds\n", seeds.count);
    return 0;
}
