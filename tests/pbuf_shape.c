/* SPDX-License-Identifier: BSD-3-Clause */
#include "pbuf_shape.h"

static struct pbuf *piece(pbuf_layer layer, uint8_t *memory, uint32_t bytes)
{
    static const pbuf_type types[] = {PBUF_RAM, PBUF_RAM, PBUF_POOL, PBUF_REF, PBUF_ROM};
    const pbuf_type type = types[below(countof(types))];
    struct pbuf *p = pbuf_alloc(layer, (u16_t)bytes, type);

    assert_non_null(p);
    if (type == PBUF_REF || type == PBUF_ROM)
        p->payload = memory;
    else
        pbuf_take(p, memory, (u16_t)bytes);
    return p;
}

struct pbuf *pbuf_shape_make(const struct pbuf_shape *shape, uint8_t *memory, uint32_t bytes)
{
    struct pbuf *head = NULL;
    uint32_t off = 0;

    for (unsigned i = 0; off < bytes; i++) {
        uint32_t take = i < shape->pieces ? below(shape->most_bytes + 1) : bytes - off;
        struct pbuf *p;

        if (i == 0 && take < shape->first_bytes)
            take = shape->first_bytes;
        take = take < bytes - off ? take : bytes - off;
        p = piece(off ? PBUF_RAW : shape->layer, memory + off, take);
        off += take;
        if (head)
            pbuf_cat(head, p);
        else
            head = p;
    }
    return head;
}
