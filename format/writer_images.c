/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images, processes and threads of a recording, as far as streams need them. What has ended leaves
 * nothing here but the code addresses that the file still has to name: a recording of days may see
 * processes by the hundred thousand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/writer_state.h"

/* ---- images ---- */

/* A place that nobody has, or one behind the others. */
static uint32_t place_free(const struct trace_writer *w)
{
    size_t place = w->image_holes ? 0 : w->image_count;

    while (place < w->image_count && w->images[place])
        place++;
    return (uint32_t)place;
}

/* Its place in w->images, made if need be; NUMBER_MAP_NONE: out of memory. */
uint32_t writer_image_place(struct trace_writer *w, uint64_t number)
{
    uint32_t place = number_map_find(&w->image_of_number, number);
    struct writer_image *image;

    if (place != NUMBER_MAP_NONE)
        return place;
    place = place_free(w);
    image = calloc(1, sizeof(*image));
    if (!image ||
        (place == w->image_count &&
         writer_list_grow((void **)&w->images, w->image_count, &w->image_capacity) != 0) ||
        number_map_set(&w->image_of_number, number, place) != 0) {
        free(image);
        writer_loss_count(w, 0, -ENOMEM);
        return NUMBER_MAP_NONE;
    }
    image->image = number;
    w->images[place] = image;
    if (place == w->image_count)
        w->image_count++;
    else
        w->image_holes--;
    return place;
}

static void image_free(struct writer_image *image)
{
    address_set_free(&image->addresses);
    free(image->type_of_id);
    free(image);
}

void writer_image_settle(struct trace_writer *w, struct writer_image *image)
{
    uint32_t place;

    if (!writer_image_is_over(image))
        return;
    free(image->type_of_id);
    image->type_of_id = NULL;
    image->id_count = 0;
    address_set_close(&image->addresses);
    if (image->addresses.count)
        return;
    place = number_map_find(&w->image_of_number, image->image);
    number_map_remove(&w->image_of_number, image->image);
    w->images[place] = NULL;
    w->image_holes++;
    image_free(image);
}

void writer_images_settle(struct trace_writer *w)
{
    for (size_t i = 0; i < w->image_count; i++)
        if (w->images[i])
            writer_image_settle(w, w->images[i]);
}

void writer_images_free(struct trace_writer *w)
{
    for (size_t i = 0; i < w->image_count; i++)
        if (w->images[i])
            image_free(w->images[i]);
    free(w->images);
    number_map_free(&w->image_of_number);
    number_map_free(&w->image_of_process);
    number_map_free(&w->process_of_thread);
}

struct writer_image *writer_image_of_thread(const struct trace_writer *w, uint32_t thread)
{
    uint32_t process = number_map_find(&w->process_of_thread, thread);
    uint32_t place = number_map_find(&w->image_of_process, process);

    return process == NUMBER_MAP_NONE || place == NUMBER_MAP_NONE ? NULL : w->images[place];
}

/* ---- code addresses ---- */

static void uses_visit(const struct writer_image *image,
                       void (*visit)(void *context, uint64_t image, uint64_t address,
                                     uint64_t first_ticks, uint64_t last_ticks),
                       void *context)
{
    const struct address_set *set = &image->addresses;

    for (size_t n = 0; n < set->count; n++)
        visit(context, image->image, set->uses[n].address, set->uses[n].first_ticks,
              set->uses[n].last_ticks);
}

void trace_writer_addresses(struct trace_writer *w,
                            void (*visit)(void *context, uint64_t image, uint64_t address,
                                          uint64_t first_ticks, uint64_t last_ticks),
                            void *context)
{
    for (struct trace_stream *s = w->streams; s; s = s->next)
        (void)!stream_flush(s); /* an error sticks and is told by close */
    writer_settle(w);
    for (size_t i = 0; i < w->image_count; i++)
        if (w->images[i])
            uses_visit(w->images[i], visit, context);
}

size_t trace_writer_image_addresses(const struct trace_writer *w, uint64_t image,
                                    void (*visit)(void *context, uint64_t image, uint64_t address,
                                                  uint64_t first_ticks, uint64_t last_ticks),
                                    void *context)
{
    uint32_t place = number_map_find(&w->image_of_number, image);

    if (place == NUMBER_MAP_NONE)
        return 0;
    if (visit)
        uses_visit(w->images[place], visit, context);
    return w->images[place]->addresses.count;
}

/* ---- processes and threads ---- */

/* Streams are opened for what is described, and for nothing else. */
static int described(struct trace_writer *w, struct number_map *map, uint32_t number,
                     uint32_t belongs_to)
{
    int status = number_map_set(map, number, belongs_to);

    if (status != 0)
        writer_loss_count(w, 0, status);
    return status ? status : writer_items_follow(w);
}

int trace_writer_process(struct trace_writer *w, const struct trace_process *process)
{
    bool is_new = number_map_find(&w->image_of_process, process->process) == NUMBER_MAP_NONE;
    uint32_t place;
    int status;

    if (process->process == TRACE_PROCESS_NONE || process->process == NUMBER_MAP_NONE)
        return -EINVAL;
    place = writer_image_place(w, process->image);
    if (place == NUMBER_MAP_NONE)
        return -ENOMEM;
    status = writer_item_keep(w, ITEM_PROCESS, process, true);
    if (status != 0)
        return status;
    status = described(w, &w->image_of_process, process->process, place);
    if (is_new && number_map_find(&w->image_of_process, process->process) == place)
        w->images[place]->processes++;
    return status;
}

void trace_writer_process_gone(struct trace_writer *w, uint32_t process)
{
    uint32_t place = number_map_find(&w->image_of_process, process);
    struct writer_image *image;

    if (place == NUMBER_MAP_NONE)
        return;
    image = w->images[place];
    number_map_remove(&w->image_of_process, process);
    image->over = --image->processes == 0;
    writer_image_settle(w, image);
}

int trace_writer_thread(struct trace_writer *w, const struct trace_thread *thread)
{
    int status;

    if (thread->thread == TRACE_THREAD_NONE || thread->process == NUMBER_MAP_NONE)
        return -EINVAL;
    status = writer_item_keep(w, ITEM_THREAD, thread, true);
    return status ? status : described(w, &w->process_of_thread, thread->thread, thread->process);
}

void trace_writer_thread_end(struct trace_writer *w, uint32_t thread)
{
    if (w->store)
        block_store_thread_end(w->store, thread);
    catalogue_thread_end(w->catalogue, thread);
    number_map_remove(&w->process_of_thread, thread);
}
