/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Semaphores, mutexes, mailboxes and threads for lwIP with threads (NO_SYS 0), over pthreads.
 *
 * What a connection receives waits in its mailbox until the program reads it. If that is full, data
 * is refused, and lwIP comes with it again; but the end of the stream lwIP says once and does not
 * look whether it was taken. A reader that is behind would wait for it for ever, and so would its
 * peer: the connection stands in CLOSE_WAIT, all data delivered. So places are kept which only such
 * a message can take. There are two, for after the end there may be a reset, and nothing after
 * that. Listeners are told of connections that failed by messages of the same kind, any number of
 * them: these may find no place, and lwIP looks.
 *
 * Refusing costs, too: lwIP offers the data again after 250 ms, and drops what comes meanwhile,
 * acknowledgements in it included. lwipopts.h makes a connection's mailbox larger than its window
 * in full segments, so only a peer that sends small ones gets there.
 *
 * A semaphore is up or down, as in lwIP's own ports. Signals are sent while the mutex is held, so
 * whoever woke may free the semaphore at once.
 */
#define _GNU_SOURCE /* pthread_setname_np(), PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lwip/opt.h"

#include "lwip/priv/api_msg.h"
#include "lwip/sys.h"
#include "port_clock.h"
#include "port_log.h"

#define LAST_WORDS 2u
#define THREAD_NAME_BYTES 16u

/* ---- waiting --------------------------------------------------------------------------------- */

static void make_condition(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

struct deadline {
    bool never;
    struct timespec at;
};

/* 0 = never. The kernel waits, so it is the machine's clock, whatever port_clock_now() says. */
static struct deadline deadline_in(u32_t ms)
{
    struct deadline deadline = {.never = ms == 0};
    uint64_t ns;

    clock_gettime(CLOCK_MONOTONIC, &deadline.at);
    ns = (uint64_t)deadline.at.tv_nsec + ms * PORT_NS_PER_MS;
    deadline.at.tv_sec += (time_t)(ns / PORT_NS_PER_S);
    deadline.at.tv_nsec = (long)(ns % PORT_NS_PER_S);
    return deadline;
}

/* False: too late. True: look again, for it may be for nothing. */
static bool wait_for(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct deadline *deadline)
{
    if (deadline->never)
        return pthread_cond_wait(cond, mutex) == 0;
    return pthread_cond_timedwait(cond, mutex, &deadline->at) == 0;
}

/* ---- semaphores and mutexes ------------------------------------------------------------------ */

err_t sys_sem_new(sys_sem_t *sem, u8_t count)
{
    pthread_mutex_init(&sem->mutex, NULL);
    make_condition(&sem->raised);
    sem->up = count > 0;
    sem->valid = true;
    return ERR_OK;
}

void sys_sem_free(sys_sem_t *sem)
{
    pthread_cond_destroy(&sem->raised);
    pthread_mutex_destroy(&sem->mutex);
}

void sys_sem_signal(sys_sem_t *sem)
{
    pthread_mutex_lock(&sem->mutex);
    sem->up = true;
    pthread_cond_signal(&sem->raised);
    pthread_mutex_unlock(&sem->mutex);
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout_ms)
{
    const struct deadline deadline = deadline_in(timeout_ms);
    bool in_time = true;
    u32_t result;

    pthread_mutex_lock(&sem->mutex);
    while (!sem->up && in_time)
        in_time = wait_for(&sem->raised, &sem->mutex, &deadline);
    result = sem->up ? 0 : SYS_ARCH_TIMEOUT;
    sem->up = false;
    pthread_mutex_unlock(&sem->mutex);
    return result;
}

err_t sys_mutex_new(sys_mutex_t *mutex)
{
    pthread_mutex_init(&mutex->mutex, NULL);
    mutex->valid = true;
    return ERR_OK;
}

void sys_mutex_free(sys_mutex_t *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
}

void sys_mutex_lock(sys_mutex_t *mutex)
{
    pthread_mutex_lock(&mutex->mutex);
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
    pthread_mutex_unlock(&mutex->mutex);
}

/* ---- mailboxes ------------------------------------------------------------------------------- */

err_t sys_mbox_new(sys_mbox_t *mbox, int size)
{
    *mbox = (sys_mbox_t){.size = size > 0 ? (unsigned)size : 1u};
    mbox->total = mbox->size + LAST_WORDS;
    mbox->places = calloc(mbox->total, sizeof(*mbox->places));
    if (!mbox->places)
        return ERR_MEM;
    pthread_mutex_init(&mbox->mutex, NULL);
    make_condition(&mbox->not_empty);
    make_condition(&mbox->not_full);
    return ERR_OK;
}

void sys_mbox_free(sys_mbox_t *mbox)
{
    pthread_cond_destroy(&mbox->not_full);
    pthread_cond_destroy(&mbox->not_empty);
    pthread_mutex_destroy(&mbox->mutex);
    free(mbox->places);
}

static void put(sys_mbox_t *mbox, void *message)
{
    mbox->places[(mbox->first + mbox->count++) % mbox->total] = message;
    pthread_cond_signal(&mbox->not_empty);
}

static void *take(sys_mbox_t *mbox)
{
    void *message = mbox->places[mbox->first];

    mbox->first = (mbox->first + 1) % mbox->total;
    mbox->count--;
    pthread_cond_signal(&mbox->not_full);
    return message;
}

void sys_mbox_post(sys_mbox_t *mbox, void *message)
{
    const struct deadline never = {.never = true};

    pthread_mutex_lock(&mbox->mutex);
    while (mbox->count >= mbox->size)
        wait_for(&mbox->not_full, &mbox->mutex, &never);
    put(mbox, message);
    pthread_mutex_unlock(&mbox->mutex);
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *message)
{
    err_t result = ERR_OK, end;
    const unsigned places = lwip_netconn_is_err_msg(message, &end) ? mbox->total : mbox->size;

    pthread_mutex_lock(&mbox->mutex);
    if (mbox->count < places)
        put(mbox, message);
    else
        result = ERR_MEM;
    pthread_mutex_unlock(&mbox->mutex);
    return result;
}

/* There are no interrupts here. */
err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *message)
{
    return sys_mbox_trypost(mbox, message);
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **message, u32_t timeout_ms)
{
    const struct deadline deadline = deadline_in(timeout_ms);
    u32_t result = SYS_ARCH_TIMEOUT;
    bool in_time = true;

    pthread_mutex_lock(&mbox->mutex);
    while (mbox->count == 0 && in_time)
        in_time = wait_for(&mbox->not_empty, &mbox->mutex, &deadline);
    if (mbox->count > 0) {
        *message = take(mbox);
        result = 0;
    }
    pthread_mutex_unlock(&mbox->mutex);
    return result;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **message)
{
    u32_t result = SYS_MBOX_EMPTY;

    pthread_mutex_lock(&mbox->mutex);
    if (mbox->count > 0) {
        *message = take(mbox);
        result = 0;
    }
    pthread_mutex_unlock(&mbox->mutex);
    return result;
}

/* ---- threads, and what they all share -------------------------------------------------------- */

struct beginning {
    lwip_thread_fn function;
    void *arg;
};

static void *begin(void *arg)
{
    const struct beginning beginning = *(struct beginning *)arg;

    free(arg);
    beginning.function(beginning.arg);
    return NULL;
}

/* lwIP neither looks whether a thread began nor works without it: whoever waits for it, waits. */
sys_thread_t sys_thread_new(const char *name, lwip_thread_fn function, void *arg, int stack_bytes,
                            int priority)
{
    struct beginning *beginning = malloc(sizeof(*beginning));
    char short_name[THREAD_NAME_BYTES] = "";
    pthread_t thread;
    int rc = ENOMEM;

    (void)stack_bytes;
    (void)priority;
    if (beginning) {
        *beginning = (struct beginning){.function = function, .arg = arg};
        rc = pthread_create(&thread, NULL, begin, beginning);
    }
    if (rc) {
        port_log(PORT_LOG_ERROR, "no thread for lwIP: %s. Allow more of them: ulimit -u",
                 strerror(rc));
        exit(EXIT_FAILURE);
    }
    strncpy(short_name, name, sizeof(short_name) - 1);
    pthread_setname_np(thread, short_name);
    return thread;
}

static pthread_mutex_t protection = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

sys_prot_t sys_arch_protect(void)
{
    pthread_mutex_lock(&protection);
    return 0;
}

void sys_arch_unprotect(sys_prot_t before)
{
    (void)before;
    pthread_mutex_unlock(&protection);
}

void sys_init(void)
{
}
