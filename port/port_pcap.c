/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * pcapng (IETF opsawg draft "PCAP Now Generic"): a file of blocks, each with its type, its length,
 * a body padded to four bytes and its length again. We write a section header, one interface
 * description (link type Ethernet, time in nanoseconds) and then an enhanced packet block per frame
 * whose option epb_flags says inbound or outbound. Integers are in the byte order of the writer;
 * the section header's magic tells readers which.
 *
 * The host strips VLAN tags and hands them over beside the frame. Wireshark knows them only inside,
 * so the tag is put back after the two MAC addresses.
 */
#include "port_pcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port_log.h"

#define BLOCK_SECTION 0x0A0D0D0Au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1A2B3C4Du
#define LINKTYPE_ETHERNET 1u
#define OPT_END 0u
#define OPT_IF_NAME 2u
#define OPT_IF_TSRESOL 9u
#define OPT_EPB_FLAGS 2u
#define FLAG_INBOUND 1u
#define FLAG_OUTBOUND 2u

#define BUFFER_BYTES (256u * 1024)
#define NAME_BYTES_MAX 64u
#define ADDRESSES_BYTES 12u
#define ETH_BYTES 14u
#define TAG_BYTES 4u

struct port_pcap {
    FILE *file;
    uint64_t frames;
    int error; /* -errno of the first failure; nothing is written after it */
    char buffer[BUFFER_BYTES];
};

struct packet_head {
    uint32_t type, len_bytes, interface, time_high, time_low, captured_bytes, original_bytes;
};

struct packet_tail {
    uint16_t flags_code, flags_len;
    uint32_t flags;
    uint32_t end;
    uint32_t len_bytes;
};

static void put(struct port_pcap *pcap, const void *data, size_t len_bytes)
{
    if (pcap->error || len_bytes == 0 || fwrite(data, len_bytes, 1, pcap->file) == 1)
        return;
    pcap->error = errno ? -errno : -EIO;
    port_log(PORT_LOG_WARN, "capture stopped after %llu frames: %s",
             (unsigned long long)pcap->frames, strerror(-pcap->error));
}

static uint32_t pad(uint32_t len_bytes)
{
    return -len_bytes & 3u;
}

static void put_section(struct port_pcap *pcap)
{
    const struct {
        uint32_t type, len_bytes, magic;
        uint16_t major, minor;
        uint32_t section_low, section_high; /* all ones: length unknown */
        uint32_t len_again_bytes;
    } block = {BLOCK_SECTION, 28, BYTE_ORDER_MAGIC, 1, 0, UINT32_MAX, UINT32_MAX, 28};

    put(pcap, &block, sizeof(block));
}

static void put_interface(struct port_pcap *pcap, const char *name)
{
    const size_t whole_bytes = strlen(name);
    const uint32_t name_bytes =
        whole_bytes < NAME_BYTES_MAX ? (uint32_t)whole_bytes : NAME_BYTES_MAX;
    const uint32_t len_bytes = 16 + 4 + name_bytes + pad(name_bytes) + 8 + 4 + 4;
    const uint32_t head[] = {BLOCK_INTERFACE, len_bytes, LINKTYPE_ETHERNET, 0 /* no snap length */};
    const uint16_t name_opt[] = {OPT_IF_NAME, (uint16_t)name_bytes};
    const uint16_t resolution[] = {OPT_IF_TSRESOL, 1};
    const uint8_t nanoseconds[4] = {9};
    const uint32_t tail[] = {OPT_END, len_bytes};
    const uint8_t zero[4] = {0};

    put(pcap, head, sizeof(head));
    put(pcap, name_opt, sizeof(name_opt));
    put(pcap, name, name_bytes);
    put(pcap, zero, pad(name_bytes));
    put(pcap, resolution, sizeof(resolution));
    put(pcap, nanoseconds, sizeof(nanoseconds));
    put(pcap, tail, sizeof(tail));
}

int port_pcap_open(const char *path, const char *interface, struct port_pcap **out)
{
    struct port_pcap *pcap = calloc(1, sizeof(*pcap));
    int rc;

    *out = NULL;
    if (!pcap)
        return -ENOMEM;
    pcap->file = fopen(path, "wbe");
    if (!pcap->file) {
        rc = -errno;
        free(pcap);
        return rc;
    }
    setvbuf(pcap->file, pcap->buffer, _IOFBF, sizeof(pcap->buffer));
    put_section(pcap);
    put_interface(pcap, interface);
    *out = pcap;
    return 0;
}

static void put_data(struct port_pcap *pcap, const struct port_pcap_frame *frame)
{
    const uint8_t tag[TAG_BYTES] = {0x81, 0x00, (uint8_t)(frame->tci >> 8), (uint8_t)frame->tci};

    put(pcap, frame->data, ADDRESSES_BYTES);
    if (frame->has_tci)
        put(pcap, tag, sizeof(tag));
    put(pcap, frame->data + ADDRESSES_BYTES, frame->len_bytes - ADDRESSES_BYTES);
}

void port_pcap_write(struct port_pcap *pcap, const struct port_pcap_frame *frame)
{
    const uint32_t data_bytes = frame->len_bytes + (frame->has_tci ? TAG_BYTES : 0);
    const uint32_t len_bytes = (uint32_t)(sizeof(struct packet_head) + sizeof(struct packet_tail)) +
                               data_bytes + pad(data_bytes);
    const struct packet_head head = {
        .type = BLOCK_PACKET,
        .len_bytes = len_bytes,
        .time_high = (uint32_t)(frame->wall_ns >> 32),
        .time_low = (uint32_t)frame->wall_ns,
        .captured_bytes = data_bytes,
        .original_bytes = data_bytes,
    };
    const struct packet_tail tail = {
        .flags_code = OPT_EPB_FLAGS,
        .flags_len = 4,
        .flags = frame->sent ? FLAG_OUTBOUND : FLAG_INBOUND,
        .end = OPT_END,
        .len_bytes = len_bytes,
    };
    const uint8_t zero[4] = {0};

    if (frame->len_bytes < ETH_BYTES)
        return;
    put(pcap, &head, sizeof(head));
    put_data(pcap, frame);
    put(pcap, zero, pad(data_bytes));
    put(pcap, &tail, sizeof(tail));
    if (!pcap->error)
        pcap->frames++;
}

void port_pcap_flush(struct port_pcap *pcap)
{
    if (!pcap->error && fflush(pcap->file) != 0) {
        pcap->error = -errno;
        port_log(PORT_LOG_WARN, "capture stopped: %s", strerror(errno));
    }
}

uint64_t port_pcap_frames(const struct port_pcap *pcap)
{
    return pcap->frames;
}

int port_pcap_close(struct port_pcap *pcap)
{
    int rc;

    if (!pcap)
        return 0;
    port_pcap_flush(pcap);
    rc = pcap->error;
    fclose(pcap->file);
    free(pcap);
    return rc;
}
