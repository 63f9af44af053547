/* SPDX-License-Identifier: Apache-2.0 */
/* Names: which of them meant something in some type, and what the others may have been meant to be.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/expression_bind.h"
#include "base/suggestion.h"

static void like_note(struct node *node, const char *candidate)
{
    unsigned best = node->like ? node->like_far : UINT_MAX;
    char *like;

    if (!suggestion_consider(node->text.bytes, candidate, &best))
        return;
    like = strdup(candidate);
    if (!like)
        return;
    free(node->like);
    node->like = like;
    node->like_far = (uint8_t)best;
}

static bool is_label(const struct schema *schema, const char *word)
{
    unsigned count;
    const struct ada_label *levels = expression_level_labels(&count);

    for (unsigned i = 0; i < count; i++)
        if (strcmp(levels[i].name, word) == 0)
            return true;
    for (unsigned f = 0; f < schema->field_count; f++)
        for (unsigned i = 0; i < schema->fields[f].label_count; i++)
            if (strcmp(schema->fields[f].labels[i].name, word) == 0)
                return true;
    return false;
}

static void field_meet(const struct schema *schema, struct node *n)
{
    if (field_number(schema, n->text.bytes) >= 0 ||
        (n->kind == NODE_WORD && is_label(schema, n->text.bytes))) {
        n->is_met = true;
        return;
    }
    for (unsigned i = 0; i < schema->field_count; i++)
        like_note(n, schema->fields[i].name);
}

void names_meet(struct binder *b)
{
    for (uint32_t i = 1; i < b->expression->node_count; i++) {
        struct node *n = binder_node(b, i);

        switch ((enum node_kind)n->kind) {
        case NODE_SELECTOR:
            n->is_met |= selector_fits(b, n);
            if (!n->is_met)
                like_note(n, b->full_name);
            break;
        case NODE_FIELD:
            if (selector_fits(b, binder_node(b, n->left)))
                field_meet(b->schema, n);
            break;
        case NODE_WORD:
            field_meet(b->schema, n);
            break;
        case NODE_SLOW:
            n->is_met |= slow_is_scope(b, n) || slow_is_function(b);
            break;
        default:
            break;
        }
    }
}

bool expression_unmet(const struct expression *e, struct expression_error *error)
{
    for (uint32_t i = 1; i < e->node_count; i++) {
        const struct node *n = &e->nodes[i];
        const char *kind = n->kind == NODE_SELECTOR ? "event is called"
                           : n->kind == NODE_SLOW   ? "scope or function is called"
                           : n->kind == NODE_FIELD || n->kind == NODE_WORD ? "event has a field"
                                                                           : NULL;

        if (!kind || n->is_met)
            continue;
        if (n->like)
            (void)expression_refuse(error, n->at, n->length, "no %s `%.64s`; did you mean `%.64s`?",
                                    kind, n->text.bytes, n->like);
        else
            (void)expression_refuse(error, n->at, n->length, "no %s `%.64s`", kind, n->text.bytes);
        return true;
    }
    return false;
}
