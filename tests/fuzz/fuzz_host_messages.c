/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Anything a host may say, to the parsers of NVSP and RNDIS: what they return lies inside what they
 * were given, and the quick way through a PACKET comes to what the long one does. The first byte
 * picks the parser, the next two the range a PACKET claims to be in.
 */
#include <string.h>

#include "fuzz.h"
#include "rndis.h"
#include "rndis_both.h"

static void check_inside(const struct rndis_info *info, const uint8_t *bytes, size_t len)
{
    if (info->data)
        fuzz_must(info->data >= bytes && info->data_bytes <= len &&
                  (size_t)(info->data - bytes) <= len - info->data_bytes);
    else
        fuzz_must(info->data_bytes == 0);
}

static void packet(const uint8_t *bytes, size_t len, uint32_t range)
{
    struct rndis_layout at;
    struct rndis_meta meta;

    if (len >= sizeof(struct rndis_packet) + RNDIS_QUICK_PPIS_BYTES_MAX &&
        range >= sizeof(struct rndis_packet))
        fuzz_must(rndis_both(bytes, range) != RNDIS_BOTH_DIFFER);
    if (rndis_parse_packet(bytes, len, range, &at) != 0)
        return;
    fuzz_must(at.data_bytes <= range && at.data_off <= range - at.data_bytes);
    fuzz_must(at.ppi_bytes <= range && at.ppi_off <= range - at.ppi_bytes);
    if (at.ppi_bytes > 0 && at.ppi_bytes <= len && at.ppi_off <= len - at.ppi_bytes)
        (void)rndis_parse_ppis(bytes + at.ppi_off, at.ppi_bytes, &meta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rndis_initialize_complete init;
    struct rndis_set_complete set;
    struct rndis_info info;
    struct rndis_meta meta;
    uint32_t id, range;
    uint8_t *copy;

    if (bytes < 3)
        return 0;
    range = (uint32_t)(data[1] << 8 | data[2]);
    bytes -= 3;
    copy = malloc(bytes ? bytes : 1); /* of just that size, for the sanitizer to see its end */
    fuzz_must(copy);
    memcpy(copy, data + 3, bytes);
    switch (data[0] % 6) {
    case 0:
        packet(copy, bytes, range);
        break;
    case 1:
        (void)rndis_parse_ppis(copy, bytes, &meta);
        break;
    case 2:
        if (rndis_parse_query_complete(copy, bytes, &info) == 0)
            check_inside(&info, copy, bytes);
        break;
    case 3:
        if (rndis_parse_indicate(copy, bytes, &info) == 0)
            check_inside(&info, copy, bytes);
        break;
    case 4:
        if (rndis_parse_initialize_complete(copy, bytes, &init) == 0)
            fuzz_must(init.status != RNDIS_STATUS_SUCCESS || init.max_packets > 0);
        break;
    default:
        (void)rndis_parse_set_complete(copy, bytes, &set);
        (void)rndis_parse_request_id(copy, bytes, &id);
        break;
    }
    free(copy);
    return 0;
}
