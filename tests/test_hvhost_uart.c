/* SPDX-License-Identifier: BSD-3-Clause */
/* The serial ports of the virtual machine: what comes in, and who is woken for it. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "hvh_kvm_var.h"

#define REG_DATA 0u

/* A machine of which only the first serial port exists; its far end is (*end). */
static struct hvh_kvm *machine(int *end)
{
    struct hvh_kvm *kvm = calloc(1, sizeof(*kvm));
    int fds[2];

    assert_non_null(kvm);
    assert_int_equal(pipe(fds), 0);
    kvm->vm_fd = -1; /* interrupts go nowhere */
    kvm->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kvm->uart[0] = (struct hvh_uart){.in_fd = fds[0], .out_fd = -1};
    (void)pthread_mutex_init(&kvm->port_lock, NULL);
    *end = fds[1];
    return kvm;
}

static void machine_end(struct hvh_kvm *kvm, int end)
{
    (void)close(end);
    (void)close(kvm->uart[0].in_fd);
    (void)close(kvm->wake_fd);
    (void)pthread_mutex_destroy(&kvm->port_lock);
    free(kvm);
}

static bool woken(struct hvh_kvm *kvm)
{
    uint64_t count;

    return read(kvm->wake_fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

/* Without monitor pages nothing else wakes a host: seen as a guest that got half an answer. */
static void a_guest_that_reads_wakes_the_host_for_the_rest(void **state)
{
    uint8_t text[700];
    struct hvh_kvm *kvm;
    int end;

    (void)state;
    kvm = machine(&end);
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)i;
    assert_int_equal(write(end, text, sizeof(text)), sizeof(text));
    assert_int_equal(hvh_uart_input(kvm, &kvm->uart[0]), HVH_UART_FIFO);
    assert_int_equal(hvh_uart_wants(kvm, &kvm->uart[0]), -1);
    for (unsigned i = 0; i < sizeof(text); i++) {
        assert_int_equal(hvh_uart_read(kvm, &kvm->uart[0], REG_DATA), text[i]);
        if (!woken(kvm))
            continue;
        assert_int_equal(hvh_uart_wants(kvm, &kvm->uart[0]), kvm->uart[0].in_fd);
        (void)hvh_uart_input(kvm, &kvm->uart[0]);
    }
    assert_int_equal(kvm->uart[0].count, 0);
    machine_end(kvm, end);
}

static void a_few_bytes_wake_nobody(void **state)
{
    struct hvh_kvm *kvm;
    int end;

    (void)state;
    kvm = machine(&end);
    assert_int_equal(write(end, "hello", 5), 5);
    assert_int_equal(hvh_uart_input(kvm, &kvm->uart[0]), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(hvh_uart_read(kvm, &kvm->uart[0], REG_DATA), "hello"[i]);
    assert_false(woken(kvm));
    machine_end(kvm, end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_that_reads_wakes_the_host_for_the_rest),
        cmocka_unit_test(a_few_bytes_wake_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
