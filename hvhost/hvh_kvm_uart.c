/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A serial port as Linux' 8250 driver wants it: 16550 registers, interrupts for input and for an
 * empty transmitter. What is sent leaves at once, so the transmitter is always empty again; a
 * reader who does not read therefore stops the processor that writes.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "hvh_kvm_var.h"

enum { REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };

#define IER_INPUT 0x01u
#define IER_SENT 0x02u
#define IIR_NONE 0x01u
#define IIR_SENT 0x02u
#define IIR_INPUT 0x04u
#define IIR_FIFO 0xC0u
#define FCR_FIFO 0x01u
#define LCR_DIVISOR 0x80u
#define MCR_LOOP 0x10u
#define LSR_INPUT 0x01u
#define LSR_EMPTY 0x60u
#define MSR_READY 0xB0u /* carrier, data set ready, clear to send */
#define INPUT_LOW (HVH_UART_FIFO / 2)

static void line_update(struct hvh_kvm *kvm, struct hvh_uart *uart)
{
    bool input = (uart->ier & IER_INPUT) && uart->count > 0;
    bool on = input || ((uart->ier & IER_SENT) && uart->sent);

    if (on != uart->line)
        hvh_kvm_irq(kvm, uart->gsi, on);
    uart->line = on;
}

static uint8_t data_read(struct hvh_uart *uart)
{
    uint8_t byte;

    if (uart->count == 0)
        return 0;
    byte = uart->input[uart->first];
    uart->first = (uart->first + 1) % HVH_UART_FIFO;
    uart->count--;
    return byte;
}

static uint8_t iir_read(struct hvh_uart *uart)
{
    uint8_t fifo = uart->fcr & FCR_FIFO ? IIR_FIFO : 0;

    if ((uart->ier & IER_INPUT) && uart->count > 0)
        return IIR_INPUT | fifo;
    if ((uart->ier & IER_SENT) && uart->sent) {
        uart->sent = false; /* reading it is the acknowledgement */
        return IIR_SENT | fifo;
    }
    return IIR_NONE | fifo;
}

/* In loop mode the modem lines come back as inputs: DTR, RTS, OUT1, OUT2 as DSR, CTS, RI, DCD. */
static uint8_t msr_read(const struct hvh_uart *uart)
{
    uint8_t mcr = uart->mcr;

    if (!(mcr & MCR_LOOP))
        return MSR_READY;
    return (uint8_t)((mcr & 1u) << 5 | (mcr & 2u) << 3 | (mcr & 4u) << 4 | (mcr & 8u) << 4);
}

uint8_t hvh_uart_read(struct hvh_kvm *kvm, struct hvh_uart *uart, unsigned reg)
{
    bool divisor = uart->lcr & LCR_DIVISOR;
    uint8_t value;

    switch (reg) {
    case REG_DATA:
        value = divisor ? uart->divisor[0] : data_read(uart);
        if (!divisor && uart->count == INPUT_LOW)
            hvh_kvm_wake(kvm); /* see input_room() */
        break;
    case REG_IER:
        return divisor ? uart->divisor[1] : uart->ier;
    case REG_IIR:
        value = iir_read(uart);
        break;
    case REG_LCR:
        return uart->lcr;
    case REG_MCR:
        return uart->mcr;
    case REG_LSR:
        return uart->count > 0 ? LSR_EMPTY | LSR_INPUT : LSR_EMPTY;
    case REG_MSR:
        return msr_read(uart);
    default:
        return uart->scratch;
    }
    line_update(kvm, uart);
    return value;
}

static void data_write(struct hvh_kvm *kvm, struct hvh_uart *uart, uint8_t value)
{
    if (uart->out_fd >= 0 && !(uart->mcr & MCR_LOOP))
        (void)!write(uart->out_fd, &value, 1);
    /* Full for an instant: the line must fall, or an edge would be missing. */
    uart->sent = false;
    line_update(kvm, uart);
    uart->sent = true;
}

void hvh_uart_write(struct hvh_kvm *kvm, struct hvh_uart *uart, unsigned reg, uint8_t value)
{
    bool divisor = uart->lcr & LCR_DIVISOR;

    switch (reg) {
    case REG_DATA:
        if (divisor)
            uart->divisor[0] = value;
        else
            data_write(kvm, uart, value);
        break;
    case REG_IER:
        if (divisor) {
            uart->divisor[1] = value;
            break;
        }
        uart->sent |= (value & IER_SENT) && !(uart->ier & IER_SENT);
        uart->ier = value;
        break;
    case REG_IIR:
        uart->fcr = value;
        break;
    case REG_LCR:
        uart->lcr = value;
        break;
    case REG_MCR:
        uart->mcr = value;
        break;
    case REG_SCRATCH:
        uart->scratch = value;
        break;
    default:
        break;
    }
    line_update(kvm, uart);
}

/* ---- on the host's thread --------------------------------------------------------------- */

/*
 * None until the guest has read down to INPUT_LOW, which wakes us: meanwhile we do not look at the
 * descriptor, and nobody else might.
 */
static unsigned input_room(struct hvh_kvm *kvm, const struct hvh_uart *uart)
{
    unsigned count;

    pthread_mutex_lock(&kvm->port_lock);
    count = uart->count;
    pthread_mutex_unlock(&kvm->port_lock);
    return count > INPUT_LOW ? 0 : HVH_UART_FIFO - count;
}

int hvh_uart_wants(struct hvh_kvm *kvm, const struct hvh_uart *uart)
{
    return input_room(kvm, uart) > 0 ? uart->in_fd : -1;
}

unsigned hvh_uart_input(struct hvh_kvm *kvm, struct hvh_uart *uart)
{
    uint8_t bytes[HVH_UART_FIFO];
    struct pollfd fd = {.fd = uart->in_fd, .events = POLLIN};
    unsigned i, room = input_room(kvm, uart);
    ssize_t n;

    /* Asked first: the descriptor may be somebody's terminal, not ours to make non-blocking. */
    if (room == 0 || uart->in_fd < 0 || poll(&fd, 1, 0) <= 0)
        return 0;
    n = read(uart->in_fd, bytes, room);
    if (n <= 0) {
        uart->in_fd = -1; /* its writer is gone */
        return 0;
    }
    pthread_mutex_lock(&kvm->port_lock);
    for (i = 0; i < (unsigned)n; i++)
        uart->input[(uart->first + uart->count++) % HVH_UART_FIFO] = bytes[i];
    line_update(kvm, uart);
    pthread_mutex_unlock(&kvm->port_lock);
    return (unsigned)n;
}
