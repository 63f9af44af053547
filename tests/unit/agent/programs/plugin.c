/* SPDX-License-Identifier: Apache-2.0 */
/* A library to be opened and closed; instrumented. */
#include <stdlib.h>

int plugin_add(int a, int b);

__attribute__((noinline)) int plugin_add(int a, int b)
{
    free(malloc(100));
    return a + b;
}
