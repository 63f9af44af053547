/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off: what opens the header holds a table */
/*
 * Event macros: an event type and its emitting functions from one line. Included by adatrace.h.
 *
 *     ADA_EVENT(provider, name, (kind, field), ...)   ada_trace_<provider>_<name>(...)
 *     ADA_SCOPE(provider, name)                       begin here, end where the block ends
 *     ADA_COUNTER(provider, name)                     ada_count_<provider>_<name>(value)
 *     ADA_SPAN(provider, name)                        ada_span_begin|step|end_<provider>_<name>(id)
 *     ADA_FLOW(provider, name)                        ada_flow_out|in_<provider>_<name>(id)
 *     ADA_PRINTF(provider, name, "format", ...)       the reader makes the text
 *
 * Kinds of fields: u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 bool ptr code ticks string; (bytes, data)
 * takes a pointer and a length; (enum, tag, field) an enum declared with ADA_LABELS(tag, ...);
 * (array, kind, count, field) a fixed array. Declarations stand at file scope, in a header or a
 * source file; ADA_SCOPE and ADA_PRINTF stand in functions. Everything that emits is
 * async-signal-safe (ADA_PRINTF and ADA_SCOPE from their second use on).
 */
/* clang-format on */
#ifndef ADATRACE_EVENT_H
#define ADATRACE_EVENT_H

#include <adatrace/adatrace.h>

/* The macros use __VA_OPT__, which C++17 and C11 compilers have but pedantically mention. */
#pragma GCC system_header

/*
 * ---- walking a list of up to 24 field tuples ----
 *
 * A list always ends in a comma with nothing behind it. So the dots of every macro below have an
 * argument even where there is no field: compilers that are pedantic mention dots without one, and
 * not here but where the program declares its event.
 */

#define ADA__CAT(a, b)  ADA__CAT_(a, b)
#define ADA__CAT_(a, b) a##b
#define ADA__COUNT(...)                                                                           \
    ADA__COUNT_(__VA_ARGS__, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, \
                6, 5, 4, 3, 2, 1, 0, 0)
#define ADA__COUNT_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
                    a18, a19, a20, a21, a22, a23, a24, end, n, ...)                             \
    n
#define ADA__EACH(m, ...) ADA__CAT(ADA__EACH_, ADA__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define ADA__EACH_0(m, ...)
#define ADA__EACH_1(m, f, ...)  ADA__APPLY(m, f)
#define ADA__EACH_2(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_1(m, __VA_ARGS__)
#define ADA__EACH_3(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_2(m, __VA_ARGS__)
#define ADA__EACH_4(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_3(m, __VA_ARGS__)
#define ADA__EACH_5(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_4(m, __VA_ARGS__)
#define ADA__EACH_6(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_5(m, __VA_ARGS__)
#define ADA__EACH_7(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_6(m, __VA_ARGS__)
#define ADA__EACH_8(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_7(m, __VA_ARGS__)
#define ADA__EACH_9(m, f, ...)  ADA__APPLY(m, f) ADA__EACH_8(m, __VA_ARGS__)
#define ADA__EACH_10(m, f, ...) ADA__APPLY(m, f) ADA__EACH_9(m, __VA_ARGS__)
#define ADA__EACH_11(m, f, ...) ADA__APPLY(m, f) ADA__EACH_10(m, __VA_ARGS__)
#define ADA__EACH_12(m, f, ...) ADA__APPLY(m, f) ADA__EACH_11(m, __VA_ARGS__)
#define ADA__EACH_13(m, f, ...) ADA__APPLY(m, f) ADA__EACH_12(m, __VA_ARGS__)
#define ADA__EACH_14(m, f, ...) ADA__APPLY(m, f) ADA__EACH_13(m, __VA_ARGS__)
#define ADA__EACH_15(m, f, ...) ADA__APPLY(m, f) ADA__EACH_14(m, __VA_ARGS__)
#define ADA__EACH_16(m, f, ...) ADA__APPLY(m, f) ADA__EACH_15(m, __VA_ARGS__)
#define ADA__EACH_17(m, f, ...) ADA__APPLY(m, f) ADA__EACH_16(m, __VA_ARGS__)
#define ADA__EACH_18(m, f, ...) ADA__APPLY(m, f) ADA__EACH_17(m, __VA_ARGS__)
#define ADA__EACH_19(m, f, ...) ADA__APPLY(m, f) ADA__EACH_18(m, __VA_ARGS__)
#define ADA__EACH_20(m, f, ...) ADA__APPLY(m, f) ADA__EACH_19(m, __VA_ARGS__)
#define ADA__EACH_21(m, f, ...) ADA__APPLY(m, f) ADA__EACH_20(m, __VA_ARGS__)
#define ADA__EACH_22(m, f, ...) ADA__APPLY(m, f) ADA__EACH_21(m, __VA_ARGS__)
#define ADA__EACH_23(m, f, ...) ADA__APPLY(m, f) ADA__EACH_22(m, __VA_ARGS__)
#define ADA__EACH_24(m, f, ...) ADA__APPLY(m, f) ADA__EACH_23(m, __VA_ARGS__)

/* m is what to make of the field: PARAMETER, FIXED, LENGTH, PUT, APPEND, DESCRIBE. */
#define ADA__APPLY(m, f)           ADA__APPLY_(m, ADA__UNWRAP f)
#define ADA__UNWRAP(...)           __VA_ARGS__
#define ADA__APPLY_(m, ...)        ADA__APPLY__(m, __VA_ARGS__)
#define ADA__APPLY__(m, kind, ...) ADA__CAT(ADA__DO_, kind)(m, __VA_ARGS__)

/* ---- the scalars ---- */

#define ADA__TYPE_u8              uint8_t
#define ADA__KIND_u8              ADA_KIND_UNSIGNED
#define ADA__WIDTH_u8             1
#define ADA__DO_u8(what, name)    ADA__##what##_SCALAR(u8, name)
#define ADA__TYPE_u16             uint16_t
#define ADA__KIND_u16             ADA_KIND_UNSIGNED
#define ADA__WIDTH_u16            2
#define ADA__DO_u16(what, name)   ADA__##what##_SCALAR(u16, name)
#define ADA__TYPE_u32             uint32_t
#define ADA__KIND_u32             ADA_KIND_UNSIGNED
#define ADA__WIDTH_u32            4
#define ADA__DO_u32(what, name)   ADA__##what##_SCALAR(u32, name)
#define ADA__TYPE_u64             uint64_t
#define ADA__KIND_u64             ADA_KIND_UNSIGNED
#define ADA__WIDTH_u64            8
#define ADA__DO_u64(what, name)   ADA__##what##_SCALAR(u64, name)
#define ADA__TYPE_i8              int8_t
#define ADA__KIND_i8              ADA_KIND_SIGNED
#define ADA__WIDTH_i8             1
#define ADA__DO_i8(what, name)    ADA__##what##_SCALAR(i8, name)
#define ADA__TYPE_i16             int16_t
#define ADA__KIND_i16             ADA_KIND_SIGNED
#define ADA__WIDTH_i16            2
#define ADA__DO_i16(what, name)   ADA__##what##_SCALAR(i16, name)
#define ADA__TYPE_i32             int32_t
#define ADA__KIND_i32             ADA_KIND_SIGNED
#define ADA__WIDTH_i32            4
#define ADA__DO_i32(what, name)   ADA__##what##_SCALAR(i32, name)
#define ADA__TYPE_i64             int64_t
#define ADA__KIND_i64             ADA_KIND_SIGNED
#define ADA__WIDTH_i64            8
#define ADA__DO_i64(what, name)   ADA__##what##_SCALAR(i64, name)
#define ADA__TYPE_f32             float
#define ADA__KIND_f32             ADA_KIND_FLOAT
#define ADA__WIDTH_f32            4
#define ADA__DO_f32(what, name)   ADA__##what##_SCALAR(f32, name)
#define ADA__TYPE_f64             double
#define ADA__KIND_f64             ADA_KIND_FLOAT
#define ADA__WIDTH_f64            8
#define ADA__DO_f64(what, name)   ADA__##what##_SCALAR(f64, name)
#define ADA__TYPE_bool            bool
#define ADA__KIND_bool            ADA_KIND_BOOL
#define ADA__WIDTH_bool           1
#define ADA__DO_bool(what, name)  ADA__##what##_SCALAR(bool, name)
#define ADA__TYPE__Bool           bool
#define ADA__KIND__Bool           ADA_KIND_BOOL
#define ADA__WIDTH__Bool          1
#define ADA__DO__Bool(what, name) ADA__##what##_SCALAR(_Bool, name)
#define ADA__TYPE_ptr             const void *
#define ADA__KIND_ptr             ADA_KIND_POINTER
#define ADA__WIDTH_ptr            8
#define ADA__DO_ptr(what, name)   ADA__##what##_SCALAR(ptr, name)
#define ADA__TYPE_code            const void *
#define ADA__KIND_code            ADA_KIND_CODE
#define ADA__WIDTH_code           8
#define ADA__DO_code(what, name)  ADA__##what##_SCALAR(code, name)
#define ADA__TYPE_ticks           uint64_t
#define ADA__KIND_ticks           ADA_KIND_DURATION
#define ADA__WIDTH_ticks          8
#define ADA__DO_ticks(what, name) ADA__##what##_SCALAR(ticks, name)

#define ADA__PARAMETER_SCALAR(kind, name) , ADA__TYPE_##kind name
#define ADA__FIXED_SCALAR(kind, name)     +ADA__WIDTH_##kind
#define ADA__LENGTH_SCALAR(kind, name)
#define ADA__VARIABLE_SCALAR(kind, name)
#define ADA__PUT_SCALAR(kind, name)                 \
    ada__put(ada__at, &name, ADA__WIDTH_##kind, 1); \
    ada__at += ADA__WIDTH_##kind;
#define ADA__APPEND_SCALAR(kind, name)
#define ADA__DESCRIBE_SCALAR(kind, name) {#name, NULL, 0, 1, ADA__KIND_##kind, ADA__WIDTH_##kind},

/* ---- string, bytes, enum, array ---- */

#define ADA__DO_string(what, name)  ADA__##what##_STRING(name)
#define ADA__PARAMETER_STRING(name) , const char *name
#define ADA__FIXED_STRING(name)     +0
#define ADA__LENGTH_STRING(name)    const uint32_t ada__length_##name = ada__string_length(name);
#define ADA__VARIABLE_STRING(name)  +4 + ada__length_##name
#define ADA__PUT_STRING(name)
#define ADA__APPEND_STRING(name)   ada__at = ada__append(ada__at, name, ada__length_##name);
#define ADA__DESCRIBE_STRING(name) {#name, NULL, 0, 1, ADA_KIND_STRING, 0},

#define ADA__DO_bytes(what, name)  ADA__##what##_BYTES(name)
#define ADA__PARAMETER_BYTES(name) , const void *name, uint32_t name##_length
#define ADA__FIXED_BYTES(name)     +0
#define ADA__LENGTH_BYTES(name)
#define ADA__VARIABLE_BYTES(name) +4 + name##_length
#define ADA__PUT_BYTES(name)
#define ADA__APPEND_BYTES(name)   ada__at = ada__append(ada__at, name, name##_length);
#define ADA__DESCRIBE_BYTES(name) {#name, NULL, 0, 1, ADA_KIND_BYTES, 0},

#define ADA__DO_enum(what, tag, name)  ADA__##what##_ENUM(tag, name)
#define ADA__PARAMETER_ENUM(tag, name) , enum tag name
#define ADA__FIXED_ENUM(tag, name)     +4
#define ADA__LENGTH_ENUM(tag, name)
#define ADA__VARIABLE_ENUM(tag, name)
#define ADA__PUT_ENUM(tag, name)                  \
    {                                             \
        const int32_t ada__value = (int32_t)name; \
        ada__put(ada__at, &ada__value, 4, 1);     \
        ada__at += 4;                             \
    }
#define ADA__APPEND_ENUM(tag, name)
#define ADA__DESCRIBE_ENUM(tag, name)                                                 \
    {#name, ada_labels_##tag, sizeof(ada_labels_##tag) / sizeof(ada_labels_##tag[0]), \
     1,     ADA_KIND_ENUM,    4},

#define ADA__DO_array(what, kind, count, name)  ADA__##what##_ARRAY(kind, count, name)
#define ADA__PARAMETER_ARRAY(kind, count, name) , ADA__CAT(ADA__TYPE_, kind) const *name
#define ADA__FIXED_ARRAY(kind, count, name)     +(count)*ADA__CAT(ADA__WIDTH_, kind)
#define ADA__LENGTH_ARRAY(kind, count, name)
#define ADA__VARIABLE_ARRAY(kind, count, name)
#define ADA__PUT_ARRAY(kind, count, name)                          \
    ada__put(ada__at, name, ADA__CAT(ADA__WIDTH_, kind), (count)); \
    ada__at += (count)*ADA__CAT(ADA__WIDTH_, kind);
#define ADA__APPEND_ARRAY(kind, count, name)
#define ADA__DESCRIBE_ARRAY(kind, count, name) \
    {#name, NULL, 0, (count), ADA__CAT(ADA__KIND_, kind), ADA__CAT(ADA__WIDTH_, kind)},

/* The labels of `enum tag`: ADA_LABELS(colour, {"red", RED}, {"green", GREEN}) */
#define ADA_LABELS(tag, ...) \
    static const struct ada_label ada_labels_##tag[] __attribute__((unused)) = {__VA_ARGS__};

ADA_INLINE uint32_t ada__string_length(const char *text)
{
    return text ? (uint32_t)strlen(text) : 0;
}

/* Numbers of the machine's become the payload's, which are little-endian: plain copying on most. */
ADA_INLINE void ada__put(unsigned char *at, const void *values, unsigned width, unsigned count)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(at, values, (size_t)width * count);
#else
    const unsigned char *value = (const unsigned char *)values;

    for (; count > 0; count--, at += width, value += width)
        for (unsigned i = 0; i < width; i++)
            at[i] = value[width - 1 - i];
#endif
}

ADA_INLINE unsigned char *ada__append(unsigned char *at, const void *data, uint32_t length)
{
    ada__put(at, &length, 4, 1);
    if (length)
        memcpy(at + 4, data, length);
    return at + 4 + length;
}

/* ---- event types at file scope ---- */

#define ADA__INIT(on, provider, name, format, fields, count, phase, level)                    \
    {                                                                                         \
        (on), 0, (phase), (level), __LINE__ & 0xffff, (provider), (name), (format), __FILE__, \
            (fields), (count), 0, 0, NULL                                                     \
    }

/* Parameters come with a leading comma each; the first one goes. */
#define ADA__SIGNATURE(...)     ADA__SIGNATURE_(ADA__EACH(PARAMETER, __VA_ARGS__))
#define ADA__SIGNATURE_(...)    ADA__SIGNATURE__(__VA_ARGS__)
#define ADA__SIGNATURE__(...)   ADA__CAT(ADA__REST_, __VA_OPT__(1))(__VA_ARGS__)
#define ADA__REST_()            void
#define ADA__REST_1(first, ...) __VA_ARGS__

#define ADA__DEFINE(function, id, provider, name, phase, level, ...)                               \
    static const struct ada_field ada_fields_##id[] = {                                            \
        ADA__EACH(DESCRIBE, __VA_ARGS__){NULL, NULL, 0, 0, 0, 0}};                                 \
    static struct ada_event ada_event_##id =                                                       \
        ADA__INIT(ADA_EVENT_OFF, provider, name, NULL, ada_fields_##id, ADA__COUNT(__VA_ARGS__),   \
                  phase, level);                                                                   \
    __attribute__((constructor)) static void ada_register_##id(void)                               \
    {                                                                                              \
        (void)ada_event_register(&ada_event_##id);                                                 \
    }                                                                                              \
    __attribute__((unused)) ADA_INLINE void function(ADA__SIGNATURE(__VA_ARGS__))                  \
    {                                                                                              \
        if (ADA_UNLIKELY(ada__event_is_on(&ada_event_##id))) {                                     \
            ADA__EACH(LENGTH, __VA_ARGS__)                                                         \
            const uint64_t ada__bytes = ada_record_bytes((uint64_t)0 ADA__EACH(FIXED, __VA_ARGS__) \
                                                             ADA__EACH(VARIABLE, __VA_ARGS__));    \
            struct ada_record ada__record =                                                        \
                ada_reserve_bytes(__atomic_load_n(&ada_event_##id.tag, __ATOMIC_RELAXED) |         \
                                      ada_record_tag(0, ada__bytes),                               \
                                  ada__bytes);                                                     \
            if (ADA_LIKELY(ada__record.payload != NULL)) {                                         \
                unsigned char *ada__at = ada__record.payload;                                      \
                ADA__EACH(PUT, __VA_ARGS__)                                                        \
                ADA__EACH(APPEND, __VA_ARGS__)                                                     \
                (void)ada__at;                                                                     \
                ada_commit_record(&ada__record);                                                   \
            }                                                                                      \
        }                                                                                          \
    }

#define ADA_EVENT(...)       ADA__EVENT(ADA_LEVEL_INFO, __VA_ARGS__, )
#define ADA_EVENT_LEVEL(...) ADA__EVENT(__VA_ARGS__, )

#define ADA__EVENT(level, provider, name, ...)                                      \
    ADA__DEFINE(ada_trace_##provider##_##name, provider##_##name, #provider, #name, \
                ADA_PHASE_INSTANT, level, __VA_ARGS__)

#define ADA_COUNTER(provider, name)                                                         \
    ADA__DEFINE(ada_count_##provider##_##name, count_##provider##_##name, #provider, #name, \
                ADA_PHASE_COUNTER, ADA_LEVEL_INFO, (i64, value), )

/* What begins in one thread and may end in another; `id` tells the spans of one name apart. */
#define ADA_SPAN(provider, name)                                                                  \
    ADA__DEFINE(ada_span_begin_##provider##_##name, span_begin_##provider##_##name, #provider,    \
                #name, ADA_PHASE_SPAN_BEGIN, ADA_LEVEL_INFO, (u64, id), )                         \
    ADA__DEFINE(ada_span_step_##provider##_##name, span_step_##provider##_##name, #provider,      \
                #name, ADA_PHASE_SPAN_STEP, ADA_LEVEL_INFO, (u64, id), )                          \
    ADA__DEFINE(ada_span_end_##provider##_##name, span_end_##provider##_##name, #provider, #name, \
                ADA_PHASE_SPAN_END, ADA_LEVEL_INFO, (u64, id), )

/* An arrow from where something was sent to where it was received. */
#define ADA_FLOW(provider, name)                                                                  \
    ADA__DEFINE(ada_flow_out_##provider##_##name, flow_out_##provider##_##name, #provider, #name, \
                ADA_PHASE_FLOW_OUT, ADA_LEVEL_INFO, (u64, id), )                                  \
    ADA__DEFINE(ada_flow_in_##provider##_##name, flow_in_##provider##_##name, #provider, #name,   \
                ADA_PHASE_FLOW_IN, ADA_LEVEL_INFO, (u64, id), )

/* ---- in functions ---- */

#ifdef __cplusplus
extern "C" {
#endif

/* Take all event types in the module that holds `address` off the tracer's list, before it is
 * unloaded. */
ADA_EXPORT void ada_events_unload(const void *address);

/* Emit what ADA_PRINTF says. The conversions of printf(3) but for %n, %m, %L and wide characters.
 */
ADA_EXPORT void ada_printf_event(struct ada_event *event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#ifndef ADA_NEVER_UNLOADED /* for who is linked -z nodelete */
__attribute__((destructor)) static void ada__unload(void)
{
    ada_events_unload((const void *)&ada__unload);
}
#endif

ADA_INLINE void ada__emit_empty(struct ada_event *event)
{
    struct ada_record record =
        ada_reserve_bytes(__atomic_load_n(&event->tag, __ATOMIC_RELAXED) | ada_record_tag(0, 8), 8);

    if (ADA_LIKELY(record.payload != NULL))
        ada_commit_record(&record);
}

/* Returns what ends the scope, or NULL: it is off. */
ADA_INLINE struct ada_event *ada__scope_begin(struct ada_event *begin, struct ada_event *end)
{
    /* On. Acquire: as in ada__event_is_on(); another thread may register the same scope. */
    const uint8_t *flag = __atomic_load_n(&begin->on, __ATOMIC_ACQUIRE);
    const uint8_t on = __atomic_load_n(flag, __ATOMIC_RELAXED);

    if (ADA_LIKELY(!on))
        return NULL;
    if (ADA_UNLIKELY(on == *ADA_EVENT_NEW)) {
        if (ada_event_register(end) || ada_event_register(begin) || !ada__event_is_on(begin))
            return NULL;
    }
    ada__emit_empty(begin);
    return end;
}

ADA_INLINE void ada__scope_end(struct ada_event **end)
{
    if (*end && ada__event_is_on(*end))
        ada__emit_empty(*end);
}

#define ADA_SCOPE(provider, name) ADA__SCOPE(provider, name, __COUNTER__)
#define ADA__SCOPE(provider, name, n)                                                             \
    static struct ada_event ADA__CAT(ada__begin_, n) = ADA__INIT(                                 \
        ADA_EVENT_NEW, #provider, #name, NULL, NULL, 0, ADA_PHASE_BEGIN, ADA_LEVEL_INFO);         \
    static struct ada_event ADA__CAT(ada__end_, n) =                                              \
        ADA__INIT(ADA_EVENT_NEW, #provider, #name, NULL, NULL, 0, ADA_PHASE_END, ADA_LEVEL_INFO); \
    ADA__SCOPE_GUARD(n)

#ifdef __cplusplus
namespace ada
{
/* Ends the scope wherever the block is left, exceptions included. */
class scope
{
  public:
    scope(struct ada_event *begin, struct ada_event *end) : end_(ada__scope_begin(begin, end))
    {
    }
    ~scope()
    {
        ada__scope_end(&end_);
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;

  private:
    struct ada_event *end_;
};
} // namespace ada
#define ADA__SCOPE_GUARD(n) \
    ::ada::scope ADA__CAT(ada__scope_, n)(&ADA__CAT(ada__begin_, n), &ADA__CAT(ada__end_, n))
#else
#define ADA__SCOPE_GUARD(n)                                                                       \
    struct ada_event *ADA__CAT(ada__scope_, n) __attribute__((cleanup(ada__scope_end), unused)) = \
        ada__scope_begin(&ADA__CAT(ada__begin_, n), &ADA__CAT(ada__end_, n))
#endif

#define ADA_PRINTF_ARGUMENTS_MAX 16

#define ADA_PRINTF(provider, name, ...) \
    ADA_PRINTF_LEVEL(ADA_LEVEL_INFO, provider, name, __VA_ARGS__)
#define ADA_PRINTF_LEVEL(level, provider, name, ...)                                              \
    do {                                                                                          \
        static struct ada_field ada__arguments[ADA_PRINTF_ARGUMENTS_MAX];                         \
        static struct ada_event ada__site =                                                       \
            ADA__INIT(ADA_EVENT_NEW, #provider, #name, ADA__HEAD(__VA_ARGS__, 0), ada__arguments, \
                      0, ADA_PHASE_FORMAT, level);                                                \
        if (ADA_UNLIKELY(ada__event_is_on(&ada__site)))                                           \
            ada_printf_event(&ada__site, __VA_ARGS__);                                            \
    } while (0)
#define ADA__HEAD(first, ...) first

#endif
