/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event of every sort, and one of each without fields. structure_rules.py has it compiled as C
 * and as C++ with all warnings: a program's own flags count where it declares its events.
 */
#include <adatrace/adatrace.h>

enum suit { CLUBS, HEARTS };
ADA_LABELS(suit, {"clubs", CLUBS}, {"hearts", HEARTS})

ADA_EVENT(api, none)
ADA_EVENT_LEVEL(ADA_LEVEL_DEBUG, api, bare)
ADA_EVENT(api, scalars, (u8, a), (u16, b), (u32, c), (u64, d), (i8, e), (i16, f), (i32, g),
          (i64, h), (f32, i), (f64, j), (bool, k), (ptr, l), (code, m), (ticks, n))
ADA_EVENT_LEVEL(ADA_LEVEL_ERROR, api, things, (string, a), (bytes, b), (enum, suit, c),
                (array, u16, 3, d))
ADA_COUNTER(api, stock)
ADA_SPAN(api, request)
ADA_FLOW(api, message)

extern int events_emit(int n);

int events_emit(int n)
{
    static const uint16_t three[3] = {1, 2, 3};

    ADA_SCOPE(api, use);
    ada_trace_api_none();
    ada_trace_api_bare();
    ada_trace_api_scalars(1, 2, 3, 4, -1, -2, -3, -4, 0.5f, 0.5, true, three, three, 7);
    ada_trace_api_things("a", "b", 1, HEARTS, three);
    ada_count_api_stock(n);
    ada_span_begin_api_request(1);
    ada_span_step_api_request(1);
    ada_span_end_api_request(1);
    ada_flow_out_api_message(1);
    ada_flow_in_api_message(1);
    ADA_PRINTF(api, note, "plain");
    ADA_PRINTF(api, note, "%d of %s", n, "all");
    ADA_PRINTF_LEVEL(ADA_LEVEL_DEBUG, api, note, "%d", n);
    return n;
}
