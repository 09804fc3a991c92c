/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both ends of a TAP uplink, in a network namespace of the test's own: the kernel's is a packet
 * socket, the switch's a port that keeps what it gets.
 */
#ifndef TAP_ENDS_H
#define TAP_ENDS_H

#include "check.h"
#include "hvhost.h"

#define TAP "nvt0"
#define WAIT_MS 5000
#define FRAME_BYTES_MAX 65550u

struct ends {
    struct hvhost *host;
    struct hvhost_port *port;
    int packet; /* packet socket on the TAP device */
    /* the last frame of ours that came up */
    unsigned frames;
    uint32_t len_bytes;
    uint16_t tci;
    bool has_tci;
    uint8_t data[FRAME_BYTES_MAX];
};

/* Run (tests) in a new network namespace; 77, which is "skipped", if there can be none. */
#define tap_run_tests(tests) (tap_is_possible() ? cmocka_run_group_tests(tests, NULL, NULL) : 77)
bool tap_is_possible(void);

/* A test's set-up and end; *state is its struct ends. */
int tap_setup(void **state);
int tap_teardown(void **state);

void tap_set_link(const char *name, bool up, int mtu);
int tap_packet_socket(const char *name);

/* A frame of (len) bytes with our type and counting contents. */
void tap_fill(uint8_t *data, uint32_t len);

/* Turn the host until (frames) of ours have come up. */
void tap_await(struct ends *e, unsigned frames);

/* What the kernel received, and the VLAN tag it took out; tag -1: none. */
ssize_t tap_kernel_receives(struct ends *e, uint8_t *data, size_t size, int *tag);

struct hvhost_switch_stats tap_stats(const struct ends *e);

#endif
