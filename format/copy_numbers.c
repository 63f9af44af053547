/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/copy_state.h"
#include "format/xxh64.h"

enum {
    NUMBER_MAX = INT32_MAX, /* that we give away; higher ones are renumbered */
    SCHEMA_ID_BYTES = 2,    /* an encoded schema begins with its id, which is of no use here */
};

uint32_t copy_number_take(struct copy_numbers *numbers, uint64_t wanted)
{
    if (wanted == 0 || wanted > NUMBER_MAX ||
        number_map_find(&numbers->taken, wanted) != NUMBER_MAP_NONE) {
        do
            numbers->next++;
        while (number_map_find(&numbers->taken, numbers->next) != NUMBER_MAP_NONE);
        wanted = numbers->next;
    }
    if (wanted > NUMBER_MAX || number_map_set(&numbers->taken, wanted, 1) != 0)
        return 0;
    return (uint32_t)wanted;
}

/* ---- processes, threads, modules ---- */

static int number_make(struct copy_numbers *numbers, struct number_map *map, uint64_t number)
{
    uint32_t given;

    if (number_map_find(map, number) != NUMBER_MAP_NONE)
        return 0; /* of another input of the family */
    given = copy_number_take(numbers, number);
    return given ? number_map_set(map, number, given) : -ENOMEM;
}

static int family_number(struct trace_copy *c, struct copy_source *s)
{
    const struct trace *t = s->trace;
    const struct process_row *processes = t->processes.rows;
    const struct thread_row *threads = t->threads.rows;
    const struct trace_module *modules = t->modules.rows;
    struct copy_family *family = s->family;
    int status = 0;

    for (size_t i = 0; i < t->processes.count && status == 0; i++) {
        status =
            number_make(&c->numbers.processes, &family->processes, processes[i].process.process);
        if (status == 0)
            status = number_make(&c->numbers.images, &family->images, processes[i].process.image);
    }
    for (size_t i = 0; i < t->threads.count && status == 0; i++)
        status = number_make(&c->numbers.threads, &family->threads, threads[i].thread.thread);
    for (size_t i = 0; i < t->modules.count && status == 0; i++)
        status = number_make(&c->numbers.modules, &family->modules, modules[i].module);
    return status;
}

static uint32_t number_find(const struct number_map *map, uint64_t number)
{
    uint32_t found = number ? number_map_find(map, number) : 0;

    return found == NUMBER_MAP_NONE ? 0 : found;
}

uint32_t copy_process(const struct copy_source *s, uint32_t process)
{
    return s->family ? number_find(&s->family->processes, process) : process;
}

uint32_t copy_thread_number(const struct copy_source *s, uint32_t thread)
{
    return s->family ? number_find(&s->family->threads, thread) : thread;
}

uint32_t copy_module(const struct copy_source *s, uint32_t module)
{
    return s->family ? number_find(&s->family->modules, module) : module;
}

uint64_t copy_image(const struct copy_source *s, uint64_t image)
{
    uint32_t found;

    if (!s->family)
        return image;
    found = number_map_find(&s->family->images, image);
    return found == NUMBER_MAP_NONE ? 0 : found;
}

/* ---- event types ---- */

static const struct copy_type *type_of(const struct trace_copy *c, uint32_t number)
{
    uint32_t place = number_map_find(&c->type_of_number, number);

    return place == NUMBER_MAP_NONE ? NULL : (const struct copy_type *)c->types.rows + place;
}

static bool type_is(const struct copy_type *type, const struct type_row *row)
{
    return type && type->size == row->size &&
           memcmp(type->schema + SCHEMA_ID_BYTES, row->bytes + SCHEMA_ID_BYTES,
                  row->size - SCHEMA_ID_BYTES) == 0;
}

static uint32_t type_add(struct trace_copy *c, uint32_t wanted, const struct type_row *row,
                         uint64_t hash)
{
    uint32_t number = copy_number_take(&c->numbers.types, wanted);
    struct copy_type *type = number ? table_add(&c->types, sizeof(*type)) : NULL;

    if (!type)
        return 0;
    *type = (struct copy_type){number, row->bytes, row->size};
    if (number_map_set(&c->type_of_number, number, (uint32_t)c->types.count - 1) != 0 ||
        number_map_set(&c->number_of_hash, hash, number) != 0)
        return 0;
    return number;
}

/*
 * The number of a type in the result: its own if that is free or means the same type, so that
 * blocks need not be unpacked; one that means the same; or another one.
 */
static uint32_t type_number(struct trace_copy *c, uint32_t wanted, const struct type_row *row)
{
    uint64_t hash = xxh64(row->bytes + SCHEMA_ID_BYTES, row->size - SCHEMA_ID_BYTES);
    uint32_t same;

    if (type_is(type_of(c, wanted), row))
        return wanted;
    if (wanted && wanted <= NUMBER_MAX &&
        number_map_find(&c->numbers.types.taken, wanted) == NUMBER_MAP_NONE)
        return type_add(c, wanted, row, hash);
    same = number_map_find(&c->number_of_hash, hash);
    if (same != NUMBER_MAP_NONE && type_is(type_of(c, same), row))
        return same;
    return type_add(c, 0, row, hash);
}

static int slot_compare(const void *a, const void *b)
{
    const struct number_map_slot *left = a, *right = b;

    return (left->key > right->key) - (left->key < right->key);
}

/* What the source describes, by its numbers. */
static struct number_map_slot *types_list(const struct trace *t, size_t *count)
{
    const struct number_map *map = &t->type_of_number;
    struct number_map_slot *list = malloc((map->used + 1) * sizeof(*list));

    *count = 0;
    for (size_t i = 0; list && i < map->capacity; i++)
        if (map->slots[i].value != NUMBER_MAP_NONE)
            list[(*count)++] = map->slots[i];
    if (list)
        qsort(list, *count, sizeof(*list), slot_compare);
    return list;
}

static int types_number(struct trace_copy *c, struct copy_source *s)
{
    const struct type_row *rows = s->trace->types.rows;
    size_t count;
    struct number_map_slot *list = types_list(s->trace, &count);
    int status = list ? 0 : -ENOMEM;

    for (size_t i = 0; i < count && status == 0; i++) {
        uint32_t place = list[i].value, number;

        if (s->wish.types && !s->wish.types[place])
            continue;
        number = type_number(c, (uint32_t)list[i].key, &rows[place]);
        if (number == 0)
            status = -ENOMEM;
        else if (number != list[i].key)
            status = number_map_set(&s->types, list[i].key, number);
        if (s->type_numbers[place] == 0)
            s->type_numbers[place] = number;
    }
    free(list);
    return status;
}

uint32_t copy_type_number(struct trace_copy *c, struct copy_source *s, uint32_t type)
{
    uint32_t number = number_map_find(&s->types, type);

    if (number != NUMBER_MAP_NONE)
        return number;
    if (number_map_find(&s->trace->type_of_number, type) != NUMBER_MAP_NONE || !s->family)
        return type;
    /* Nobody describes it, and so it has to stay, whatever the other inputs describe. */
    number = copy_number_take(&c->numbers.types, 0);
    return number && number_map_set(&s->types, type, number) == 0 ? number : 0;
}

int copy_numbers_make(struct trace_copy *c, struct copy_source *s)
{
    int status = s->family ? family_number(c, s) : 0;

    s->type_numbers = calloc(s->trace->types.count + 1, sizeof(*s->type_numbers));
    if (!s->type_numbers)
        return -ENOMEM;
    if (status == 0)
        status = types_number(c, s);
    s->watches_types = s->family || s->types.used;
    return status;
}

/* ---- threads of the result ---- */

struct copy_thread *copy_thread_of(struct trace_copy *c, uint32_t number)
{
    uint32_t place = number_map_find(&c->thread_places, number);

    if (place == NUMBER_MAP_NONE) {
        place = (uint32_t)c->threads.count;
        if (!table_add(&c->threads, sizeof(struct copy_thread)) ||
            number_map_set(&c->thread_places, number, place) != 0)
            return NULL;
        ((struct copy_thread *)c->threads.rows)[place].number = number;
    }
    return (struct copy_thread *)c->threads.rows + place;
}
