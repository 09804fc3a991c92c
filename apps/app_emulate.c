/* SPDX-License-Identifier: BSD-3-Clause */
/* A Hyper-V host in this process, driven by our own loop: one process makes a demo. */
#include "app_var.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hvhost.h"
#include "hvhost_impair.h"
#include "vmbus_transport.h"

#define REMEDY_EMULATE                                                                             \
    "Write --emulate tap=NAME[,mac=00:15:5d:01:02:03][,mtu=BYTES][,queues=N][,strict]"             \
    "[,impair=loss=1%+delay=5ms]"

bool app_mac_parse(const char *text, uint8_t mac[6])
{
    static const char digits[] = "0123456789abcdefABCDEF";

    if (strlen(text) != 17)
        return false;
    for (unsigned i = 0; i < 6; i++, text += 3) {
        if (!strchr(digits, text[0]) || !strchr(digits, text[1]) || text[2] != (i < 5 ? ':' : '\0'))
            return false;
        mac[i] = (uint8_t)strtoul(text, NULL, 16);
    }
    return (mac[0] & 1) == 0;
}

static error_t bad_emulate(const char *why)
{
    app_fail(2, "--emulate", why, REMEDY_EMULATE);
    return EINVAL;
}

static error_t parse_tap(const char *value, struct app_emulate_options *out)
{
    /* The kernel's own rule for interface names, IFNAMSIZ included. */
    if (!value || !*value || strlen(value) >= sizeof(out->tap) || strpbrk(value, "/: \t%"))
        return bad_emulate("tap needs a name of 1 to 15 characters");
    strcpy(out->tap, value);
    return 0;
}

static error_t parse_impair(char *value, struct app_emulate_options *out)
{
    static struct hvhost_impair impair;
    const char *wrong = value ? hvhost_impair_parse(value, &impair) : "impair needs a value";

    out->impair = &impair;
    return wrong ? bad_emulate(wrong) : 0;
}

error_t app_emulate_parse(char *text, struct app_emulate_options *out)
{
    enum { TAP, MAC, MTU, QUEUES, STRICT, IMPAIR };
    static char tap[] = "tap", mac[] = "mac", mtu[] = "mtu", queues[] = "queues",
                strict[] = "strict", impair[] = "impair";
    char *const tokens[] = {tap, mac, mtu, queues, strict, impair, NULL};
    char *value;
    uint64_t number;

    while (*text) {
        switch (getsubopt(&text, tokens, &value)) {
        case TAP:
            if (parse_tap(value, out))
                return EINVAL;
            break;
        case MAC:
            if (!value || !app_mac_parse(value, out->mac))
                return bad_emulate("mac is not a unicast MAC address");
            break;
        case MTU:
            if (!value || app_number("emulate mtu", value, 68, 65521, &number))
                return value ? EINVAL : bad_emulate("mtu needs a number");
            out->mtu_bytes = (uint32_t)number;
            break;
        case QUEUES:
            if (!value || app_number("emulate queues", value, 1, 64, &number))
                return value ? EINVAL : bad_emulate("queues needs a number");
            out->queues = (uint32_t)number;
            break;
        case STRICT:
            out->strict = true;
            break;
        case IMPAIR:
            if (parse_impair(value, out))
                return EINVAL;
            break;
        default:
            return bad_emulate("unknown part");
        }
    }
    return out->tap[0] ? 0 : bad_emulate("the name of the TAP device is missing");
}

static int fail_tap(const char *name, int rc)
{
    char what[40];

    snprintf(what, sizeof(what), "TAP %s", name);
    switch (-rc) {
    case EPERM:
    case EACCES:
        return app_fail(1, what, "not permitted",
                        "Run as root, or let root make it: ip tuntap add NAME mode tap user YOU");
    case EBUSY:
        return app_fail(1, what, "another program uses it",
                        "Choose another name, or stop that program");
    case ENOENT:
    case ENODEV:
        return app_fail(1, what, "this machine has no /dev/net/tun", "Load the tun module");
    case EINVAL:
        return app_fail(1, what, "no TAP device of this kind can be had", "Choose another name");
    default:
        return app_fail(1, what, strerror(-rc), "Check /dev/net/tun");
    }
}

static int add_card(struct app_emulate *emulate, const struct app_emulate_options *options,
                    uint32_t network)
{
    struct hvhost_nic_config config = {.mtu_max_bytes = options->mtu_bytes,
                                       .max_queues = options->queues,
                                       .network = network,
                                       .punish = options->strict};
    int rc;

    memcpy(config.mac, options->mac, sizeof(config.mac));
    rc = hvhost_nic_add(emulate->host, &config, &emulate->nic);
    return rc ? app_fail(1, "emulated card", strerror(-rc), REMEDY_EMULATE) : 0;
}

int app_emulate_start(struct app_emulate *emulate, const struct app_emulate_options *options)
{
    const struct hvhost_config attended = {.attended = true};
    int rc = hvhost_create(&attended, &emulate->host);

    if (rc)
        return app_fail(1, "emulated host", strerror(-rc), "Free some memory");
    rc = add_card(emulate, options, 0);
    if (rc)
        goto fail;
    rc = options->tap[0] ? hvhost_tap_add(emulate->host, options->tap) : 0;
    if (rc) {
        rc = fail_tap(options->tap, rc);
        goto fail;
    }
    rc = options->impair ? hvhost_impair(emulate->host, options->impair) : 0;
    if (rc == 0)
        return 0;
    rc = app_fail(1, "emulated network", strerror(-rc), "Free some memory");
fail:
    app_emulate_stop(emulate);
    return rc;
}

int app_emulate_join(struct app_emulate *second, const struct app_emulate *first)
{
    const struct app_emulate_options none = {.tap = ""};

    second->host = first->host;
    return add_card(second, &none, 0);
}

int app_emulate_beside(struct app_emulate *second, const struct app_emulate *first,
                       const struct app_emulate_options *options)
{
    const uint32_t network = 1;
    int rc;

    second->host = first->host;
    rc = add_card(second, options, network);
    if (rc)
        return rc;
    rc = hvhost_tap_join(second->host, options->tap, network);
    return rc ? fail_tap(options->tap, rc) : 0;
}

void app_emulate_stop(struct app_emulate *emulate)
{
    hvhost_destroy(emulate->host);
    emulate->host = NULL;
}

int app_emulate_open(void *ctx, struct vmbus_device **out)
{
    struct app_emulate *emulate = ctx;
    struct vmbus_transport transport;
    int rc = hvhost_nic_open(emulate->nic, &transport);

    *out = NULL;
    if (rc)
        return rc;
    rc = vmbus_device_create(&transport, out);
    if (rc)
        transport.ops->close(transport.ctx);
    return rc;
}

static unsigned peer_step(void *ctx, uint64_t now_ns)
{
    return hvhost_step(ctx, now_ns);
}

static uint64_t peer_next_deadline(void *ctx, uint64_t now_ns)
{
    return hvhost_next_deadline(ctx, now_ns);
}

static unsigned peer_pollfds(void *ctx, struct pollfd *out, unsigned max)
{
    return hvhost_pollfds(ctx, out, max);
}

static bool peer_arm(void *ctx, bool on)
{
    return hvhost_arm(ctx, on);
}

struct port_loop_peer app_emulate_peer(struct hvhost *host)
{
    return (struct port_loop_peer){.step = peer_step,
                                   .next_deadline = peer_next_deadline,
                                   .pollfds = peer_pollfds,
                                   .arm = peer_arm,
                                   .ctx = host};
}
