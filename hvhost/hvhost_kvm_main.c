/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hvhost-kvm: a virtual machine with the emulated host's cards, as a program.
 *
 * The guest's processors have threads of their own (hvh_kvm.c); this one turns the host and sleeps
 * when there is nothing to do. It ends when the guest does, or by SIGINT or SIGTERM.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvhost_kvm_var.h"

#define BUSY_TURNS 256u /* while there is work: turns between looks at signals */

/* ---- setting up ------------------------------------------------------------------------------ */

/* The command at the other end of the second serial port. Returns our end, or -errno. */
static int agent_start(const char *command, pid_t *pid)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -errno;
    *pid = fork();
    if (*pid == 0) {
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)dup2(ends[1], STDIN_FILENO);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    if (*pid < 0) {
        (void)close(ends[0]);
        return -errno;
    }
    return ends[0];
}

static int machine_start(struct hvhost *host, struct kvm_options *options, struct hvh_kvm **kvm)
{
    char why[HVH_KVM_WHY_BYTES];
    int rc = 0;

    if (options->control)
        rc = kvm_control_open(host, options->control);
    if (rc != 0)
        return main_fail(1, options->control, strerror(-rc), "Make it with mkfifo first");
    /* The console has stdout for itself: what we print goes to stderr. */
    options->machine.console[0] = STDIN_FILENO;
    options->machine.console[1] = dup(STDOUT_FILENO);
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    if (hvh_kvm_start(host, &options->machine, why, kvm) != 0)
        return main_fail(1, "cannot start the guest", why, "Run hvhost-kvm --check");
    return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

static void turn_until_end(struct hvhost *host, const struct hvh_kvm *kvm)
{
    uint64_t now_ns;
    int status;

    for (unsigned turn = 1; !main_stopped() && hvh_kvm_ended(kvm, &status) == HVH_KVM_RUNS;
         turn++) {
        now_ns = main_clock_ns();
        if (hvhost_step(host, now_ns) == 0)
            main_rest(host, hvhost_next_deadline(host, now_ns));
        else if (turn % BUSY_TURNS == 0)
            main_rest(host, 0);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void print_machine(const struct hvh_kvm *kvm)
{
    struct hvh_kvm_stats s;

    hvh_kvm_stats(kvm, &s);
    (void)fprintf(stderr,
                  "hvhost: guest: VMBus %" PRIu32 ".%" PRIu32 ", messages %" PRIu64 " in, %" PRIu64
                  " out, bad %" PRIu64 ", bad GPADLs %" PRIu64 ", slot occupied %" PRIu64 "\n",
                  s.bus.version >> 16, s.bus.version & 0xFFFF, s.bus.messages, s.bus.posted,
                  s.bus.bad_messages, s.bus.bad_gpadls, s.bus.busy);
    (void)fprintf(stderr,
                  "hvhost: guest: exits: ports %" PRIu64 ", memory %" PRIu64 ", Hyper-V %" PRIu64
                  " (posts %" PRIu64 ", signals %" PRIu64 ", bad %" PRIu64 ", retries %" PRIu64
                  ")\n",
                  s.exits_io, s.exits_mmio, s.exits_hyperv, s.posts, s.signals, s.bad_hypercalls,
                  s.mailbox_full);
}

/* The program's exit status. */
static int verdict(const struct hvh_kvm *kvm)
{
    int status;

    switch (hvh_kvm_ended(kvm, &status)) {
    case HVH_KVM_STATUS:
        (void)fprintf(stderr, "hvhost: guest: ended with status %d\n", status);
        return status;
    case HVH_KVM_RESET:
        (void)fprintf(stderr, "hvhost: guest: reset or switched off without a status\n");
        return 1;
    case HVH_KVM_BROKEN:
        (void)fprintf(stderr, "hvhost: guest: KVM gave up, reason %d\n", status);
        return 1;
    default:
        (void)fprintf(stderr, "hvhost: guest: stopped from outside\n");
        return 1;
    }
}

static void agent_end(pid_t pid, int fd)
{
    if (pid <= 0)
        return;
    (void)close(fd);
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
}

static int run(struct hvhost *host, struct kvm_options *options)
{
    struct hvh_kvm *kvm = NULL;
    int books, rc = main_cards_create(host, &options->cards);

    if (rc == 0)
        rc = machine_start(host, options, &kvm);
    if (rc != 0)
        return rc;
    turn_until_end(host, kvm);
    print_machine(kvm);
    rc = verdict(kvm);
    books = main_print_books(host, options->cards.json);
    return rc ? rc : books;
}

/* Exit status. */
static int check(void)
{
    char why[HVH_KVM_WHY_BYTES];

    if (hvh_kvm_check(HVH_KVM_DEVICE, why) != 0)
        return main_fail(1, HVH_KVM_DEVICE, why, "tests/vm/run brings a machine of its own");
    printf("hvhost: " HVH_KVM_DEVICE ": runs guests of Hyper-V\n");
    return 0;
}

int main(int argc, char **argv)
{
    const struct hvhost_config config = {.max_nics = MAIN_NICS_MAX, .max_ports = MAIN_TAPS_MAX};
    struct kvm_options options;
    struct hvhost *host;
    pid_t agent = 0;
    int rc, fd = -1;

    kvm_options_parse(argc, argv, &options);
    if (options.check)
        return check();
    main_catch_signals();
    rc = hvhost_create(&config, &host);
    if (rc != 0)
        return main_fail(1, "cannot start", strerror(-rc), "Free some memory");
    if (options.agent)
        fd = agent_start(options.agent, &agent);
    options.machine.com2[0] = options.machine.com2[1] = fd;
    if (options.agent && fd < 0)
        rc = main_fail(1, "cannot start the agent", strerror(-fd), "Look at --agent");
    else
        rc = run(host, &options);
    hvhost_destroy(host);
    agent_end(agent, fd);
    return rc;
}
