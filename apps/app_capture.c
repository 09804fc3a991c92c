/* SPDX-License-Identifier: BSD-3-Clause */
/* --pcap: every frame of the program's card in a file. */
#include "app_var.h"

#include <string.h>

#include "port_clock.h"
#include "port_pcap.h"

static struct port_pcap *pcap; /* NULL: none */
static const char *file;

/* The bytes of (frame) in one row. */
static const uint8_t *flat(const struct netvsc_frame *frame)
{
    static uint8_t bytes[NETVSC_FRAME_BYTES_MAX];
    uint32_t at = 0;

    if (!frame->more)
        return frame->data;
    for (unsigned i = 0; i <= frame->more; i++) {
        memcpy(bytes + at, frame[i].data, frame[i].len_bytes);
        at += frame[i].len_bytes;
    }
    return bytes;
}

static void capture(void *ctx, bool sent, const struct netvsc_frame *frame)
{
    const struct port_pcap_frame record = {
        .data = flat(frame),
        .len_bytes = netvsc_frame_bytes(frame),
        .wall_ns = port_clock_wall(),
        .tci = frame->tci,
        .has_tci = frame->has_tci,
        .sent = sent,
    };

    (void)ctx;
    port_pcap_write(pcap, &record);
}

int app_capture_open(const char *path, const char *card)
{
    int rc;

    if (!path)
        return 0;
    rc = port_pcap_open(path, card, &pcap);
    if (rc)
        return app_fail(1, path, strerror(-rc), "Give --pcap a file that can be written");
    file = path;
    return 0;
}

void app_capture_frames(struct netvsc_config *config)
{
    config->capture = pcap ? capture : NULL;
}

bool app_captures(void)
{
    return pcap != NULL;
}

void app_capture_flush(void)
{
    if (pcap)
        port_pcap_flush(pcap);
}

void app_capture_forget(void)
{
    pcap = NULL;
}

void app_capture_say(void)
{
    if (pcap)
        port_log(PORT_LOG_INFO, "%llu frames in %s", (unsigned long long)port_pcap_frames(pcap),
                 file);
}

void app_capture_close(void)
{
    port_pcap_close(pcap);
    pcap = NULL;
}
