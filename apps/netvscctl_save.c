/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What bind takes from the kernel, kept for the program that gets the card and for unbind:
 * STATE/GUID.json. The folder is below /run, so nothing outlives the boot it is true for.
 */
#include "ctl_var.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX (128u << 10)

static int saved_path(const char *state_dir, const char *guid, char out[CTL_PATH_BYTES])
{
    const int len = snprintf(out, CTL_PATH_BYTES, "%s/%s.json", state_dir, guid);

    return len > 0 && (size_t)len < CTL_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, "  \"%s\": ", key);
    ctl_json_text(out, text);
    fprintf(out, ",\n");
}

static void put_lines(FILE *out, const char *key, const char lines[][CTL_LINE_BYTES],
                      unsigned count)
{
    fprintf(out, "  \"%s\": [", key);
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "%s\n    ", i ? "," : "");
        ctl_json_text(out, lines[i]);
    }
    fprintf(out, "%s]", count ? "\n  " : "");
}

static void put_saved(FILE *out, const struct ctl_saved *saved)
{
    const struct ctl_net *net = &saved->net;

    fprintf(out, "{\n");
    put_text(out, "guid", saved->guid);
    put_text(out, "driver", saved->driver);
    put_text(out, "driver_override", saved->driver_override);
    fprintf(out, "  \"id_added\": %s,\n", saved->id_added ? "true" : "false");
    fprintf(out, "  \"persist\": %s,\n", saved->persist ? "true" : "false");
    put_text(out, "interface", net->ifname);
    put_text(out, "mac", net->mac);
    fprintf(out, "  \"mtu\": %u,\n", net->mtu_bytes);
    fprintf(out, "  \"up\": %s,\n", net->up ? "true" : "false");
    fprintf(out, "  \"saved_s\": %llu,\n", (unsigned long long)net->saved_s);
    put_lines(out, "addresses", net->addresses, net->address_count);
    fprintf(out, ",\n");
    put_lines(out, "routes", net->routes, net->route_count);
    fprintf(out, "\n}\n");
}

int ctl_saved_write(const char *state_dir, const struct ctl_saved *saved)
{
    char path[CTL_PATH_BYTES];
    char *text = NULL;
    size_t bytes = 0;
    int rc = saved_path(state_dir, saved->guid, path);
    FILE *out = open_memstream(&text, &bytes);

    if (!out)
        return -ENOMEM;
    put_saved(out, saved);
    if (fclose(out) != 0)
        rc = -ENOMEM;
    if (rc == 0)
        rc = ctl_write_file(path, text);
    free(text);
    return rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int get_text(char *out, size_t out_bytes, const char *value)
{
    return snprintf(out, out_bytes, "%s", value) < (int)out_bytes ? 0 : -EPROTO;
}

static int get_flag(bool *out, const char *value)
{
    *out = strcmp(value, "true") == 0;
    return *out || strcmp(value, "false") == 0 ? 0 : -EPROTO;
}

static int get_number(uint64_t *out, uint64_t max, const char *value)
{
    char *end;

    if (value[0] < '0' || value[0] > '9')
        return -EPROTO;
    errno = 0;
    *out = strtoull(value, &end, 10);
    return errno == 0 && *end == '\0' && *out <= max ? 0 : -EPROTO;
}

static int get_line(char lines[][CTL_LINE_BYTES], unsigned *count, unsigned max, const char *value)
{
    return *count < max ? get_text(lines[(*count)++], CTL_LINE_BYTES, value) : -EPROTO;
}

static int get_net(struct ctl_net *net, const char *key, const char *value)
{
    uint64_t number = 0;
    int rc;

    if (strcmp(key, "interface") == 0)
        return get_text(net->ifname, sizeof(net->ifname), value);
    if (strcmp(key, "mac") == 0)
        return get_text(net->mac, sizeof(net->mac), value);
    if (strcmp(key, "up") == 0)
        return get_flag(&net->up, value);
    if (strcmp(key, "saved_s") == 0)
        return get_number(&net->saved_s, UINT64_MAX, value);
    if (strcmp(key, "addresses") == 0)
        return get_line(net->addresses, &net->address_count, CTL_ADDRESSES_MAX, value);
    if (strcmp(key, "routes") == 0)
        return get_line(net->routes, &net->route_count, CTL_ROUTES_MAX, value);
    if (strcmp(key, "mtu") != 0)
        return 0; /* of a later version */
    rc = get_number(&number, UINT32_MAX, value);
    net->mtu_bytes = (uint32_t)number;
    return rc;
}

static int get_member(void *ctx, const char *key, const char *value)
{
    struct ctl_saved *saved = ctx;

    if (strcmp(key, "guid") == 0)
        return get_text(saved->guid, sizeof(saved->guid), value);
    if (strcmp(key, "driver") == 0)
        return get_text(saved->driver, sizeof(saved->driver), value);
    if (strcmp(key, "driver_override") == 0)
        return get_text(saved->driver_override, sizeof(saved->driver_override), value);
    if (strcmp(key, "id_added") == 0)
        return get_flag(&saved->id_added, value);
    if (strcmp(key, "persist") == 0)
        return get_flag(&saved->persist, value);
    return get_net(&saved->net, key, value);
}

int ctl_saved_read(const char *state_dir, const char *guid, struct ctl_saved *saved)
{
    char path[CTL_PATH_BYTES];
    char *text = malloc(FILE_BYTES_MAX);
    int rc = text ? saved_path(state_dir, guid, path) : -ENOMEM;

    memset(saved, 0, sizeof(*saved));
    if (rc == 0)
        rc = ctl_read(path, text, FILE_BYTES_MAX);
    if (rc == 0)
        rc = ctl_json_read(text, get_member, saved);
    if (rc == 0 && strcmp(saved->guid, guid) != 0)
        rc = -EPROTO;
    free(text);
    return rc;
}

void ctl_saved_remove(const char *state_dir, const char *guid)
{
    char path[CTL_PATH_BYTES];

    if (saved_path(state_dir, guid, path) == 0)
        unlink(path);
}

/* ---- for the program that gets the card ------------------------------------------------------ */

/* The first word of (line), "10.0.0.4/24", if it is an address of (family) beyond its own link. */
static bool global_address(const char *line, bool six, char *out, size_t out_bytes)
{
    const bool is_six = memchr(line, ':', strcspn(line, " ")) != NULL;
    /* lwIP knows one prefix length of IPv6 only and wants none. */
    const int len = (int)strcspn(line, is_six ? "/ " : " ");

    if (is_six != six || (is_six && strncmp(line, "fe80:", 5) == 0))
        return false;
    return snprintf(out, out_bytes, "%.*s", len, line) < (int)out_bytes;
}

static bool find_address(const struct ctl_net *net, bool six, char *out, size_t out_bytes)
{
    for (unsigned i = 0; i < net->address_count; i++) {
        if (global_address(net->addresses[i], six, out, out_bytes))
            return true;
    }
    return false;
}

static bool find_gateway(const struct ctl_net *net, char *out, size_t out_bytes)
{
    static const char start[] = "0.0.0.0/0 via ";

    for (unsigned i = 0; i < net->route_count; i++) {
        const char *at = net->routes[i] + sizeof(start) - 1;

        if (strncmp(net->routes[i], start, sizeof(start) - 1) == 0)
            return snprintf(out, out_bytes, "%.*s", (int)strcspn(at, " "), at) < (int)out_bytes;
    }
    return false;
}

int ctl_options(struct ctl *ctl)
{
    struct ctl_saved saved;
    char text[64];

    printf("--nic %s", ctl->nic.instance);
    if (ctl_saved_read(ctl->state_dir, ctl->nic.instance, &saved) == 0) {
        if (find_address(&saved.net, false, text, sizeof(text))) {
            printf(" --ip %s", text);
            if (find_gateway(&saved.net, text, sizeof(text)))
                printf(" --gateway %s", text);
        }
        if (find_address(&saved.net, true, text, sizeof(text)))
            printf(" --ipv6=%s", text);
        if (saved.net.mtu_bytes)
            printf(" --mtu %u", saved.net.mtu_bytes);
    }
    printf("\n");
    return 0;
}
