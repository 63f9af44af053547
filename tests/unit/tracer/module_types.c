/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library with event types, built in several versions that test_event_modules.c opens: VERSION 1
 * and 2 declare the same types, 3 has one of another shape under the same name, 4 other labels.
 */
#include <adatrace/adatrace.h>

enum fruit { APPLE = 1, PEAR = 2 };
#if VERSION == 4
ADA_LABELS(fruit, {"pomme", APPLE}, {"poire", PEAR})
#else
ADA_LABELS(fruit, {"apple", APPLE}, {"pear", PEAR})
#endif

#if VERSION == 3
ADA_EVENT(module, item, (string, text))
#else
ADA_EVENT(module, item, (u32, number))
#endif
ADA_EVENT(module, fruit, (enum, fruit, kind))

#define VISIBLE __attribute__((visibility("default")))

VISIBLE void module_emit(uint32_t number);
VISIBLE uint32_t module_item_tag(void);

/* Of the type module:item; types that share an id share it. */
uint32_t module_item_tag(void)
{
    return ada_event_module_item.tag;
}

void module_emit(uint32_t number)
{
    ADA_SCOPE(module, work);
#if VERSION == 3
    ada_trace_module_item(number % 2 ? "odd" : "even");
#else
    ada_trace_module_item(number);
#endif
    ada_trace_module_fruit(number % 2 ? APPLE : PEAR);
    ADA_PRINTF(module, line, "number %u", number);
}
