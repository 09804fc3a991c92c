/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a request: in one piece and byte by byte they must mean the same, inside the buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_parse.h"

static void check_text(struct http_text text)
{
    fuzz_must(text.off <= HTTP_HEAD_BYTES_MAX && text.len_bytes <= HTTP_HEAD_BYTES_MAX - text.off);
}

static void check_request(const struct http_parser *p)
{
    check_text(p->line);
    check_text(p->path);
    check_text(p->query);
    check_text(p->range);
    check_text(p->if_range);
    check_text(p->if_none_match);
    check_text(p->if_modified_since);
    fuzz_must(p->status != 200 || p->has_host || p->minor == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct http_parser whole, pieces;
    size_t taken = 0, used;

    http_parser_reset(&whole);
    http_parser_reset(&pieces);
    used = http_parser_feed(&whole, data, bytes);
    fuzz_must(used <= bytes && (used == bytes || whole.status != 0));
    while (taken < bytes && pieces.status == 0)
        taken += http_parser_feed(&pieces, data + taken, 1);
    /* Of what is refused more may be taken in one piece: whole lines. */
    fuzz_must(pieces.status == whole.status);
    if (whole.status != 200)
        return 0;
    fuzz_must(taken == used);
    fuzz_must(pieces.method == whole.method && pieces.keep_alive == whole.keep_alive);
    fuzz_must(pieces.body_bytes == whole.body_bytes);
    check_request(&whole);
    return 0;
}
