/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netvscctl doctor: one line per thing that must be so before a program can drive the card, and
 * what to do when it is not. "ok" is fine, "note" works but could be better, "bad" does not work;
 * only "bad" makes the exit status 1. Looks, changes nothing.
 */
#include "ctl_doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ctl_doctor_say(struct ctl_doctor *d, enum ctl_verdict verdict, const char *check,
                    const char *remedy, const char *format, ...)
{
    static const char *const words[] = {[CTL_OK] = "ok", [CTL_NOTE] = "note", [CTL_BAD] = "bad"};
    char text[300];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    d->bad += verdict == CTL_BAD;
    if (!d->json) {
        printf("%-4s  %-12s  %s%s%s\n", words[verdict], check, text, remedy ? ". " : "",
               remedy ? remedy : "");
        return;
    }
    printf("%s\n  {\"check\": \"%s\", \"verdict\": \"%s\", \"card\": ", d->said++ ? "," : "[",
           check, words[verdict]);
    ctl_json_text(stdout, d->ctl->nic.instance);
    printf(", \"text\": ");
    ctl_json_text(stdout, text);
    printf(", \"remedy\": ");
    ctl_json_text(stdout, remedy ? remedy : "");
    printf("}");
}

/* ---- kernel ---------------------------------------------------------------------------------- */

/*
 * Releases whose uio_hv_generic leaves the interrupts of sub-channels on although their handler is
 * broken: the first interrupt on a second queue is an oops. From (patch) on in each stable series;
 * which release of the series mends it differs, and 6.17.3 has both changes.
 */
static const struct {
    unsigned major, minor, patch;
} unmasked[] = {
    {5, 4, 301}, {5, 10, 246}, {5, 15, 195}, {6, 1, 156}, {6, 6, 112}, {6, 12, 53},
};

static bool starts_unmasked(const struct ctl_doctor *d)
{
    for (size_t i = 0; i < sizeof(unmasked) / sizeof(unmasked[0]); i++) {
        if (d->major == unmasked[i].major && d->minor == unmasked[i].minor)
            return d->patch >= unmasked[i].patch;
    }
    return false;
}

bool ctl_doctor_kernel_before(const struct ctl_doctor *d, unsigned major, unsigned minor)
{
    return d->major < major || (d->major == major && d->minor < minor);
}

static void check_kernel(struct ctl_doctor *d)
{
    char path[CTL_PATH_BYTES];

    if (ctl_read(ctl_path(d->ctl, path, "/proc/sys/kernel/osrelease"), d->release,
                 sizeof(d->release)) != 0 ||
        sscanf(d->release, "%u.%u.%u", &d->major, &d->minor, &d->patch) < 2) {
        ctl_doctor_say(d, CTL_NOTE, "kernel", "Mount /proc", "its version cannot be read");
        return;
    }
    if (ctl_doctor_kernel_before(d, 4, 16))
        ctl_doctor_say(d, CTL_BAD, "kernel", "Use Linux 5.0 or later",
                       "%s has no receive and send buffers in uio_hv_generic", d->release);
    else if (starts_unmasked(d))
        ctl_doctor_say(d, CTL_NOTE, "kernel",
                       "Use one queue, or a kernel from 6.17.3 on, or one known to have the fix of "
                       "December 2025 (uio_hv_generic: set event for all channels)",
                       "%s can crash at the first interrupt of a second queue", d->release);
    else if (ctl_doctor_kernel_before(d, 6, 16))
        ctl_doctor_say(d, CTL_NOTE, "kernel", "Enough for polling; 6.17.3 serves all queues",
                       "%s has interrupts on the first queue only", d->release);
    else
        ctl_doctor_say(d, CTL_OK, "kernel", NULL, "%s", d->release);
}

/* As vmbus_uio_open() wants them. On arm64 a kernel is built for one of three sizes. */
static void check_pages(struct ctl_doctor *d)
{
    if (d->ctl->page_bytes == (long)VMBUS_PAGE_BYTES)
        ctl_doctor_say(d, CTL_OK, "pages", NULL, "4 KiB");
    else
        ctl_doctor_say(
            d, CTL_BAD, "pages",
            "Use a kernel with 4 KiB pages (Ubuntu and RHEL: one whose name does not end "
            "in -64k)",
            "this kernel's have %ld KiB, and its rings another layout", d->ctl->page_bytes / 1024);
}

/* Is there a line with (word) in the file? */
static bool file_mentions(const char *path, const char *word)
{
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *file = fopen(path, "re");

    while (file && !found && getline(&line, &room, file) > 0)
        found = strstr(line, word) != NULL;
    free(line);
    if (file)
        fclose(file);
    return found;
}

static void check_module(struct ctl_doctor *d)
{
    char path[CTL_PATH_BYTES];

    if (ctl_exists(ctl_bus_path(d->ctl, path, "/drivers/" CTL_DRIVER))) {
        ctl_doctor_say(d, CTL_OK, "module", NULL, CTL_DRIVER " is loaded");
        return;
    }
    ctl_path(d->ctl, path, "/lib/modules/%s/modules.dep", d->release);
    if (file_mentions(path, "/" CTL_DRIVER ".ko"))
        ctl_doctor_say(d, CTL_OK, "module", NULL, CTL_DRIVER " is there; bind loads it");
    else
        ctl_doctor_say(d, CTL_BAD, "module",
                       "Install the kernel's extra modules (Ubuntu: linux-modules-extra-$(uname "
                       "-r)) or a kernel with CONFIG_UIO_HV_GENERIC=m",
                       "no " CTL_DRIVER " for %s", d->release);
}

/* ---- memory and privileges ------------------------------------------------------------------- */

static void check_hugepages(struct ctl_doctor *d)
{
    char path[CTL_PATH_BYTES], line[128];
    unsigned long total = 0, unused = 0;
    FILE *file = fopen(ctl_path(d->ctl, path, "/proc/meminfo"), "re");

    while (file && fgets(line, sizeof(line), file)) {
        (void)sscanf(line, "HugePages_Total: %lu", &total);
        (void)sscanf(line, "HugePages_Free: %lu", &unused);
    }
    if (file)
        fclose(file);
    if (unused)
        ctl_doctor_say(d, CTL_OK, "hugepages", NULL, "%lu of %lu are free", unused, total);
    else
        ctl_doctor_say(d, CTL_NOTE, "hugepages",
                       "For sending without copying: sysctl vm.nr_hugepages=16",
                       "%s; everything is copied", total ? "none is free" : "none");
}

/* Page numbers in /proc/self/pagemap read 0 without this capability. */
static void check_pagemap(struct ctl_doctor *d)
{
    const unsigned sys_admin = 21;
    char path[CTL_PATH_BYTES], line[128];
    unsigned long long effective = 0;
    FILE *file = fopen(ctl_path(d->ctl, path, "/proc/self/status"), "re");

    while (file && fgets(line, sizeof(line), file))
        (void)sscanf(line, "CapEff: %llx", &effective);
    if (file)
        fclose(file);
    if (effective >> sys_admin & 1)
        ctl_doctor_say(d, CTL_OK, "pagemap", NULL, "CAP_SYS_ADMIN is there");
    else
        ctl_doctor_say(d, CTL_NOTE, "pagemap",
                       "For sending without copying: run as root, or with CAP_SYS_ADMIN",
                       "no CAP_SYS_ADMIN, so page numbers are hidden; everything is copied");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void check_cards(struct ctl_doctor *d, const char *nic)
{
    struct vmbus_info nics[APP_NICS_MAX];
    int count = vmbus_scan_nics(&d->ctl->bus, nics, APP_NICS_MAX);
    int bound = 0;

    count = count > (int)APP_NICS_MAX ? (int)APP_NICS_MAX : count;
    for (int i = 0; i < count; i++)
        bound += strcmp(nics[i].driver, CTL_DRIVER) == 0;
    if (count <= 0)
        ctl_doctor_say(d, CTL_BAD, "cards", "Add a network card to the virtual machine",
                       "the bus has none");
    else
        ctl_doctor_say(d, CTL_OK, "cards", NULL, "%d on the bus, %d for user space", count, bound);
    for (int i = 0; i < count; i++) {
        /* Unless this very card is asked for, one card for user space is enough. */
        d->must_be_bound = nic || !bound;
        if (nic && strcmp(nics[i].instance, d->wanted) != 0)
            continue;
        d->ctl->nic = nics[i];
        ctl_doctor_card(d);
    }
}

int ctl_doctor(struct ctl *ctl, const char *nic, bool json)
{
    struct ctl_doctor d = {.ctl = ctl, .json = json};

    if (nic) {
        const int status = ctl_choose(ctl, nic);

        if (status)
            return status;
        memcpy(d.wanted, ctl->nic.instance, sizeof(d.wanted));
    }
    memset(&ctl->nic, 0, sizeof(ctl->nic));
    check_kernel(&d);
    check_pages(&d);
    check_module(&d);
    check_hugepages(&d);
    check_pagemap(&d);
    check_cards(&d, nic);
    if (json)
        printf("\n]\n");
    return d.bad ? 1 : 0;
}
