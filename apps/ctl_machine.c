/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine netvscctl works on: paths, files, modules, time; and the card it is asked about. */
#include "ctl_var.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 50
#define LOCK_PAUSE_MS 100

static const char *path_join(char out[CTL_PATH_BYTES], const char *start, const char *format,
                             va_list ap)
{
    const int used = snprintf(out, CTL_PATH_BYTES, "%s", start);
    const int len = vsnprintf(out + used, CTL_PATH_BYTES - (size_t)used, format, ap);

    if (len < 0 || (size_t)(used + len) >= CTL_PATH_BYTES)
        out[0] = '\0';
    return out;
}

const char *ctl_path(const struct ctl *ctl, char out[CTL_PATH_BYTES], const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    path_join(out, ctl->root, format, ap);
    va_end(ap);
    return out;
}

const char *ctl_bus_path(const struct ctl *ctl, char out[CTL_PATH_BYTES], const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    path_join(out, ctl->bus.root, format, ap);
    va_end(ap);
    return out;
}

/* ---- files ----------------------------------------------------------------------------------- */

bool ctl_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

int ctl_read(const char *path, char *out, size_t out_bytes)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t got = 0;

    out[0] = '\0';
    if (fd < 0)
        return -errno;
    while (used < out_bytes - 1 && (got = read(fd, out + used, out_bytes - 1 - used)) > 0)
        used += (size_t)got;
    close(fd);
    if (got < 0)
        return -errno;
    out[used] = '\0';
    if (used > 0 && out[used - 1] == '\n')
        out[used - 1] = '\0';
    return 0;
}

static int write_all(const char *path, int flags, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
    int rc = 0;

    if (fd < 0)
        return -errno;
    /* One write(): to an attribute of sysfs every write is a command of its own. */
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        rc = errno ? -errno : -EIO;
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

static int make_parents(const char *path)
{
    char part[CTL_PATH_BYTES];

    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return 0;
}

int ctl_write_file(const char *path, const char *text)
{
    char new_path[CTL_PATH_BYTES];
    int rc = make_parents(path);

    /* Hidden: driverctl and udev look at every other name in their folder. */
    const char *slash = strrchr(path, '/');
    const int dir = slash ? (int)(slash - path) : 0;

    if (rc == 0 && (!slash || snprintf(new_path, sizeof(new_path), "%.*s/.%s.new", dir, path,
                                       slash + 1) >= (int)sizeof(new_path)))
        rc = -ENAMETOOLONG;
    if (rc)
        return rc;
    rc = write_all(new_path, O_CREAT | O_TRUNC, text);
    if (rc == 0 && rename(new_path, path) != 0)
        rc = -errno;
    if (rc)
        unlink(new_path);
    return rc;
}

/* ---- what changes something ------------------------------------------------------------------ */

static int machine_write(void *ctx, const char *path, const char *text)
{
    (void)ctx;
    return write_all(path, O_TRUNC, text);
}

static int machine_modprobe(void *ctx, const char *module)
{
    const pid_t pid = fork();
    int status;

    (void)ctx;
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        /* sbin is not on everybody's path. */
        setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
        execlp("modprobe", "modprobe", "-q", module, (char *)NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return -ENOEXEC;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOENT;
}

static int machine_net_save(void *ctx, struct ctl_net *net)
{
    (void)ctx;
    return ctl_net_save(net);
}

static int machine_net_restore(void *ctx, const char *ifname, const struct ctl_net *net,
                               char line[CTL_LINE_BYTES])
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return ctl_net_restore(ifname, net, (uint64_t)now.tv_sec, line);
}

static void machine_end(void *ctx, pid_t pid, int signal)
{
    (void)ctx;
    (void)kill(pid, signal);
}

static void machine_pause(void *ctx, unsigned ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)ctx;
    nanosleep(&time, NULL);
}

const struct ctl_ops ctl_machine = {
    .write = machine_write,
    .modprobe = machine_modprobe,
    .net_save = machine_net_save,
    .net_restore = machine_net_restore,
    .end = machine_end,
    .pause = machine_pause,
};

/* ---- which card ------------------------------------------------------------------------------ */

int ctl_open(struct ctl *ctl, const char *root, const char *bus, const char *state)
{
    char path[CTL_PATH_BYTES];
    struct vmbus_info nics[APP_NICS_MAX];
    int count;

    memset(ctl, 0, sizeof(*ctl));
    ctl->ops = &ctl_machine;
    ctl->page_bytes = sysconf(_SC_PAGESIZE);
    if (strlen(root ? root : "") >= sizeof(ctl->root) ||
        strlen(state ? state : "") >= sizeof(ctl->state_dir))
        return app_fail(2, "--root or --state", "the path is too long", "Give a shorter one");
    snprintf(ctl->root, sizeof(ctl->root), "%s", root ? root : "");
    if (state)
        snprintf(ctl->state_dir, sizeof(ctl->state_dir), "%s", state);
    else
        snprintf(ctl->state_dir, sizeof(ctl->state_dir), "%s/run/netvsc", ctl->root);
    if (!bus)
        bus = ctl_path(ctl, path, "%s", VMBUS_ROOT_DEFAULT);
    return app_bus_scan(bus, &ctl->bus, nics, &count);
}

/* "0000:00:02.0" or "00:02.0": a function of a PCI device. */
static bool is_pci_address(const char *text)
{
    unsigned domain, bus, slot, function;
    int used = 0;

    if (sscanf(text, "%4x:%2x:%2x.%1u%n", &domain, &bus, &slot, &function, &used) == 4 &&
        text[used] == '\0')
        return true;
    used = 0;
    return sscanf(text, "%2x:%2x.%1u%n", &bus, &slot, &function, &used) == 3 && text[used] == '\0';
}

int ctl_choose(struct ctl *ctl, const char *nic)
{
    struct app_bus bus;
    int status;

    if (is_pci_address(nic))
        return app_fail(2, nic,
                        "this is a PCI address, and a synthetic card is on the VMBus; dpdk-devbind "
                        "cannot bind it either",
                        "Give its GUID or interface name, see netvscctl list");
    status = app_bus_choose(&bus, ctl->bus.root, nic);
    if (status == 0)
        ctl->nic = bus.info;
    return status;
}

int ctl_look(struct ctl *ctl)
{
    struct vmbus_info nics[APP_NICS_MAX];
    const int count = vmbus_scan_nics(&ctl->bus, nics, APP_NICS_MAX);

    for (int i = 0; i < count && i < (int)APP_NICS_MAX; i++) {
        if (strcmp(nics[i].instance, ctl->nic.instance) != 0)
            continue;
        ctl->nic = nics[i];
        return 0;
    }
    return count < 0 ? count : -ENODEV;
}

int ctl_lock(const struct ctl *ctl)
{
    char path[CTL_PATH_BYTES];
    int fd, rc;

    snprintf(path, sizeof(path), "%s/lock", ctl->state_dir);
    rc = make_parents(path);
    if (rc)
        return rc;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        machine_pause(NULL, LOCK_PAUSE_MS);
    }
    close(fd);
    return -EBUSY;
}
