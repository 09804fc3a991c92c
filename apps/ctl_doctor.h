/* SPDX-License-Identifier: BSD-3-Clause */
/* The two halves of doctor: the machine, and each card. */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include <stdarg.h>

#include "ctl_var.h"

enum ctl_verdict { CTL_OK, CTL_NOTE, CTL_BAD };

struct ctl_doctor {
    struct ctl *ctl; /* ctl->nic is the card at hand, empty before the first */
    bool json;
    unsigned said, bad;
    char release[64]; /* "6.1.0-27-amd64" */
    unsigned major, minor, patch;
    char wanted[40]; /* GUID of the card asked for */
    bool must_be_bound;
};

/* One line about (check); (remedy) may be NULL. */
void ctl_doctor_say(struct ctl_doctor *d, enum ctl_verdict verdict, const char *check,
                    const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

bool ctl_doctor_kernel_before(const struct ctl_doctor *d, unsigned major, unsigned minor);

/* All lines about d->ctl->nic. */
void ctl_doctor_card(struct ctl_doctor *d);

#endif
