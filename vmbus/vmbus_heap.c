/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmbus_heap.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Before each piece, and as large as what malloc() aligns to. */
struct head {
    _Alignas(max_align_t) size_t mapped_bytes; /* 0: of the heap */
};

static bool share;

void vmbus_heap_shared(bool on)
{
    share = on;
}

static struct head *alloc_shared(size_t bytes)
{
    struct head *head =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (head == MAP_FAILED)
        return NULL;
    head->mapped_bytes = bytes;
    return head;
}

void *vmbus_heap_alloc(size_t bytes)
{
    size_t all = sizeof(struct head) + bytes;
    struct head *head = share ? alloc_shared(all) : calloc(1, all);

    return head != NULL ? head + 1 : NULL;
}

void vmbus_heap_free(void *memory)
{
    struct head *head = memory;

    if (head == NULL)
        return;
    head--;
    if (head->mapped_bytes != 0)
        (void)munmap(head, head->mapped_bytes);
    else
        free(head);
}
