/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_target.h"

/* By descriptor: what is under test may have silenced the stream. */
void fuzz_check_failed(const char *file, int line, const char *condition)
{
    dprintf(STDERR_FILENO, "%s:%d: does not hold: %s\n", file, line, condition);
    __builtin_trap();
}

void fuzz_touch(const void *bytes, size_t size)
{
    const volatile unsigned char *at = bytes;
    unsigned sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += at[i];
    (void)sum;
}

const char *fuzz_file(unsigned n, const void *bytes, size_t size)
{
    static char paths[2][64];
    static int fds[2] = {-1, -1};
    size_t done = 0;

    if (fds[n] < 0)
        fds[n] = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(fds[n] >= 0 && ftruncate(fds[n], 0) == 0);
    while (done < size) {
        ssize_t part = pwrite(fds[n], (const char *)bytes + done, size - done, (off_t)done);

        FUZZ_CHECK(part > 0);
        done += (size_t)part;
    }
    snprintf(paths[n], sizeof(paths[n]), "/proc/self/fd/%d", fds[n]);
    return paths[n];
}

void fuzz_silence(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    /* The stream, not its descriptor: that is where sanitizers write. */
    stderr = fopen("/dev/null", "we");
    FUZZ_CHECK(stderr && nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0);
}

/* ---- types ---- */

#define FIELD(field, k, w, n)                                             \
    {                                                                     \
        .name = (field), .kind = ADA_KIND_##k, .width = (w), .count = (n) \
    }
#define TYPE(type, marks, list)                                                            \
    {                                                                                      \
        .id = 8, .phase = ADA_PHASE_##marks, .level = ADA_LEVEL_INFO,                      \
        .field_count = sizeof(list) / sizeof((list)[0]), .provider = "shop", .name = type, \
        .format = "", .file = "shop.c", .line = 7, .fields = (list),                       \
    }

static const struct ada_label colours[] = {{"red", -1}, {"green", 2}};
static const struct ada_field numbers[] = {
    FIELD("a", UNSIGNED, 1, 1),       FIELD("b", SIGNED, 2, 1),
    FIELD("c", UNSIGNED, 3, 1),       FIELD("latency_us", SIGNED, 4, 1),
    FIELD("e", UNSIGNED, 5, 1),       FIELD("address", POINTER, 6, 1),
    FIELD("code", CODE, 7, 1),        FIELD("id", UNSIGNED, 8, 1),
    FIELD("duration", DURATION, 8, 1)};
static const struct ada_field mixed[] = {FIELD("ok", BOOL, 1, 1),
                                         FIELD("ratio", FLOAT, 4, 1),
                                         FIELD("price", FLOAT, 8, 1),
                                         {.name = "colour",
                                          .kind = ADA_KIND_ENUM,
                                          .width = 4,
                                          .count = 1,
                                          .labels = colours,
                                          .label_count = 2}};
static const struct ada_field texts[] = {FIELD("item", STRING, 0, 1), FIELD("amount", SIGNED, 4, 1),
                                         FIELD("raw", BYTES, 0, 1)};
static const struct ada_field arrays[] = {FIELD("row", UNSIGNED, 4, 7),
                                          FIELD("long", SIGNED, 2, 300), FIELD("six", CODE, 6, 3)};
static const struct ada_field call[] = {FIELD("function", CODE, 6, 1),
                                        FIELD("frame", UNSIGNED, 2, 1)};
static const struct ada_field word[] = {FIELD("value", UNSIGNED, 8, 1)};

const struct schema *fuzz_schema(unsigned n)
{
    static const struct schema types[FUZZ_TYPES] = {
        TYPE("numbers", INSTANT, numbers),  TYPE("mixed", BEGIN, mixed),
        TYPE("texts", INSTANT, texts),      TYPE("arrays", COUNTER, arrays),
        TYPE("call", FUNCTION_ENTER, call), TYPE("word", SPAN_BEGIN, word)};

    return &types[n];
}
