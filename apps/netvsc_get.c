/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * netvsc-get fetches one page: the name is looked up by lwIP's DNS client, the page comes through
 * lwIP's HTTP client. It is the smallest program that opens a connection instead of waiting for
 * one.
 *
 * Once the card has an address: look-up, request, data, result, each called by lwIP; the result
 * ends the program.
 *
 * Output goes to FILE.part, which becomes FILE when all has come: whoever finds FILE finds it
 * whole. What is there already and is no file, such as /dev/null or a pipe, is written to as it is:
 * a file in its place would take its name away. The client gives up after 15 s without a byte,
 * which is lwIP's own bound.
 */
#define _GNU_SOURCE /* strcasestr */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "app.h"
#include "lwip/apps/http_client.h"
#include "lwip/dns.h"
#include "port_clock.h"
#include "port_log.h"

#define HEAD_BYTES_MAX 16384u

static struct {
    const char *url;
    const char *host;
    uint16_t port;
    const char *path;
    const char *output; /* NULL: stdout */
    char part[4096];
    bool has_part; /* what is written to is (part), not (output) */
    FILE *file;
    uint64_t request_ns, bytes;
    httpc_connection_t settings;
    httpc_state_t *request;
    bool done;
} get;

/* ---- the end --------------------------------------------------------------------------------- */

/* First reason wins: what follows from it is not worth telling. */
static void finish(int status, const char *what, const char *why, const char *remedy)
{
    if (get.done)
        return;
    get.done = true;
    if (status)
        app_fail(status, what, why, remedy);
    app_finish(status);
}

/* Everything has come: is it on the disk, and under its name? */
static int keep_file(void)
{
    FILE *file = get.file;

    get.file = NULL;
    if (get.output ? fclose(file) : fflush(file))
        return -errno;
    if (get.has_part && rename(get.part, get.output))
        return -errno;
    return 0;
}

static void drop_file(void)
{
    if (!get.file || !get.output)
        return;
    fclose(get.file);
    get.file = NULL;
    if (get.has_part)
        remove(get.part);
}

static const char *result_text(httpc_result_t result)
{
    switch (result) {
    case HTTPC_RESULT_ERR_CONNECT:
        return "no connection";
    case HTTPC_RESULT_ERR_HOSTNAME:
        return "the name cannot be looked up";
    case HTTPC_RESULT_ERR_TIMEOUT:
        return "no answer for 15 seconds";
    case HTTPC_RESULT_ERR_MEM:
        return "out of memory";
    case HTTPC_RESULT_ERR_CONTENT_LEN:
        return "the connection ended before the page did";
    case HTTPC_RESULT_ERR_CLOSED:
        return "connection refused, reset, or closed before an answer";
    default:
        return "the answer is not HTTP";
    }
}

static void on_result(void *arg, httpc_result_t result, u32_t bytes, u32_t status, err_t err)
{
    double seconds = (double)(port_clock_now() - get.request_ns) / (double)PORT_NS_PER_S;
    int rc;

    (void)arg;
    (void)bytes; /* 32 bits, and ours are 64 */
    (void)status;
    (void)err;
    get.request = NULL;
    if (get.done)
        return;
    if (result != HTTPC_RESULT_OK) {
        finish(1, get.url, result_text(result), "Check that the server runs and can be reached");
        return;
    }
    rc = keep_file();
    if (rc) {
        finish(1, get.output ? get.output : "stdout", strerror(-rc), "Give -o a file with room");
        return;
    }
    port_log(PORT_LOG_INFO, "%llu bytes in %.3f s, %.0f Mbit/s", (unsigned long long)get.bytes,
             seconds, (double)get.bytes * 8 / seconds / 1e6);
    finish(0, NULL, NULL, NULL);
}

/* ---- the page -------------------------------------------------------------------------------- */

/*
 * Only a page itself is worth writing. lwIP's client knows pages with a length and pages that end
 * with the connection; chunks it would hand on with their sizes between the bytes: refuse them.
 */
static err_t on_head(httpc_state_t *request, void *arg, struct pbuf *head, u16_t head_bytes,
                     u32_t content_bytes)
{
    static char text[HEAD_BYTES_MAX + 1];
    const u16_t n = pbuf_copy_partial(
        head, text, head_bytes < HEAD_BYTES_MAX ? head_bytes : (u16_t)HEAD_BYTES_MAX, 0);
    unsigned status = 0;
    char why[40];

    (void)request;
    (void)arg;
    (void)content_bytes;
    text[n] = '\0';
    if (sscanf(text, "HTTP/%*u.%*u %3u", &status) != 1 || status != 200) {
        snprintf(why, sizeof(why), "the server answered %u", status);
        finish(1, get.url, why, "Check the URL");
        return ERR_VAL;
    }
    if (!strcasestr(text, "\r\nTransfer-Encoding:"))
        return ERR_OK;
    finish(1, get.url, "the page comes in chunks, which lwIP's client cannot put together",
           "Fetch a plain file");
    return ERR_VAL;
}

static err_t on_data(void *arg, struct altcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    for (const struct pbuf *q = p; q && !get.done; q = q->next) {
        if (fwrite(q->payload, 1, q->len, get.file) != q->len)
            finish(1, get.output ? get.output : "stdout", strerror(errno),
                   "Give -o a file with room");
        get.bytes += q->len;
    }
    altcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void on_address(const char *name, const ip_addr_t *address, void *arg)
{
    err_t err;

    (void)arg;
    if (get.done)
        return;
    if (!address) {
        finish(1, name, "no name server knows an address of it, or none answers",
               "Check the name, and --dns");
        return;
    }
    port_log(PORT_LOG_INFO, "%s is %s", name, ipaddr_ntoa(address));
    get.settings.result_fn = on_result;
    get.settings.headers_done_fn = on_head;
    get.request_ns = port_clock_now();
    /* It looks the name up once more, for its Host header, and finds it in lwIP's cache. */
    err = httpc_get_file_dns(get.host, get.port, get.path, &get.settings, on_data, NULL,
                             &get.request);
    if (err != ERR_OK)
        finish(1, get.url, app_lwip_error(err), "Check the address, and --gateway");
}

/* ---- before it ------------------------------------------------------------------------------- */

static void look_up(void *ctx)
{
    const bool only6 = ip4_addr_isany_val(*netif_ip4_addr(&app_netif()->netif));
    const u8_t kind = only6 ? LWIP_DNS_ADDRTYPE_IPV6_IPV4 : LWIP_DNS_ADDRTYPE_IPV4_IPV6;
    ip_addr_t address;
    err_t err;

    (void)ctx;
    if (!ipaddr_aton(get.host, &address) && ip_addr_isany(dns_getserver(0))) {
        finish(1, get.host, "nobody to ask: no name server is known",
               "Give --dns ADDR, or --dhcp where the server offers one");
        return;
    }
    err = dns_gethostbyname_addrtype(get.host, &address, on_address, NULL, kind);
    if (err == ERR_OK)
        on_address(get.host, &address, NULL);
    else if (err != ERR_INPROGRESS)
        finish(1, get.host, app_lwip_error(err), "Give a name of at most 255 characters");
}

static int open_file(void)
{
    struct stat was;
    const char *name = get.part;

    get.file = stdout;
    if (!get.output)
        return 0;
    get.has_part = stat(get.output, &was) != 0 || S_ISREG(was.st_mode);
    if (!get.has_part)
        name = get.output;
    get.file = fopen(name, "wb");
    if (!get.file)
        return app_fail(1, name, strerror(errno), "Give -o a file in a folder you may write");
    return 0;
}

static int start(void *ctx)
{
    int status = open_file();

    (void)ctx;
    if (status)
        return status;
    app_when_addressed(look_up, NULL);
    return 0;
}

/* The loop has ended, by itself or by a signal: then something is missing. */
static void stop(void *ctx)
{
    (void)ctx;
    finish(1, get.url, "interrupted", "Run it again");
    drop_file();
}

/* ---- program --------------------------------------------------------------------------------- */

static error_t bad_url(const char *url)
{
    app_fail(2, url, "not a URL this program knows", "Give http://HOST[:PORT]/PATH");
    return EINVAL;
}

/* "host:port" or "[address]:port" in its two parts; (*port) is NULL when there is none. */
static bool split(char *text, char **host, char **port)
{
    char *end;

    *host = *text == '[' ? text + 1 : text;
    end = *host + strcspn(*host, *text == '[' ? "]" : ":");
    if (*text == '[' && *end++ != ']')
        return false;
    *port = *end == ':' ? end + 1 : NULL;
    if (*end != ':' && *end != '\0')
        return false;
    if (*text == '[')
        end[-1] = '\0';
    *end = '\0';
    return **host != '\0';
}

/* "http://host:port/path" */
static error_t parse_url(const char *url)
{
    static const char scheme[] = "http://";
    static char authority[264];
    const char *from = url + sizeof(scheme) - 1;
    unsigned long number = HTTP_DEFAULT_PORT;
    char *host, *port;
    size_t bytes;

    if (get.url || strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
        return bad_url(url);
    bytes = strcspn(from, "/");
    get.path = from[bytes] ? from + bytes : "/";
    if (bytes >= sizeof(authority) || strpbrk(url, " \r\n"))
        return bad_url(url);
    memcpy(authority, from, bytes);
    if (!split(authority, &host, &port))
        return bad_url(url);
    if (port)
        number = port[strspn(port, "0123456789")] ? 0 : strtoul(port, NULL, 10);
    if (number < 1 || number > 65535)
        return bad_url(url);
    get.host = host;
    get.port = (uint16_t)number;
    get.url = url;
    return 0;
}

static error_t parse(int key, char *arg, void *ctx)
{
    (void)ctx;
    switch (key) {
    case ARGP_KEY_ARG:
        return parse_url(arg);
    case 'o':
        get.output = arg;
        if (snprintf(get.part, sizeof(get.part), "%s.part", arg) < (int)sizeof(get.part))
            return 0;
        app_fail(2, "-o", "the name is too long", "Give a shorter one");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"output", 'o', "FILE", 0, "write the page to FILE [standard output]", 0},
        {0},
    };
    static const struct app_spec spec = {
        .name = "netvsc-get",
        .summary = "Fetch a page with lwIP's DNS and HTTP clients on Hyper-V's network card.",
        .example = "netvsc-get --emulate tap=nvt0 --dhcp http://example.test/page",
        .options = options,
        .parse = parse,
        .args = "URL",
        .start = start,
        .stop = stop,
    };

    return app_main(&spec, argc, argv);
}
