/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP with threads (NO_SYS 0) waits with; the names are lwIP's. See port_sys_threads.c. */
#ifndef PORT_ARCH_SYS_ARCH_H
#define PORT_ARCH_SYS_ARCH_H

#include <pthread.h>
#include <stdbool.h>

struct port_sem {
    pthread_mutex_t mutex;
    pthread_cond_t raised;
    bool up, valid;
};

struct port_mbox {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    void **places;  /* a ring; NULL: not valid */
    unsigned size;  /* of them are for everything, and some more for the end */
    unsigned total; /* all of them */
    unsigned first, count;
};

struct port_mutex {
    pthread_mutex_t mutex;
    bool valid;
};

typedef struct port_sem sys_sem_t;
typedef struct port_mbox sys_mbox_t;
typedef struct port_mutex sys_mutex_t;
typedef pthread_t sys_thread_t;

#define sys_sem_valid(sem) ((sem)->valid)
#define sys_sem_set_invalid(sem) ((sem)->valid = false)
#define sys_mutex_valid(mutex) ((mutex)->valid)
#define sys_mutex_set_invalid(mutex) ((mutex)->valid = false)
#define sys_mbox_valid(mbox) ((mbox)->places != NULL)
#define sys_mbox_set_invalid(mbox) ((mbox)->places = NULL)

#endif
