/* SPDX-License-Identifier: BSD-3-Clause */
/* netvsc-http: a web server on the card. Options and wiring; the server is in http_server.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app.h"
#include "http_page.h"
#include "http_server.h"
#include "port_heap.h"
#include "port_log.h"

enum {
    KEY_PORT = 1,
    KEY_ROOT,
    KEY_BACKLOG,
    KEY_HEADER_TIMEOUT,
    KEY_IDLE_TIMEOUT,
    KEY_WRITE_TIMEOUT,
    KEY_ACCESS_LOG,
    KEY_FILE_CACHE,
};

#define MS_PER_S 1000u
#define TIMEOUT_S_MAX 86400u
#define CONNECTIONS_DEFAULT 4096u /* about 11 KiB each, once used */
#define FILE_CACHE_MIB_DEFAULT 64u
#define FILE_CACHE_MIB_MAX 65536u
#define SPARE_FILES 64u /* beyond one per connection: device, captures, logs */

static const struct argp_option options[] = {
    {"port", KEY_PORT, "PORT", 0, "TCP port [80]", 0},
    {"root", KEY_ROOT, "DIR", 0, "serve this tree [only a page about the card]", 0},
    {"listen-backlog", KEY_BACKLOG, "N", 0, "being opened at a time [255]", 0},
    {"header-timeout", KEY_HEADER_TIMEOUT, "S", 0, "seconds for a request to arrive [10]", 0},
    {"idle-timeout", KEY_IDLE_TIMEOUT, "S", 0, "seconds between requests [30]", 0},
    {"write-timeout", KEY_WRITE_TIMEOUT, "S", 0, "seconds for a client to take 16 KiB [30]", 0},
    {"access-log", KEY_ACCESS_LOG, "FILE", OPTION_ARG_OPTIONAL, "a line per request [stdout]", 0},
    {"file-cache", KEY_FILE_CACHE, "MIB", 0, "memory for large files, 0 = none [64]", 0},
    {0},
};

struct http_app {
    const char *root;
    const char *access_log; /* "-" = standard output, NULL = none */
    size_t file_cache_bytes;
    struct http_config config;
    struct http_server server;
    struct http_page page;
    struct http_stats before; /* a second ago */
    struct http_log log;
};

static error_t take_seconds(const char *name, const char *text, uint32_t *out_ms)
{
    uint64_t seconds;
    error_t rc = app_number(name, text, 1, TIMEOUT_S_MAX, &seconds);

    if (!rc)
        *out_ms = (uint32_t)seconds * MS_PER_S;
    return rc;
}

static error_t parse(int key, char *arg, void *ctx)
{
    struct http_app *app = ctx;
    uint64_t n = 0;
    error_t rc;

    switch (key) {
    case KEY_PORT:
        rc = app_number("port", arg, 1, UINT16_MAX, &n);
        app->config.port = (uint16_t)n;
        return rc;
    case KEY_BACKLOG:
        rc = app_number("listen-backlog", arg, 1, UINT8_MAX, &n);
        app->config.backlog = (uint8_t)n;
        return rc;
    case KEY_ROOT:
        app->root = arg;
        return 0;
    case KEY_HEADER_TIMEOUT:
        return take_seconds("header-timeout", arg, &app->config.header_ms);
    case KEY_IDLE_TIMEOUT:
        return take_seconds("idle-timeout", arg, &app->config.idle_ms);
    case KEY_WRITE_TIMEOUT:
        return take_seconds("write-timeout", arg, &app->config.write_ms);
    case KEY_ACCESS_LOG:
        app->access_log = arg ? arg : "-";
        return 0;
    case KEY_FILE_CACHE:
        rc = app_number("file-cache", arg, 0, FILE_CACHE_MIB_MAX, &n);
        app->file_cache_bytes = (size_t)n << 20;
        return rc;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/*
 * A file may be open per connection; without room for that, answers are 503 before --connections.
 */
static void raise_file_limit(uint32_t connections)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)connections + SPARE_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_log(struct http_app *app)
{
    int rc;

    if (!app->access_log)
        return 0;
    rc = http_log_open(&app->log, app->access_log);
    if (rc == -ENXIO)
        return app_fail(1, app->access_log, "nobody reads this pipe",
                        "Start its reader first, or give --access-log a file");
    if (rc)
        return app_fail(1, app->access_log, strerror(-rc),
                        "Give --access-log a file you may write");
    app->config.access_log = &app->log;
    return 0;
}

static int start(void *ctx)
{
    struct http_app *app = ctx;
    struct http_site *site = &app->server.site;
    char port[32];
    int rc = 0;

    site->root.fd = -1;
    if (app->root)
        rc = http_root_open(&site->root, app->root);
    if (rc)
        return app_fail(1, app->root, strerror(-rc), "Give --root a directory you may read");
    rc = open_log(app);
    if (rc)
        return rc;
    if (app_connections())
        app->config.connections = app_connections();
    app->config.files = port_heap_apart(&app->config.files_bytes);
    raise_file_limit(app->config.connections);
    app->page = (struct http_page){.netif = app_netif()};
    site->page = http_page_write;
    site->page_ctx = &app->page;
    rc = http_server_open(&app->server, &app->config);
    snprintf(port, sizeof(port), "port %u", (unsigned)app->config.port);
    if (rc == -EADDRINUSE)
        return app_fail(1, port, "address already in use", "Choose another one with --port");
    if (rc)
        return app_fail(1, port, strerror(-rc), "Lower --connections");
    return 0;
}

/* One line when something happened in the last second and somebody is watching. */
static void print_rates(struct http_app *app)
{
    const struct http_stats *now = &app->server.stats;

    if (isatty(STDERR_FILENO) && memcmp(now, &app->before, sizeof(*now)) != 0)
        fprintf(stderr, "http: %" PRIu64 " requests/s, %.3f Gbit/s, %" PRIu32 " connections\n",
                now->requests - app->before.requests,
                (double)(now->bytes - app->before.bytes) * 8e-9, app->server.open);
    app->before = *now;
}

static void put_counter(char *line, size_t room, const char *name, uint64_t value)
{
    const size_t used = strlen(line);

    if (value > 0)
        snprintf(line + used, room - used, " %s %" PRIu64, name, value);
}

/* Every counter that is not zero, on one line, written at once: workers share their stderr. */
static void print_counters(const struct http_stats *stats, const struct http_files_stats *files)
{
    char line[1024] = "";

#define X(name, help) put_counter(line, sizeof(line), #name, stats->name);
    HTTP_STATS(X)
#undef X
#define X(name, help) put_counter(line, sizeof(line), #name, files->name);
    HTTP_FILES_STATS(X)
#undef X
    fprintf(stderr, "http:%s\n", line);
}

static void second(void *ctx, uint64_t now_ns)
{
    struct http_app *app = ctx;

    (void)now_ns;
    print_rates(app);
    http_log_flush(&app->server);
}

static void stop(void *ctx)
{
    struct http_app *app = ctx;
    struct http_files_stats files;

    http_log_flush(&app->server);
    http_files_stats(app->server.site.files, &files);
    print_counters(&app->server.stats, &files);
    http_server_stop(&app->server);
}

int main(int argc, char **argv)
{
    static struct http_app app = {
        .config =
            {
                .port = 80,
                .backlog = 255,
                .connections = CONNECTIONS_DEFAULT,
                .header_ms = 10 * MS_PER_S,
                .idle_ms = 30 * MS_PER_S,
                .write_ms = 30 * MS_PER_S,
            },
        .file_cache_bytes = FILE_CACHE_MIB_DEFAULT << 20,
        .server.site.root.fd = -1,
    };
    const struct app_spec spec = {
        .name = "netvsc-http",
        .summary = "Serve a directory by HTTP/1.1, and a page with the card's live counters.",
        .example = "netvsc-http --emulate tap=tap0 --ip 10.78.0.1/24 --root /usr/share/doc",
        .options = options,
        .parse = parse,
        .start = start,
        .stop = stop,
        .second = second,
        .by_workers = true,
        .counters = (const uint64_t *)(const void *)&app.server.stats,
        .counter_count = sizeof(app.server.stats) / sizeof(uint64_t),
        .apart_bytes = &app.file_cache_bytes,
        .ctx = &app,
    };
    int status = app_main(&spec, argc, argv);

    http_server_close(&app.server);
    http_root_close(&app.server.site.root);
    http_log_close(&app.server);
    return status;
}
