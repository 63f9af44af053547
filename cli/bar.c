/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bar.h"

#include <string.h>

enum { EIGHTHS = 8 };

static const char *const left_blocks[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
static const char *const low_blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char low_letters[] = " .:-=+*#@";

const char *bar_share(char text[BAR_BYTES_MAX], double part, double whole, unsigned width,
                      bool utf8)
{
    double share = whole > 0 && part > 0 ? part / whole : 0;
    /* Times of strangers have sums that went round: what is more than all is all. */
    unsigned eighths = (unsigned)((share < 1 ? share : 1) * width * EIGHTHS + 0.5);

    *text = 0;
    if (!utf8)
        eighths = (eighths + EIGHTHS / 2) / EIGHTHS * EIGHTHS;
    for (; eighths >= EIGHTHS; eighths -= EIGHTHS)
        strcat(text, utf8 ? left_blocks[EIGHTHS] : "#");
    strcat(text, left_blocks[eighths]);
    return text;
}

const char *bar_course(char text[BAR_BYTES_MAX], const uint64_t *cells, size_t count, bool utf8)
{
    uint64_t highest = 1;

    for (size_t i = 0; i < count; i++)
        highest = cells[i] > highest ? cells[i] : highest;
    *text = 0;
    for (size_t i = 0; i < count; i++) {
        /* Anything at all shows. */
        unsigned height = (unsigned)((double)cells[i] * EIGHTHS / (double)highest + 0.5);
        char letter[2] = {0};

        height += cells[i] && !height;
        letter[0] = low_letters[height];
        strcat(text, utf8 ? low_blocks[height] : letter);
    }
    return text;
}
