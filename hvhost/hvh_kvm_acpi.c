/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACPI tables: the root (RSDP, XSDT), what kind of machine this is (FADT: hardware-reduced),
 * processors and the interrupt controller (MADT), and devices (DSDT, from acpi/dsdt.asl).
 */
#include <string.h>

#include "acpi/dsdt.hex"
#include "hvh_kvm_var.h"

#define HEADER_BYTES 36u
#define FADT_BYTES 276u
#define MADT_BYTES (8u + 8u * HVH_KVM_CPUS_MAX + 12u)
#define RSDP_BYTES 36u
#define TABLE_ALIGN 64u

#define FADT_FLAG_WBINVD (1u << 0)
#define FADT_FLAG_NO_POWER_BUTTON (1u << 4)
#define FADT_FLAG_HW_REDUCED (1u << 20)
#define FADT_BOOT_NO_VGA (1u << 2)
#define FADT_BOOT_NO_RTC_8042 (1u << 5)
#define LAPIC_ADDRESS 0xFEE00000u
#define IOAPIC_ADDRESS 0xFEC00000u

struct acpi {
    const struct vmbus_region *ram;
    uint64_t next; /* where the next table goes */
};

static uint8_t checksum(const uint8_t *bytes, size_t count)
{
    uint8_t sum = 0;

    while (count-- > 0)
        sum = (uint8_t)(sum + *bytes++);
    return (uint8_t)-sum;
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
    memcpy(at, &value, bytes); /* little-endian, as this machine: see vmbus_reg.h */
}

/* A table of (body) behind a header of our making. Returns its address. */
static uint64_t table(struct acpi *acpi, const char *signature, uint8_t revision,
                      const uint8_t *body, size_t body_bytes)
{
    uint8_t *at = acpi->ram->base + acpi->next;
    uint64_t address = acpi->next;
    size_t bytes = HEADER_BYTES + body_bytes;

    memset(at, 0, HEADER_BYTES);
    memcpy(at, signature, 4);
    put(at + 4, bytes, 4);
    at[8] = revision;
    memcpy(at + 10, "HVHOSTHVHOSTVM", 14);
    put(at + 24, 1, 4);
    memcpy(at + 28, "HVHT", 4);
    put(at + 32, 1, 4);
    memcpy(at + HEADER_BYTES, body, body_bytes);
    at[9] = checksum(at, bytes);
    acpi->next += (bytes + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
    return address;
}

static uint64_t dsdt_write(struct acpi *acpi)
{
    uint64_t address = acpi->next;

    memcpy(acpi->ram->base + address, dsdt_aml_code, sizeof(dsdt_aml_code));
    acpi->next += (sizeof(dsdt_aml_code) + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
    return address;
}

static uint64_t fadt_write(struct acpi *acpi, uint64_t dsdt)
{
    uint8_t body[FADT_BYTES - HEADER_BYTES] = {0};

    put(body + 109 - HEADER_BYTES, FADT_BOOT_NO_VGA | FADT_BOOT_NO_RTC_8042, 2);
    put(body + 112 - HEADER_BYTES,
        FADT_FLAG_WBINVD | FADT_FLAG_NO_POWER_BUTTON | FADT_FLAG_HW_REDUCED, 4);
    body[131 - HEADER_BYTES] = 2; /* minor version */
    put(body + 140 - HEADER_BYTES, dsdt, 8);
    return table(acpi, "FACP", 6, body, sizeof(body));
}

static uint64_t madt_write(struct acpi *acpi, unsigned cpus)
{
    uint8_t body[MADT_BYTES] = {0};
    size_t n = 8;

    put(body, LAPIC_ADDRESS, 4);
    for (unsigned i = 0; i < cpus; i++, n += 8) {
        body[n] = 0; /* local APIC: processor, APIC id, enabled */
        body[n + 1] = 8;
        body[n + 2] = body[n + 3] = (uint8_t)i;
        body[n + 4] = 1;
    }
    body[n] = 1; /* I/O APIC with id 0, interrupts from 0 on */
    body[n + 1] = 12;
    put(body + n + 4, IOAPIC_ADDRESS, 4);
    return table(acpi, "APIC", 5, body, n + 12);
}

uint64_t hvh_acpi_write(const struct vmbus_region *ram, unsigned cpus)
{
    struct acpi acpi = {.ram = ram, .next = HVH_ACPI_BASE + TABLE_ALIGN};
    uint8_t *rsdp = ram->base + HVH_ACPI_BASE;
    uint8_t pointers[16];
    uint64_t dsdt;

    dsdt = dsdt_write(&acpi);
    put(pointers, fadt_write(&acpi, dsdt), 8);
    put(pointers + 8, madt_write(&acpi, cpus), 8);
    memset(rsdp, 0, RSDP_BYTES);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "HVHOST", 6);
    rsdp[15] = 2; /* revision: has an XSDT */
    put(rsdp + 20, RSDP_BYTES, 4);
    put(rsdp + 24, table(&acpi, "XSDT", 1, pointers, sizeof(pointers)), 8);
    rsdp[8] = checksum(rsdp, 20);
    rsdp[32] = checksum(rsdp, RSDP_BYTES);
    return HVH_ACPI_BASE;
}
