/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at a ring that go by what stands there, one by one: whatever does, they come to an end and
 * say nothing that does not follow from it. */
#include <errno.h>
#include <string.h>

#include "registry/ring_away.h"
#include "registry/ring_producer.h"
#include "registry/ring_words.h"
#include "ring_fixture.h"

enum { CAPACITY = 4096, GLANCES = 4, RECORD_BYTES = 32 };

static void word_set(struct ring_fixture *f, uint64_t at, uint64_t word)
{
    memcpy(ring_data(f->ring) + at, &word, sizeof(word));
}

/* Is a record seen behind these words, each of which leads over `bytes`? */
static bool glance_finds(uint32_t type, unsigned count, uint64_t bytes)
{
    struct ring_fixture f;
    uint64_t ticks;
    bool found;

    fixture_open(&f, CAPACITY, RING_OVERWRITE, 0);
    for (unsigned n = 1; n <= GLANCES + 2; n++)
        assert_true(fixture_emit(f.writer, RECORD_BYTES - 8, n));
    f.reader.head = ring_available_to_read(&f.reader);
    for (unsigned n = 0; n < count; n++)
        word_set(&f, (uint64_t)n * RECORD_BYTES, ring_filler_word(type, bytes, n));
    found = ring_glance(&f.reader, &ticks);
    fixture_close(&f);
    return found;
}

static void glance_passes_over_what_leads_on_and_nothing_else(void **state)
{
    (void)state;
    assert_true(glance_finds(ADA_RECORD_PAD, 0, 0));
    assert_true(glance_finds(ADA_RECORD_PAD, 1, RECORD_BYTES));
    assert_true(glance_finds(ADA_RECORD_SKIP, GLANCES - 1, RECORD_BYTES));
    assert_false(
        glance_finds(ADA_RECORD_SKIP, GLANCES, RECORD_BYTES)); /* it does not look for ever */
    assert_false(glance_finds(ADA_RECORD_PENDING, 1, RECORD_BYTES));
    assert_false(glance_finds(ADA_RECORD_HELD, 1, RECORD_BYTES));
    assert_false(glance_finds(ADA_RECORD_PAD, 1, 0));
    assert_false(glance_finds(ADA_RECORD_PAD, 1, CAPACITY));
}

/* What a producer noted as passed over, at the reader's place; is it passed over? */
static bool away_is_passed(uint64_t from, uint64_t proof)
{
    struct ring_fixture f;
    uint64_t at;

    fixture_open(&f, CAPACITY, RING_DROP, 0);
    for (unsigned n = 1; n <= 4; n++)
        assert_true(fixture_emit(f.writer, RECORD_BYTES - 8, n));
    f.reader.head = ring_available_to_read(&f.reader);
    f.reader.at = from;
    ring_away_note(f.writer, from, RECORD_BYTES);
    if (proof)
        f.ring->away[0].proof = proof;
    ring_away_pass(&f.reader);
    at = f.reader.at;
    f.reader.at = 0;
    fixture_close(&f);
    return at != from;
}

static void only_a_whole_note_of_what_is_there_is_passed_over(void **state)
{
    struct ring_fixture f;

    (void)state;
    assert_true(away_is_passed(RECORD_BYTES, 0));
    assert_false(away_is_passed(RECORD_BYTES, 12345));
    assert_false(away_is_passed(RECORD_BYTES + 4, 0));     /* no word begins there */
    assert_false(away_is_passed(4 * RECORD_BYTES - 8, 0)); /* beyond head */
    fixture_open(&f, CAPACITY, RING_DROP, 0);
    f.ring->away_count = 1;
    f.reader.head = RECORD_BYTES;
    ring_away_pass(&f.reader); /* of no bytes */
    assert_int_equal(f.reader.at, 0);
    f.reader.head = 0;
    fixture_close(&f);
}

static void notes_make_room_when_their_places_were_read(void **state)
{
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, CAPACITY, RING_DROP, 0);
    for (unsigned n = 0; n < RING_AWAY; n++) {
        assert_true(ring_away_has_room(f.writer, 0));
        ring_away_note(f.writer, n * RECORD_BYTES, RECORD_BYTES);
    }
    assert_false(ring_away_has_room(f.writer, 0));
    assert_true(ring_away_has_room(f.writer, RECORD_BYTES));
    f.ring->policy = RING_OVERWRITE; /* which does not wait for a reader */
    assert_true(ring_away_has_room(f.writer, 0));
    f.ring->policy = RING_DROP;
    f.ring->away_count = 0;
    fixture_close(&f);
}

static void frame_is_gone_only_on_the_stack_that_is_known(void **state)
{
    enum { FRAME = 0x7000, TOP = 0x9000, FAR = 65 << 20 };
    struct ring_fixture f;
    struct ada_writer *w;

    (void)state;
    fixture_open(&f, CAPACITY, RING_DROP, 0);
    w = f.writer;
    w->outer = (uint64_t)FRAME << 16;
    w->stack_top = TOP;
    assert_true(ring_outer_is_gone(w, FRAME + 16));
    assert_false(ring_outer_is_gone(w, FRAME - 16)); /* it may still be there */
    assert_false(ring_outer_is_gone(w, TOP + 16));   /* another stack */
    assert_false(ring_outer_is_gone(w, 0));
    w->stack_top = 0;
    assert_false(ring_outer_is_gone(w, FRAME + 16));
    w->stack_top = FRAME + FAR;
    assert_false(ring_outer_is_gone(w, FRAME + 16));
    w->outer = 0;
    assert_false(ring_outer_is_gone(w, FRAME + 16));
    fixture_close(&f);
}

/* Nothing to give back, or no whole page of it. */
static void reader_rests_whatever_its_copy_is(void **state)
{
    struct ring_fixture f;

    (void)state;
    for (unsigned policy = RING_DROP; policy <= RING_OVERWRITE; policy++) {
        fixture_open(&f, CAPACITY, (enum ring_policy)policy, 0);
        assert_true(fixture_emit(f.writer, 24, 1));
        ring_rest(&f.reader);
        fixture_read_one(&f, 24, 1);
        ring_rest(&f.reader);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glance_passes_over_what_leads_on_and_nothing_else),
        cmocka_unit_test(only_a_whole_note_of_what_is_there_is_passed_over),
        cmocka_unit_test(notes_make_room_when_their_places_were_read),
        cmocka_unit_test(frame_is_gone_only_on_the_stack_that_is_known),
        cmocka_unit_test(reader_rests_whatever_its_copy_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
