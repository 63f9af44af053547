/* SPDX-License-Identifier: Apache-2.0 */
/* make_golden fields: every kind of field in every width, with values that are hard to get right.
 */
#include "golden_frame.h"

enum { WIDTHS = 8, NUMBER_KINDS = ADA_KIND_DURATION, ARRAY = 3 };

/* One type for each kind of integer: each width alone, each width as an array. */
static void integers_put(struct trace_stream *stream)
{
    static const char *const names[] = {"w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8",
                                        "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"};
    static const char *const kinds[] = {"",        "unsigned", "signed", "bool",
                                        "pointer", "code",     "enum",   "duration"};
    static const struct ada_label labels[] = {
        {"none", 0}, {"minus one", -1}, {"zw\xc3\xb6lf \"12\"", 12}, {"also none", 0}};
    static const uint64_t extremes[] = {
        0, 1, UINT64_MAX, UINT64_C(0x8080808080808080), UINT64_C(0x7f7f7f7f7f7f7f7f), 12};

    for (unsigned kind = 1; kind <= NUMBER_KINDS; kind++) {
        const uint16_t id = (uint16_t)(FIRST_ID + kind);
        struct ada_field fields[2 * WIDTHS];

        for (unsigned i = 0; i < 2 * WIDTHS; i++)
            fields[i] = (struct ada_field){.name = names[i],
                                           .kind = (uint8_t)kind,
                                           .width = (uint8_t)(i % WIDTHS + 1),
                                           .count = i < WIDTHS ? 1 : ARRAY,
                                           .labels = kind == ADA_KIND_ENUM ? labels : NULL,
                                           .label_count = kind == ADA_KIND_ENUM ? 4 : 0};
        simple_type_put(1, id, kinds[kind], fields, 2 * WIDTHS);
        for (unsigned n = 0; n < 2 * LENGTH(extremes); n++) {
            const uint64_t value = n < LENGTH(extremes) ? extremes[n] : random_next();

            for (unsigned width = 1; width <= WIDTHS; width++)
                put(kind == ADA_KIND_BOOL ? value & 1 : value, width);
            for (unsigned i = 0; i < WIDTHS * ARRAY; i++)
                put(kind == ADA_KIND_BOOL ? (value >> i) & 1 : value + i % ARRAY, i / ARRAY + 1);
            emit(stream, id, SECOND + 100 * kind + n);
        }
    }
}

static void floats_put(struct trace_stream *stream)
{
    static const struct ada_field fields[] = {FIELD("f32", FLOAT, 4, 1), FIELD("f64", FLOAT, 8, 1),
                                              FIELD("pair32", FLOAT, 4, 2),
                                              FIELD("pair64", FLOAT, 8, 2)};
    static const struct {
        uint32_t f32;
        uint64_t f64;
    } bits[] = {
        {0, 0},                                     /* 0 */
        {0x80000000, UINT64_C(0x8000000000000000)}, /* -0 */
        {0x3dcccccd, UINT64_C(0x3fb999999999999a)}, /* 0.1 */
        {0x7f800000, UINT64_C(0x7ff0000000000000)}, /* infinity */
        {0xff800000, UINT64_C(0xfff0000000000000)}, /* -infinity */
        {0x7fc00000, UINT64_C(0x7ff8000000000000)}, /* NaN */
        {0xffc12345, UINT64_C(0xfff8000000012345)}, /* another one */
        {0x00000001, UINT64_C(0x0000000000000001)}, /* the least */
        {0x7f7fffff, UINT64_C(0x7fefffffffffffff)}, /* the greatest */
        {0x4b800001, UINT64_C(0x4340000000000001)}, /* large and odd */
        {0xc0490fdb, UINT64_C(0xc00921fb54442d18)}, /* -pi */
    };
    const uint16_t id = FIRST_ID + ADA_KIND_FLOAT;

    simple_type_put(1, id, "float", fields, LENGTH(fields));
    for (size_t i = 0; i < LENGTH(bits); i++) {
        const size_t next = (i + 1) % LENGTH(bits);

        put(bits[i].f32, 4);
        put(bits[i].f64, 8);
        put(bits[i].f32, 4);
        put(bits[next].f32, 4);
        put(bits[i].f64, 8);
        put(bits[next].f64, 8);
        emit(stream, id, SECOND + 2000 + i);
    }
}

/* Strings between numbers: in the payload they come last, in the file in the order declared. */
static void strings_put(struct trace_stream *stream)
{
    static const struct ada_field fields[] = {
        FIELD("first", STRING, 0, 1), FIELD("number", UNSIGNED, 2, 1), FIELD("raw", BYTES, 0, 1),
        FIELD("real", FLOAT, 8, 1), FIELD("last", STRING, 0, 1)};
    static const struct {
        const char *bytes;
        size_t size;
    } odd[] = {
        {"", 0},
        {"plain", 5},
        {"two\nlines\tand \"quotes\" \\x41\x7f", 27},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9d", 14},
        {"nul\0inside", 10},
        {"\xff\xfe cut \xe2\x82", 9},
        {"\xed\xa0\x80 surrogate \xc0\xaf overlong", 24},
        {"\xf4\x90\x80\x80 above \xef\xbf\xbf\xe2\x80\xa8", 17},
    };
    const uint16_t id = FIRST_ID + ADA_KIND_STRING;

    simple_type_put(1, id, "string", fields, LENGTH(fields));
    for (size_t i = 0; i < LENGTH(odd); i++) {
        const size_t next = (i + 1) % LENGTH(odd);

        put(i, 2);
        put(UINT64_C(0x3fe0000000000000) + i, 8);
        put_bytes(odd[i].bytes, odd[i].size);
        put_bytes(odd[next].bytes, odd[next].size);
        put_bytes(odd[i].bytes, odd[i].size);
        emit(stream, id, SECOND + 3000 + i);
    }
}

/* A type of every phase, with the fields that its phase asks for or without any, in every level. */
static void phases_put(struct trace_stream *stream)
{
    static const struct ada_field call[] = {FIELD("function", CODE, 6, 1),
                                            FIELD("frame", UNSIGNED, 2, 1)};
    static const struct ada_field number[] = {FIELD("value", SIGNED, 8, 1)};

    for (unsigned phase = 0; phase <= ADA_PHASE_FORMAT; phase++) {
        struct schema schema = {.id = (uint16_t)(100 + phase),
                                .phase = (uint8_t)phase,
                                .level = (uint8_t)(ADA_LEVEL_CRITICAL + phase % 6),
                                .line = (uint16_t)(60000 + phase),
                                .provider = "golden phase",
                                .name = "x:y",
                                .file = "a folder/phase.c"};

        if (phase >= ADA_PHASE_COUNTER) {
            schema.fields = phase == ADA_PHASE_FUNCTION_ENTER ? call : number;
            schema.field_count = phase == ADA_PHASE_FUNCTION_ENTER ? 2 : 1;
        }
        if (phase == ADA_PHASE_FUNCTION_EXIT)
            schema.fields = call;
        if (phase == ADA_PHASE_FORMAT)
            schema.format = "%lld of 100 %%";
        type_put(1, &schema);
        for (unsigned i = 0; i < schema.field_count; i++)
            put(0x1000 + phase, schema.fields[i].width);
        emit(stream, schema.id, SECOND + 4000 + phase);
    }
}

void fields_write(void)
{
    struct trace_stream *stream = frame_put();

    integers_put(stream);
    floats_put(stream);
    strings_put(stream);
    phases_put(stream);
    clock_put(2 * (uint64_t)SECOND, 2 * (uint64_t)SECOND);
}
