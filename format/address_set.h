/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address set: the distinct code addresses of an image, each with the ticks of the first and the
 * last record that holds it. Bounded: a hostile program cannot make it grow for ever; what does not
 * fit stays without a symbol. Zero-initialised is empty. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_ADDRESS_SET_H
#define ADATRACE_FORMAT_ADDRESS_SET_H

#include <stddef.h>
#include <stdint.h>

#include "format/number_map.h"

enum { ADDRESS_SET_MAX = 1 << 20 };

struct address_use {
    uint64_t address;
    uint64_t first_ticks, last_ticks;
};
struct address_set {
    struct number_map places;
    struct address_use *uses; /* in order of appearance */
    size_t count, capacity;
    size_t swept; /* count when it was last thinned out */
};

/* Address 0 is nobody's code and is passed over. 0 or -ENOMEM. */
int address_set_add(struct address_set *set, uint64_t address, uint64_t first_ticks,
                    uint64_t last_ticks) __attribute__((warn_unused_result));

/* No more will be added: it holds no more than it has to. */
void address_set_close(struct address_set *set);
/* Of a closed one: those that were last met before go. */
void address_set_thin(struct address_set *set, uint64_t from_ticks);

void address_set_free(struct address_set *set);

#endif
