/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Each file is in one piece, page by page, so that a segment can begin anywhere in it. Pieces are
 * in a list by address, whose gaps are the free memory, and in one by last use. A newcomer takes
 * the first gap that is large enough; if there is none, files nobody uses leave, the longest unused
 * first, until the gap one of them leaves is. Both are walks over what is held, once per file read.
 *
 * A file is in use while an answer is sent from it, and as long as TCP or the card may still read
 * a piece: both are counts, and nobody is told when they reach zero. What lost its name (replaced,
 * changed, too old) is the first to leave then.
 */
#include "http_files.h"

#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#define PAGE_BYTES 4096u
#define MS_PER_S 1000
#define NS_PER_MS 1000000

struct http_files {
    uint8_t *base, *end;
    struct http_held ends; /* of both lists: its neighbours are the first and the last */
    struct http_held *bucket[HTTP_FILES_BUCKETS];
    struct http_held *unused;
    struct http_files_stats stats;
    struct http_held held[HTTP_FILES_MAX];
};

struct http_files *http_files_create(void *memory, size_t len_bytes)
{
    struct http_files *files = len_bytes ? calloc(1, sizeof(*files)) : NULL;

    if (!files)
        return NULL;
    files->base = memory;
    files->end = files->base + len_bytes;
    files->ends.below = files->ends.above = files->ends.older = files->ends.newer = &files->ends;
    for (unsigned i = HTTP_FILES_MAX; i-- > 0;) {
        files->held[i].above = files->unused;
        files->unused = &files->held[i];
    }
    return files;
}

void http_files_destroy(struct http_files *files)
{
    for (unsigned i = 0; files && i < HTTP_FILES_MAX; i++) {
        if (files->held[i].loans > 0)
            return;
    }
    free(files);
}

void http_files_stats(const struct http_files *files, struct http_files_stats *out)
{
    *out = files ? files->stats : (struct http_files_stats){0};
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct http_held **bucket_of(struct http_files *files, const struct http_file_id *id)
{
    const uint64_t mixed = (id->inode ^ id->device << 32) * UINT64_C(0x9E3779B97F4A7C15);

    return &files->bucket[(mixed >> 32) % HTTP_FILES_BUCKETS];
}

static void put_by_use(struct http_held *held, struct http_held *older)
{
    held->older = older;
    held->newer = older->newer;
    held->newer->older = held;
    older->newer = held;
}

static void take_by_use(struct http_held *held)
{
    held->older->newer = held->newer;
    held->newer->older = held->older;
}

/* Nobody finds it any more, and it is the first to leave. */
static void unname(struct http_files *files, struct http_held *held)
{
    struct http_held **at = bucket_of(files, &held->id);

    if (!held->named)
        return;
    while (*at != held)
        at = &(*at)->next;
    *at = held->next;
    held->named = false;
    take_by_use(held);
    put_by_use(held, &files->ends);
}

/* The one of (id). Others of the same file, and one too old, lose their names. */
static struct http_held *find(struct http_files *files, const struct http_file_id *id,
                              int64_t now_ms)
{
    struct http_held *held = *bucket_of(files, id), *next;

    for (; held; held = next) {
        next = held->next;
        if (held->id.inode != id->inode || held->id.device != id->device)
            continue;
        if (now_ms < held->until_ms && memcmp(&held->id, id, sizeof(*id)) == 0)
            return held;
        unname(files, held);
    }
    return NULL;
}

/* ---- room ------------------------------------------------------------------------------------ */

static size_t room_of(const struct http_held *held)
{
    return (held->id.size_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static uint8_t *end_of(const struct http_files *files, const struct http_held *held)
{
    return held == &files->ends ? files->base : held->bytes + room_of(held);
}

/* Free bytes above (held). */
static size_t gap(const struct http_files *files, const struct http_held *held)
{
    const uint8_t *to = held->above == &files->ends ? files->end : held->above->bytes;

    return (size_t)(to - end_of(files, held));
}

static bool in_use(const struct http_held *held)
{
    return held->users > 0 || held->loans > 0;
}

static void evict(struct http_files *files, struct http_held *held)
{
    files->stats.file_evicted += held->named;
    unname(files, held);
    take_by_use(held);
    held->below->above = held->above;
    held->above->below = held->below;
    held->above = files->unused;
    files->unused = held;
}

/* The neighbour above which there is room for (bytes), and a free struct besides; or NULL. */
static struct http_held *make_room(struct http_files *files, size_t bytes)
{
    struct http_held *below = &files->ends, *held, *newer;

    do {
        if (files->unused && gap(files, below) >= bytes)
            return below;
        below = below->above;
    } while (below != &files->ends);
    for (held = files->ends.newer; held != &files->ends; held = newer) {
        newer = held->newer;
        if (in_use(held))
            continue;
        below = held->below;
        evict(files, held);
        if (gap(files, below) >= bytes)
            return below;
    }
    return NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int64_t ms_of(struct timespec t)
{
    return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

static bool suits(const struct http_files *files, const struct http_file_id *id, int64_t now_ms)
{
    const int64_t before_ms = now_ms - HTTP_FILES_QUIET_MS;

    return id->size_bytes <= (size_t)(files->end - files->base) / 2 &&
           ms_of(id->modified) <= before_ms && ms_of(id->changed) <= before_ms;
}

static struct http_held *begin(struct http_files *files, const struct http_file_id *id,
                               int64_t now_ms)
{
    const struct http_held wanted = {.id = *id};
    struct http_held **bucket = bucket_of(files, id);
    struct http_held *below = suits(files, id, now_ms) ? make_room(files, room_of(&wanted)) : NULL;
    struct http_held *held;

    if (!below)
        return NULL;
    held = files->unused;
    files->unused = held->above;
    *held = (struct http_held){
        .id = *id,
        .bytes = end_of(files, below),
        .until_ms = now_ms + HTTP_FILES_LIFE_MS,
        .named = true,
        .below = below,
        .above = below->above,
        .next = *bucket,
    };
    held->above->below = held;
    below->above = held;
    *bucket = held;
    put_by_use(held, files->ends.older);
    files->stats.file_loads++;
    return held;
}

struct http_held *http_files_take(struct http_files *files, const struct http_file_id *id,
                                  int64_t now_ms)
{
    struct http_held *held = find(files, id, now_ms);

    if (held) {
        files->stats.file_hits++;
        take_by_use(held);
        put_by_use(held, files->ends.older);
    } else {
        held = begin(files, id, now_ms);
    }
    if (held)
        held->users++;
    else
        files->stats.file_refused++;
    return held;
}

void http_files_release(struct http_held *held)
{
    held->users--;
}

bool http_files_loaded(struct http_files *files, struct http_held *held, int fd, size_t bytes)
{
    struct http_file_id id;

    if (http_file_identify(fd, &id) == 0 && memcmp(&id, &held->id, sizeof(id)) == 0) {
        held->loaded_bytes += bytes;
        return true;
    }
    files->stats.file_changed += !held->changed;
    held->changed = true;
    unname(files, held);
    return false;
}
