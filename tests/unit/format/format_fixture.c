/* SPDX-License-Identifier: Apache-2.0 */
#include "format_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/le.h"

/* ---- files ---- */

static char folder[128];

static void folder_remove(void)
{
    char command[sizeof(folder) + 16];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        perror(folder);
}

const char *fixture_path(const char *name)
{
    static char path[4][256];
    static unsigned next;
    const char *kept = getenv("ADATRACE_TEST_FOLDER"); /* for tests/compat */
    struct statvfs shm;
    char *out = path[next++ % 4];

    if (kept)
        snprintf(folder, sizeof(folder), "%s", kept);
    if (!folder[0]) {
        /* Tens of thousands of small files: in memory where there is enough of it. */
        bool roomy = statvfs("/dev/shm", &shm) == 0 && shm.f_bavail > (512 << 20) / shm.f_frsize;

        snprintf(folder, sizeof(folder), "%s/adatrace-test-XXXXXX", roomy ? "/dev/shm" : "/tmp");
        assert_non_null(mkdtemp(folder));
        atexit(folder_remove);
    }
    snprintf(out, sizeof(path[0]), "%s/%s", folder, name);
    return out;
}

int fixture_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

unsigned char *fixture_load(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    unsigned char *bytes;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    *size = (size_t)status.st_size;
    bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *size), status.st_size);
    close(fd);
    return bytes;
}

void fixture_store(const char *path, const void *bytes, size_t size)
{
    int fd = fixture_create(path);

    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WATCHED true
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED true
#endif
#ifndef WATCHED
#define WATCHED false
#endif

bool fixture_memory_bound(size_t bytes)
{
    const struct rlimit limit = {bytes, bytes};
    const char *preload = getenv("LD_PRELOAD");

    if (WATCHED || (preload && strstr(preload, "vgpreload")))
        return true;
    return setrlimit(RLIMIT_AS, &limit) == 0;
}

uint64_t fixture_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* ---- types ---- */

const struct trace_recording fixture_recording = {
    .adatrace_version = "0.1.0",
    .host = "box",
    .kernel = "Linux 6.1.0 x86_64",
    .cpu = "a processor",
    .command = "./program 'an argument'",
    .directory = "/home/somebody",
    .clock_source = "tsc",
    .cpu_count = 2,
    .page_bytes = 4096,
    .ticks_per_second = UINT64_C(2000000000),
    .policy = "drop",
    .boot_id = "11111111-2222-3333-4444-555555555555",
    .session = "0123456789abcdef",
};

void fixture_type(struct trace_writer *w, uint64_t image, const struct schema *schema)
{
    unsigned char bytes[4096];
    int size = schema_encode(schema, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(trace_writer_type(w, image, bytes, (size_t)size), 0);
}

void fixture_process(struct trace_writer *w, uint32_t process, uint64_t image)
{
    struct trace_process p = {.process = process,
                              .pid = 1000 + process,
                              .start_ticks = 1,
                              .start_time = 7,
                              .image = image,
                              .executable = "/bin/program",
                              .command = "program"};

    assert_int_equal(trace_writer_process(w, &p), 0);
}

void fixture_thread(struct trace_writer *w, uint32_t thread, uint32_t process, const char *name)
{
    struct trace_thread t = {.thread = thread,
                             .process = process,
                             .tid = 2000 + thread,
                             .start_ticks = 2,
                             .ring_bytes = 4096,
                             .name = name};

    assert_int_equal(trace_writer_thread(w, &t), 0);
}

/* ---- model ---- */

static struct model_event *model_add(struct model *model)
{
    if (model->count == model->capacity) {
        model->capacity = model->capacity ? model->capacity * 2 : 256;
        model->events = realloc(model->events, model->capacity * sizeof(*model->events));
        assert_non_null(model->events);
    }
    memset(&model->events[model->count], 0, sizeof(model->events[0]));
    return &model->events[model->count++];
}

void model_record(struct model *model, struct trace_stream *stream, uint32_t thread,
                  const struct schema *schema, uint64_t ticks, const void *payload, size_t size)
{
    size_t padded = (size + 7) / 8 * 8;
    unsigned char *copy = calloc(1, padded ? padded : 1);
    struct model_event *event = model_add(model);

    assert_non_null(copy);
    memcpy(copy, payload, size);
    assert_int_equal(trace_stream_record(stream, schema->id, ticks, copy, padded), 0);
    event->thread = thread;
    event->name = schema->name;
    event->ticks = ticks;
    event->payload = copy;
    event->size = (uint32_t)size;
}

void model_gap(struct model *model, struct trace_stream *stream, const struct trace_gap *gap)
{
    struct model_event *event = model_add(model);

    assert_int_equal(trace_stream_gaps(stream, gap, 1), 0);
    event->thread = gap->thread;
    event->is_gap = true;
    event->ticks = gap->first_ticks;
    event->gap = *gap;
}

static size_t text_payload(uint64_t *random, size_t text_max, unsigned char *out)
{
    uint64_t pick = fixture_random(random);
    uint32_t length = (uint32_t)(pick % 4 == 0 ? 0 : pick / 4 % (text_max + 1));
    uint64_t seed = fixture_random(random) % 3; /* few different contents: dictionaries */

    le32_store(out, length);
    for (uint32_t i = 0; i < length; i++)
        out[4 + i] = (unsigned char)('a' + (seed + i) % 26);
    return 4 + (size_t)length;
}

size_t model_payload(const struct schema *schema, uint64_t *random, size_t text_max,
                     unsigned char *out)
{
    size_t at = 0;

    for (unsigned f = 0; f < schema->field_count; f++) {
        const struct ada_field *field = &schema->fields[f];

        for (unsigned e = 0; e < field->count && field->width; e++, at += field->width) {
            /* Different fields look different: constants, small numbers, counters, noise. */
            uint64_t value = fixture_random(random);

            if (f % 4 == 1)
                value %= 5;
            else if (f % 4 == 2)
                value = UINT64_C(0x550000000000) + value % 3000 * 16;
            else if (f % 4 == 3)
                value = 42;
            le_store(out + at, value, field->width);
        }
    }
    for (unsigned f = 0; f < schema->field_count; f++)
        if (!schema->fields[f].width)
            at += text_payload(random, text_max, out + at);
    return at;
}

size_t model_payload_of(const struct trace_event *event, unsigned char *out, size_t capacity)
{
    size_t at = 0;

    for (unsigned i = 0; i < event->value_count; i++) {
        const struct trace_value *value = &event->values[i];

        if (!value->field->width)
            continue;
        assert_int_equal(value->size, value->field->width * value->field->count);
        assert_true(at + value->size <= capacity);
        memcpy(out + at, value->bytes, value->size);
        at += value->size;
    }
    for (unsigned i = 0; i < event->value_count; i++) {
        const struct trace_value *value = &event->values[i];

        if (value->field->width)
            continue;
        assert_true(at + 4 + value->size <= capacity);
        le32_store(out + at, (uint32_t)value->size);
        if (value->size)
            memcpy(out + at + 4, value->bytes, value->size);
        at += 4 + (size_t)value->size;
    }
    return at;
}

static void event_compare(const struct model_event *expected, const struct trace_event *event,
                          unsigned char *scratch, size_t capacity)
{
    assert_int_equal(event->ticks, expected->ticks);
    if (expected->is_gap) {
        assert_null(event->type);
        assert_memory_equal(&event->gap, &expected->gap, sizeof(event->gap));
        return;
    }
    assert_non_null(event->type);
    assert_string_equal(event->type->schema.name, expected->name);
    assert_int_equal(model_payload_of(event, scratch, capacity), expected->size);
    if (expected->size)
        assert_memory_equal(scratch, expected->payload, expected->size);
}

/* The next expected event of a thread from `from` on, or the model's count. */
static size_t model_next(const struct model *model, uint32_t thread, size_t from)
{
    while (from < model->count && model->events[from].thread != thread)
        from++;
    return from;
}

uint64_t model_compare(const struct model *model, struct trace *trace, enum model_match match)
{
    enum { SCRATCH = 17 << 20, THREADS = 64 };
    size_t next[THREADS] = {0};
    static unsigned char scratch[SCRATCH];
    struct trace_event *event = malloc(sizeof(*event));
    struct trace_cursor *cursor;
    int64_t newest = INT64_MIN;
    uint64_t records = 0;
    int status;

    assert_non_null(event);
    assert_int_equal(trace_cursor_open(trace, NULL, &cursor), 0);
    while ((status = trace_cursor_next(cursor, event)) == 1) {
        uint32_t thread = event->thread->thread;
        size_t at;

        assert_true(thread < THREADS);
        if (match == MATCH_SOME && !event->type && event->gap.kind == TRACE_GAP_DAMAGED)
            continue; /* stands for what the model has */
        at = model_next(model, thread, next[thread]);
        while (match == MATCH_SOME && at < model->count && model->events[at].ticks < event->ticks)
            at = model_next(model, thread, at + 1);
        assert_true(at < model->count);
        event_compare(&model->events[at], event, scratch, SCRATCH);
        next[thread] = at + 1;
        if (event->type) { /* a gap may speak of a time before the record that it follows */
            assert_true(event->ns >= newest);
            newest = event->ns;
        }
        records += event->type != NULL;
    }
    assert_int_equal(status, 0);
    for (uint32_t thread = 0; thread < THREADS && match == MATCH_ALL; thread++)
        assert_int_equal(model_next(model, thread, next[thread]), model->count);
    trace_cursor_close(cursor);
    free(event);
    return records;
}

void model_free(struct model *model)
{
    for (size_t i = 0; i < model->count; i++)
        free(model->events[i].payload);
    free(model->events);
    memset(model, 0, sizeof(*model));
}

/* ---- random traces ---- */

/* Every integer width in every kind, floats, arrays, strings and bytes. */
static const struct ada_label labels[] = {{"red", 1}, {"green", -2}};
static const struct ada_field wide_fields[] = {
    {.name = "u8", .kind = ADA_KIND_UNSIGNED, .width = 1, .count = 1},
    {.name = "u16", .kind = ADA_KIND_UNSIGNED, .width = 2, .count = 1},
    {.name = "u24", .kind = ADA_KIND_UNSIGNED, .width = 3, .count = 1},
    {.name = "s32", .kind = ADA_KIND_SIGNED, .width = 4, .count = 1},
    {.name = "first", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
    {.name = "s40", .kind = ADA_KIND_SIGNED, .width = 5, .count = 1},
    {.name = "p48", .kind = ADA_KIND_POINTER, .width = 6, .count = 1},
    {.name = "c56", .kind = ADA_KIND_CODE, .width = 7, .count = 1},
    {.name = "c64", .kind = ADA_KIND_CODE, .width = 8, .count = 1},
    {.name = "c8", .kind = ADA_KIND_CODE, .width = 1, .count = 2},
    {.name = "flag", .kind = ADA_KIND_BOOL, .width = 1, .count = 1},
    {.name = "colour",
     .kind = ADA_KIND_ENUM,
     .width = 2,
     .count = 1,
     .labels = labels,
     .label_count = 2},
    {.name = "took", .kind = ADA_KIND_DURATION, .width = 8, .count = 1},
    {.name = "f32", .kind = ADA_KIND_FLOAT, .width = 4, .count = 1},
    {.name = "f64", .kind = ADA_KIND_FLOAT, .width = 8, .count = 3},
    {.name = "blob", .kind = ADA_KIND_BYTES, .width = 0, .count = 1},
    {.name = "octets", .kind = ADA_KIND_UNSIGNED, .width = 1, .count = 16},
    {.name = "words", .kind = ADA_KIND_SIGNED, .width = 3, .count = 5},
    {.name = "codes", .kind = ADA_KIND_CODE, .width = 8, .count = 4},
};
static const struct ada_field code_field[] = {
    {.name = "address", .kind = ADA_KIND_CODE, .width = 8, .count = 1}};
static const struct ada_field text_field[] = {
    {.name = "text", .kind = ADA_KIND_STRING, .width = 0, .count = 1}};

const struct schema fixture_types[FIXTURE_TYPES] = {
    {.id = 8, .provider = "test", .name = "nothing", .level = ADA_LEVEL_INFO},
    {.id = 9,
     .provider = "test",
     .name = "code",
     .phase = ADA_PHASE_FUNCTION_ENTER,
     .fields = code_field,
     .field_count = 1},
    {.id = 16383, .provider = "test", .name = "text", .fields = text_field, .field_count = 1},
    {.id = 100,
     .provider = "test",
     .name = "wide",
     .file = "test.c",
     .line = 99,
     .fields = wide_fields,
     .field_count = sizeof(wide_fields) / sizeof(wide_fields[0])},
};

static void image_declare(struct trace_writer *w, uint64_t image)
{
    for (unsigned i = 0; i < FIXTURE_TYPES; i++)
        fixture_type(w, image, &fixture_types[i]);
}

void model_random(struct model *model, const char *path, const struct trace_writer_options *options,
                  unsigned threads, unsigned records, size_t text_max)
{
    struct trace_stream *streams[16];
    struct trace_writer *w;
    unsigned char *payload = malloc(4096 + 2 * text_max);
    uint64_t random = 1, ticks = 1000;

    assert_non_null(payload);
    assert_int_equal(trace_writer_open(&w, fixture_create(path), options, &fixture_recording), 0);
    image_declare(w, 1);
    image_declare(w, 77);
    fixture_process(w, 1, 1);
    fixture_process(w, 2, 77);
    for (unsigned i = 0; i < threads; i++) {
        fixture_thread(w, i + 1, 1 + i % 2, "worker");
        assert_int_equal(trace_stream_open(w, i + 1, &streams[i]), 0);
    }
    for (unsigned i = 0; i < records; i++) {
        unsigned thread = (unsigned)(fixture_random(&random) % threads);
        const struct schema *type = &fixture_types[fixture_random(&random) % FIXTURE_TYPES];

        ticks += fixture_random(&random) % 3 ? fixture_random(&random) % 300 : 0;
        if (fixture_random(&random) % 1000 == 0)
            ticks += fixture_random(&random) % (UINT64_C(1) << 40);
        if (fixture_random(&random) % 50 == 0) {
            struct trace_gap gap = {thread + 1, TRACE_GAP_DROPPED, ticks - 3, ticks - 1, i, 8 * i};

            model_gap(model, streams[thread], &gap);
        }
        model_record(model, streams[thread], thread + 1, type, ticks, payload,
                     model_payload(type, &random, text_max, payload));
    }
    assert_int_equal(trace_writer_close(w), 0);
    free(payload);
}

struct trace *fixture_open(const char *path)
{
    struct trace_error error;
    struct trace *trace;
    int status = trace_open(&trace, path, &error);

    if (status != 0)
        fail_msg("%s: %s", path, error.message);
    return trace;
}

static void findings_keep(void *context, const struct trace_finding *finding)
{
    struct findings *findings = context;
    char *text = findings->text[finding->severity];
    size_t used = strlen(text);

    findings->count[finding->severity]++;
    findings->offset[finding->severity] = finding->offset;
    findings->tid = finding->thread ? finding->thread->tid : 0;
    findings->untrue += finding->is_untrue;
    if (finding->is_untrue)
        findings->untrue_process = finding->process ? finding->process->process : 0;
    snprintf(text + used, sizeof(findings->text[0]) - used, "%s\n", finding->text);
}

int fixture_verify(const char *path, struct findings *findings)
{
    struct findings ignored;

    if (!findings)
        findings = &ignored;
    memset(findings, 0, sizeof(*findings));
    return trace_verify(path, findings_keep, findings);
}
