/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own_event.h"

static const struct ada_field exit_fields[] = {
    {"status", NULL, 0, 1, ADA_KIND_SIGNED, 4},
    {"signal", NULL, 0, 1, ADA_KIND_SIGNED, 4},
};

static const struct ada_label gap_kinds[] = {{"dropped", 1}, {"overwritten", 2}, {"damaged", 3}};
static const struct ada_field gap_fields[] = {
    {"records", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},
    {"bytes", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},
    {"kind", gap_kinds, 3, 1, ADA_KIND_ENUM, 4},
};

const struct schema own_event_types[OWN_EVENTS] = {
    [OWN_EXIT] = {.level = ADA_LEVEL_INFO,
                  .field_count = 2,
                  .provider = "adatrace",
                  .name = "exit",
                  .fields = exit_fields},
    [OWN_GAP] = {.level = ADA_LEVEL_WARNING,
                 .field_count = 3,
                 .provider = "adatrace",
                 .name = "gap",
                 .fields = gap_fields},
    [OWN_SIGNAL] = {.level = ADA_LEVEL_INFO, .provider = "adatrace", .name = "signal"},
};
