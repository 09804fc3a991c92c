/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A host withdraws a card when it likes, and the kernel then takes memory away under our feet: a
 * page of a uio map that was never touched, and a ring of a sub-channel as a whole, because its
 * file in sysfs goes. Who touches it gets SIGBUS, before it can have read that the card is gone.
 *
 * So while a card is open SIGBUS has a handler. In memory of a card it puts a page of zeroes where
 * the fault was: to the driver a ring that is corrupt or a frame that makes no sense, and to the
 * program a card that has gone, as it will hear from its next read() anyway. Buffers are populated
 * when they are mapped, so that their contents are never replaced; zeroes there would be taken for
 * data that the host has checked. Anything else goes to who had the signal before.
 *
 * The table is read by a signal handler and by any thread: an entry is claimed by its base and
 * counts once it has a length, which is cleared first when it is given back. When the table is full
 * further mappings are not guarded.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "vmbus_reg.h"
#include "vmbus_uio_var.h"

#define GUARDS_MAX 512u

static struct {
    _Atomic uintptr_t base; /* 0: free */
    _Atomic size_t len_bytes;
} guards[GUARDS_MAX];

static struct sigaction previous;

static bool is_guarded(uintptr_t at)
{
    for (unsigned i = 0; i < GUARDS_MAX; i++) {
        const uintptr_t base = atomic_load(&guards[i].base);

        if (base != 0 && at - base < atomic_load(&guards[i].len_bytes))
            return true;
    }
    return false;
}

/* mmap() is no more than a system call, so it may be called here. */
static void on_sigbus(int number, siginfo_t *info, void *context)
{
    const uintptr_t mask = VMBUS_PAGE_BYTES - 1;
    char *page = (char *)info->si_addr - ((uintptr_t)info->si_addr & mask);
    const int saved = errno;

    (void)context;
    if (!is_guarded((uintptr_t)page) ||
        mmap(page, VMBUS_PAGE_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        (void)sigaction(number, &previous, NULL); /* which gets it when we return */
    errno = saved;
}

void vmbus_uio_guard(void *base, size_t len_bytes)
{
    const struct sigaction ours = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    struct sigaction now;

    if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_sigaction != on_sigbus) {
        previous = now;
        (void)sigaction(SIGBUS, &ours, NULL);
    }
    for (unsigned i = 0; i < GUARDS_MAX; i++) {
        uintptr_t none = 0;

        if (atomic_compare_exchange_strong(&guards[i].base, &none, (uintptr_t)base)) {
            atomic_store(&guards[i].len_bytes, len_bytes);
            return;
        }
    }
}

void vmbus_uio_unguard(const void *base)
{
    for (unsigned i = 0; i < GUARDS_MAX; i++) {
        if (base != NULL && atomic_load(&guards[i].base) == (uintptr_t)base) {
            atomic_store(&guards[i].len_bytes, 0);
            atomic_store(&guards[i].base, 0);
            return;
        }
    }
}
