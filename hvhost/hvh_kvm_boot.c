/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Booting Linux by its 64-bit protocol: kernel and initramfs are put into memory, together with
 * identity page tables, a GDT and the "zero page" of parameters, and the first processor starts in
 * long mode at the kernel's entry. An ELF vmlinux is used as it is; a bzImage is entered at its
 * own 64-bit entry and unpacks itself, which takes seconds under emulation.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hvh_kvm_var.h"

/* Offsets in the zero page, see Linux' Documentation/arch/x86/boot.rst and zero-page.rst. */
#define BP_RSDP 0x070u
#define BP_E820_COUNT 0x1E8u
#define BP_HEADER 0x1F1u
#define BP_SETUP_SECTORS 0x1F1u
#define BP_BOOT_FLAG 0x1FEu
#define BP_JUMP_LENGTH 0x201u
#define BP_MAGIC 0x202u
#define BP_VERSION 0x206u
#define BP_LOADER 0x210u
#define BP_LOAD_FLAGS 0x211u
#define BP_INITRD 0x218u
#define BP_INITRD_BYTES 0x21Cu
#define BP_HEAP_END 0x224u
#define BP_CMDLINE 0x228u
#define BP_XLOAD_FLAGS 0x236u
#define BP_E820 0x2D0u
#define BP_BYTES 4096u
#define BP_HEADER_MAX 0x290u

#define LOAD_HIGH 0x01u
#define LOAD_HEAP 0x80u
#define XLOAD_64BIT 0x01u
#define BZIMAGE_LOAD 0x100000u
#define BZIMAGE_ENTRY64 0x200u
#define SECTOR_BYTES 512u

#define E820_RAM 1u
#define E820_ACPI 3u
#define LOW_RAM_END 0x9FC00u
#define HIGH_RAM 0x100000u

/* Page tables: present and writable; 2 MiB pages. */
#define PTE_TABLE 0x3u
#define PTE_LARGE 0x83u
#define DIRECTORIES 4u
#define ENTRIES 512u

struct file {
    const uint8_t *data;
    size_t bytes;
};

static int file_map(const char *path, struct file *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *data = MAP_FAILED;
    int rc;

    if (fd < 0)
        return -errno;
    rc = fstat(fd, &st) != 0 ? -errno : st.st_size == 0 ? -ENOEXEC : 0;
    if (rc == 0) {
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        rc = data == MAP_FAILED ? -errno : 0;
    }
    close(fd);
    if (rc == 0)
        *out = (struct file){.data = data, .bytes = (size_t)st.st_size};
    return rc;
}

static void file_unmap(struct file *file)
{
    if (file->data)
        (void)munmap((void *)(uintptr_t)file->data, file->bytes);
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
    memcpy(at, &value, bytes);
}

/* (bytes) at (off) of the file to (address). False: not in the file, or not in memory. */
static bool place(struct hvh_kvm *kvm, uint64_t address, const struct file *file, uint64_t off,
                  uint64_t bytes)
{
    uint8_t *to = hvh_mem_at(&kvm->ram, address, bytes);

    if (!to || off > file->bytes || bytes > file->bytes - off)
        return false;
    if (bytes > 0)
        memcpy(to, file->data + off, bytes);
    return true;
}

/* ---- the kernel ------------------------------------------------------------------------- */

static int elf_load(struct hvh_kvm *kvm, const struct file *file, uint64_t *entry)
{
    Elf64_Ehdr head;
    Elf64_Phdr part;
    unsigned i;

    if (file->bytes < sizeof(head))
        return -ENOEXEC;
    memcpy(&head, file->data, sizeof(head));
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != EM_X86_64 ||
        head.e_phoff > file->bytes || head.e_phnum > (file->bytes - head.e_phoff) / sizeof(part))
        return -ENOEXEC;
    for (i = 0; i < head.e_phnum; i++) {
        memcpy(&part, file->data + head.e_phoff + i * sizeof(part), sizeof(part));
        if (part.p_type == PT_LOAD &&
            (!hvh_mem_at(&kvm->ram, part.p_paddr, part.p_memsz) ||
             !place(kvm, part.p_paddr, file, part.p_offset, part.p_filesz)))
            return -ENOEXEC;
    }
    *entry = head.e_entry;
    return 0;
}

static int bzimage_load(struct hvh_kvm *kvm, const struct file *file, uint8_t *params,
                        uint64_t *entry)
{
    uint64_t setup, header_end;

    if (file->bytes < BP_HEADER_MAX || memcmp(file->data + BP_MAGIC, "HdrS", 4) != 0 ||
        !(file->data[BP_XLOAD_FLAGS] & XLOAD_64BIT))
        return -ENOEXEC;
    header_end = BP_MAGIC + (uint64_t)file->data[BP_JUMP_LENGTH];
    if (header_end > BP_HEADER_MAX)
        return -ENOEXEC;
    memcpy(params + BP_HEADER, file->data + BP_HEADER, header_end - BP_HEADER);
    setup = file->data[BP_SETUP_SECTORS] ? file->data[BP_SETUP_SECTORS] : 4;
    setup = (setup + 1) * SECTOR_BYTES;
    if (setup > file->bytes || !place(kvm, BZIMAGE_LOAD, file, setup, file->bytes - setup))
        return -ENOEXEC;
    *entry = BZIMAGE_LOAD + BZIMAGE_ENTRY64;
    return 0;
}

static int kernel_load(struct hvh_kvm *kvm, const struct file *file, uint8_t *params,
                       uint64_t *entry)
{
    if (file->bytes > SELFMAG && memcmp(file->data, ELFMAG, SELFMAG) != 0)
        return bzimage_load(kvm, file, params, entry);
    memcpy(params + BP_MAGIC, "HdrS", 4);
    put(params + BP_BOOT_FLAG, 0xAA55, 2);
    put(params + BP_VERSION, 0x20C, 2);
    return elf_load(kvm, file, entry);
}

/* ---- what surrounds it ------------------------------------------------------------------ */

/* The first 4 GiB where they are. */
static void page_tables_write(uint8_t *ram)
{
    uint64_t directory;
    unsigned i, k;

    put(ram + HVH_BOOT_TABLES, (HVH_BOOT_TABLES + BP_BYTES) | PTE_TABLE, 8);
    for (i = 0; i < DIRECTORIES; i++) {
        directory = HVH_BOOT_TABLES + (2 + i) * VMBUS_PAGE_BYTES;
        put(ram + HVH_BOOT_TABLES + VMBUS_PAGE_BYTES + i * 8, directory | PTE_TABLE, 8);
        for (k = 0; k < ENTRIES; k++)
            put(ram + directory + k * 8, (uint64_t)i << 30 | (uint64_t)k << 21 | PTE_LARGE, 8);
    }
}

static void gdt_write(uint8_t *ram)
{
    put(ram + HVH_BOOT_GDT + HVH_BOOT_CODE_SELECTOR, UINT64_C(0x00AF9B000000FFFF), 8);
    put(ram + HVH_BOOT_GDT + HVH_BOOT_DATA_SELECTOR, UINT64_C(0x00CF93000000FFFF), 8);
}

static void e820_add(uint8_t *params, uint64_t start, uint64_t bytes, uint32_t type)
{
    uint8_t *at = params + BP_E820 + params[BP_E820_COUNT]++ * 20u;

    put(at, start, 8);
    put(at + 8, bytes, 8);
    put(at + 16, type, 4);
}

static int initrd_load(struct hvh_kvm *kvm, const struct file *file, uint8_t *params)
{
    uint64_t at;

    if (file->bytes > kvm->ram.len_bytes / 2)
        return -ENOMEM;
    at = (kvm->ram.len_bytes - file->bytes) & ~(uint64_t)(VMBUS_PAGE_BYTES - 1);
    if (!place(kvm, at, file, 0, file->bytes))
        return -ENOMEM;
    put(params + BP_INITRD, at, 4);
    put(params + BP_INITRD_BYTES, file->bytes, 4);
    return 0;
}

static void params_complete(struct hvh_kvm *kvm, uint8_t *params)
{
    params[BP_LOADER] = 0xFF; /* no number of its own */
    params[BP_LOAD_FLAGS] |= LOAD_HIGH | LOAD_HEAP;
    put(params + BP_HEAP_END, 0xFE00, 2);
    memcpy(kvm->ram.base + HVH_BOOT_CMDLINE, kvm->config.cmdline, strlen(kvm->config.cmdline) + 1);
    put(params + BP_CMDLINE, HVH_BOOT_CMDLINE, 4);
    e820_add(params, 0, LOW_RAM_END, E820_RAM);
    e820_add(params, HVH_ACPI_BASE, HVH_ACPI_BYTES, E820_ACPI);
    e820_add(params, HIGH_RAM, kvm->ram.len_bytes - HIGH_RAM, E820_RAM);
    put(params + BP_RSDP, hvh_acpi_write(&kvm->ram, kvm->config.cpus), 8);
}

int hvh_boot_load(struct hvh_kvm *kvm, uint64_t *entry, const char **why)
{
    uint8_t *params = kvm->ram.base + HVH_BOOT_PARAMS;
    struct file kernel = {0}, initrd = {0};
    int rc;

    *why = "the command line is too long";
    if (strlen(kvm->config.cmdline) >= HVH_BOOT_CMDLINE_MAX)
        return -E2BIG;
    *why = "cannot read the kernel";
    rc = file_map(kvm->config.kernel, &kernel);
    if (rc == 0) {
        *why = "the kernel is no 64-bit vmlinux or bzImage, or does not fit into memory";
        rc = kernel_load(kvm, &kernel, params, entry);
    }
    if (rc == 0) {
        *why = "cannot read the initramfs";
        rc = file_map(kvm->config.initrd, &initrd);
    }
    if (rc == 0) {
        *why = "the initramfs does not fit into memory";
        rc = initrd_load(kvm, &initrd, params);
    }
    file_unmap(&kernel);
    file_unmap(&initrd);
    if (rc != 0)
        return rc;
    params_complete(kvm, params);
    page_tables_write(kvm->ram.base);
    gdt_write(kvm->ram.base);
    return 0;
}
