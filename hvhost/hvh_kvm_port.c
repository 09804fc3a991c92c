/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O ports of the virtual machine: two serial ports, the clock of a PC, the port that ends the
 * machine with a status, and the keyboard controller's reset line. All others read as ones.
 */
#include <string.h>
#include <time.h>

#include "hvh_kvm_var.h"

#define COM1 0x3F8u
#define COM2 0x2F8u
#define UART_PORTS 8u
#define CMOS_INDEX 0x70u
#define CMOS_DATA 0x71u
#define KEYBOARD 0x64u
#define KEYBOARD_RESET 0xFEu

static uint8_t bcd(int value)
{
    return (uint8_t)(value / 10 << 4 | value % 10);
}

/* Time of day, never in the middle of an update: Linux waits seconds for a clock that is. */
static uint8_t cmos_read(uint8_t index)
{
    time_t now = time(NULL);
    struct tm tm;

    (void)gmtime_r(&now, &tm);
    switch (index) {
    case 0x00:
        return bcd(tm.tm_sec);
    case 0x02:
        return bcd(tm.tm_min);
    case 0x04:
        return bcd(tm.tm_hour);
    case 0x06:
        return bcd(tm.tm_wday + 1);
    case 0x07:
        return bcd(tm.tm_mday);
    case 0x08:
        return bcd(tm.tm_mon + 1);
    case 0x09:
        return bcd(tm.tm_year % 100);
    case 0x0A:
        return 0x26; /* 32 kHz, divided by 64 */
    case 0x0B:
        return 0x02; /* 24 hours */
    case 0x0D:
        return 0x80; /* battery good */
    case 0x32:
        return bcd(19 + tm.tm_year / 100);
    default:
        return 0;
    }
}

static struct hvh_uart *uart_at(struct hvh_kvm *kvm, unsigned port)
{
    if (port - COM1 < UART_PORTS)
        return &kvm->uart[0];
    return port - COM2 < UART_PORTS ? &kvm->uart[1] : NULL;
}

static uint8_t port_read(struct hvh_kvm *kvm, unsigned port)
{
    struct hvh_uart *uart = uart_at(kvm, port);

    if (uart)
        return hvh_uart_read(kvm, uart, port % UART_PORTS);
    if (port == CMOS_DATA)
        return cmos_read(kvm->cmos_index);
    return port == KEYBOARD ? 0 : 0xFF;
}

static void port_write(struct hvh_kvm *kvm, unsigned port, uint8_t value)
{
    struct hvh_uart *uart = uart_at(kvm, port);

    if (uart)
        hvh_uart_write(kvm, uart, port % UART_PORTS, value);
    else if (port == CMOS_INDEX)
        kvm->cmos_index = value & 0x7F;
    else if (port == HVH_KVM_EXIT_PORT)
        hvh_kvm_finish(kvm, HVH_KVM_STATUS, value);
    else if (port == KEYBOARD && value == KEYBOARD_RESET)
        hvh_kvm_finish(kvm, HVH_KVM_RESET, 0);
}

/* Our devices have registers of one byte: of wider accesses the first byte counts. */
void hvh_port_exit(struct hvh_vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    struct hvh_kvm *kvm = vcpu->kvm;

    kvm->exits_io++;
    pthread_mutex_lock(&kvm->port_lock);
    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            port_write(kvm, run->io.port, *data);
            continue;
        }
        memset(data, 0xFF, run->io.size);
        *data = port_read(kvm, run->io.port);
    }
    pthread_mutex_unlock(&kvm->port_lock);
}
