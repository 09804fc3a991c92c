/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of the options: numbers with units, versions, and the description of a card. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvhost_main_var.h"
#include "nvs_reg.h"

int main_number_parse(const char *text, uint64_t max, uint64_t *out)
{
    static const char units[] = "kMG";
    unsigned long long value;
    const char *unit;
    unsigned shift = 0;
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    value = strtoull(text, &end, 0);
    if (errno != 0)
        return -ERANGE;
    unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        shift = 10u * (unsigned)(unit - units + 1);
        end++;
    }
    if (*end)
        return -EINVAL;
    if (value > max >> shift)
        return -ERANGE;
    *out = (uint64_t)value << shift;
    return 0;
}

int main_nvs_parse(const char *text, uint32_t *out)
{
    static const struct {
        const char *text;
        uint32_t version;
    } known[] = {
        {"1", NVS_VERSION_1}, {"2", NVS_VERSION_2},   {"4", NVS_VERSION_4},    {"5", NVS_VERSION_5},
        {"6", NVS_VERSION_6}, {"6.0", NVS_VERSION_6}, {"6.1", NVS_VERSION_61},
    };
    unsigned i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(text, known[i].text) == 0) {
            *out = known[i].version;
            return 0;
        }
    }
    return -EINVAL;
}

static const char *parse_mac(const char *text, uint8_t mac[6])
{
    static const char form[] = "hh:hh:hh:hh:hh:hh";
    unsigned i;

    /* Digit by digit: sscanf() would take signs and blanks. */
    for (i = 0; i < sizeof(form); i++) {
        if (form[i] == 'h' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
            return "mac is written as 00:15:5d:01:02:03";
    }
    for (i = 0; i < 6; i++)
        mac[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
    return mac[0] & 1 ? "mac is a group address, a card has one of its own" : NULL;
}

/* Keys whose value is a number, and where it goes. */
struct number_key {
    const char *name;
    size_t off;
    uint32_t max;
};

#define KEY(name, member, max)                                                                     \
    {                                                                                              \
        name, offsetof(struct hvhost_nic_config, member), max                                      \
    }
static const struct number_key number_keys[] = {
    KEY("mtu", mtu_max_bytes, 65535),
    KEY("recv", recv_buf_bytes, 1u << 30),
    KEY("send", send_buf_bytes, 1u << 30),
    KEY("section", send_section_bytes, 1u << 20),
    KEY("rsection", recv_section_bytes, 1u << 20),
    KEY("ring", ring_bytes, 1u << 28),
    KEY("dma", dma_bytes, 1u << 30),
    KEY("batch", batch_frames, 375),
    KEY("monitor", monitor_latency_us, 6553), /* the wire has 16 bits of 100 ns */
    KEY("speed", link_speed_100bps, UINT32_MAX),
    KEY("lso", lso_max_bytes, 65535),
    KEY("queues", max_queues, 64),
    KEY("network", network, 65535),
};

static const char *set_number(struct hvhost_nic_config *config, const struct number_key *key,
                              const char *value)
{
    static char why[96];
    uint64_t number;
    uint32_t word;

    if (main_number_parse(value, key->max, &number) != 0) {
        (void)snprintf(why, sizeof(why), "%s is a number up to %u", key->name, key->max);
        return why;
    }
    word = (uint32_t)number;
    memcpy((char *)config + key->off, &word, sizeof(word));
    return NULL;
}

/* "csum+lso", "all", "none". */
static const char *parse_offload(const char *text, uint32_t *out)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } known[] = {
        {"all", HVHOST_OFFLOAD_ALL},       {"none", HVHOST_OFFLOAD_NONE},
        {"csum", HVHOST_OFFLOAD_TX_CSUM},  {"lso", HVHOST_OFFLOAD_LSO},
        {"rcsum", HVHOST_OFFLOAD_RX_CSUM}, {"rsc", HVHOST_OFFLOAD_RSC},
    };
    const unsigned count = sizeof(known) / sizeof(known[0]);

    *out = 0;
    for (;;) {
        size_t len = strcspn(text, "+");
        unsigned i = 0;

        while (i < count && (strlen(known[i].name) != len || memcmp(text, known[i].name, len)))
            i++;
        if (i == count)
            return "offload is all, none, or of csum, lso, rcsum, rsc with + between";
        *out |= known[i].bits;
        if (text[len] == '\0')
            return NULL;
        text += len + 1;
    }
}

static const char *set_value(struct hvhost_nic_config *config, const char *key, const char *value)
{
    unsigned i;

    if (strcmp(key, "guid") == 0) {
        config->instance = value;
        return NULL;
    }
    if (strcmp(key, "mac") == 0)
        return parse_mac(value, config->mac);
    if (strcmp(key, "offload") == 0)
        return parse_offload(value, &config->offload);
    if (strcmp(key, "nvs") == 0)
        return main_nvs_parse(value, &config->nvs_version_max) == 0
                   ? NULL
                   : "nvs is 1, 2, 4, 5, 6.0 or 6.1";
    for (i = 0; i < sizeof(number_keys) / sizeof(number_keys[0]); i++) {
        if (strcmp(key, number_keys[i].name) == 0)
            return set_number(config, &number_keys[i], value);
    }
    return "unknown key, see --help";
}

static const char *set_flag(struct hvhost_nic_config *config, const char *key)
{
    if (strcmp(key, "poll") == 0)
        config->poll = true;
    else if (strcmp(key, "punish") == 0)
        config->punish = true;
    else if (strcmp(key, "nopromisc") == 0)
        config->refuse_promiscuous = true;
    else if (strcmp(key, "nodma") == 0)
        config->dma_bytes = UINT32_MAX;
    else
        return "unknown key, see --help";
    return NULL;
}

const char *main_tap_parse(char *text, struct main_tap *out)
{
    static const char key[] = ",network=";
    char *comma = strchr(text, ',');
    uint64_t network = 0;

    if (comma && (strncmp(comma, key, strlen(key)) != 0 ||
                  main_number_parse(comma + strlen(key), 65535, &network) != 0))
        return "it is NAME or NAME,network=N";
    if (comma)
        *comma = '\0';
    *out = (struct main_tap){.name = text, .network = (uint32_t)network};
    return NULL;
}

const char *main_nic_parse(char *text, struct hvhost_nic_config *config)
{
    const char *wrong = NULL;
    char *key, *value, *rest = NULL;

    for (key = strtok_r(text, ",", &rest); key && !wrong; key = strtok_r(NULL, ",", &rest)) {
        value = strchr(key, '=');
        if (value)
            *value++ = '\0';
        wrong = value ? set_value(config, key, value) : set_flag(config, key);
    }
    return wrong;
}
