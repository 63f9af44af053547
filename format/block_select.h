/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection: take what nobody wished for out of a decoded block. Belongs to format/block_decode.c.
 */
#ifndef ADATRACE_FORMAT_BLOCK_SELECT_H
#define ADATRACE_FORMAT_BLOCK_SELECT_H

#include "format/block_decode.h"

/* Leave only records of the wished time and types, and gaps of that time. Runs without records
 * disappear. In place; costs next to nothing when everything is wished for. */
void block_select(struct decoded_block *decoded, const struct block_wish *wish);

#endif
