/* fuzz folder: net   bytes as an AMQP message: what is read can be written and is read as the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/net/amqp_message.h"

#define ARENA_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_same_text(struct gn_str a, struct gn_str b)
{
    GN_ASSERT(gn_str_eq(a, b) && (a.p == NULL) == (b.p == NULL));
}

static void assert_same(const struct gn_amqp_message *a, const struct gn_amqp_message *b)
{
    assert_same_text(a->content_type, b->content_type);
    assert_same_text(a->subject, b->subject);
    assert_same_text(a->to, b->to);
    assert_same_text(a->reply_to, b->reply_to);
    assert_same_text(a->body, b->body);
    GN_ASSERT(a->has_body == b->has_body && a->is_durable == b->is_durable);
    GN_ASSERT(a->property_count == b->property_count);
    for (size_t i = 0; i < a->property_count; i++) {
        const struct gn_amqp_property *p = &a->properties[i], *q = &b->properties[i];

        assert_same_text(p->name, q->name);
        assert_same_text(p->text, q->text);
        GN_ASSERT(p->type == q->type && p->number == q->number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str bytes = {(const char *)data, size};
    struct gn_amqp_message first, second;
    struct gn_buf written = GN_BUF_INIT;
    struct gn_arena arena;

    gn_arena_init(&arena, ARENA_MAX);
    if (gn_amqp_message_decode(bytes, &arena, &first) == GN_OK) {
        GN_ASSERT(gn_amqp_message_encode(&first, &written) == GN_OK);
        GN_ASSERT(gn_amqp_message_decode(gn_buf_str(&written), &arena, &second) == GN_OK);
        assert_same(&first, &second);
    }
    gn_buf_free(&written);
    gn_arena_fini(&arena);
    return 0;
}
