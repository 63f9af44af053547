/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/call_stack.h"

#include <errno.h>
#include <stdlib.h>

int call_stack_grow(struct call_stack *stack)
{
    size_t capacity = stack->capacity ? 2 * stack->capacity : 64;
    struct call *calls = reallocarray(stack->calls, capacity, sizeof(*calls));

    if (!calls)
        return -ENOMEM;
    stack->calls = calls;
    stack->capacity = capacity;
    return 0;
}

void call_stack_fini(struct call_stack *stack)
{
    free(stack->calls);
    *stack = (struct call_stack){0};
}
