/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The uio provider on a device that is a plain file: mapK then starts at page K of the file, as
 * mmap() of a uio device selects it.
 */
#define _GNU_SOURCE 1 /* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fake_sysfs.h"
#include "vmbus_chan.h"
#include "vmbus_memory.h"
#include "vmbus_sysfs_var.h"
#include "vmbus_uio_var.h"

#define NODE_PAGES 40u

static struct fake_sysfs fs;
static struct vmbus_info info;
static struct vmbus_error err;

/* What the kernel says the length of its pages is: the driver's question comes here. */
static long page_bytes;

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long __wrap_sysconf(int name)
{
    return name == _SC_PAGESIZE && page_bytes != 0 ? page_bytes : __real_sysconf(name);
}

#define with_bus(test) with_fake_sysfs(test, &fs)

static void scan(void)
{
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
}

/* ---- the uio provider on a file -------------------------------------------------------------- */

static struct vmbus_transport t;

static const char *map_file(unsigned k, const char *name)
{
    return fake_path(&fs, "devices/%s/uio/uio0/maps/map%u/%s", FAKE_NIC_A, k, name);
}

/* A character device that is no uio device: enough to reach the uio provider. */
static void nic_on_null(void)
{
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    fake_node(&fs, "/dev/null", 0);
    scan();
}

/* A NIC with small maps in unusual order, and a node whose page K starts with the byte 0xA0 + K. */
static void nic_on_file(void)
{
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    fake_map(&fs, FAKE_NIC_A, 0, 0, "send:0xE1E11\n", "0x2000\n");
    fake_map(&fs, FAKE_NIC_A, 0, 1, "monitor_page\n", "0x1000\n");
    fake_map(&fs, FAKE_NIC_A, 0, 2, "future\n", "junk\n");
    fake_map(&fs, FAKE_NIC_A, 0, 3, "recv:925200\n", "0x3000\n");
    fake_map(&fs, FAKE_NIC_A, 0, 4, "int_page\n", "0x1000\n");
    fake_map(&fs, FAKE_NIC_A, 0, 8, "txrx_rings\n", "24576\n");
    fake_write(fake_path(&fs, "devices/%s/channels/5/ring", FAKE_NIC_A), "");
    scan();
    fake_write(fake_path(&fs, "dev/uio0"), "");
    int fd = open(fake_path(&fs, "dev/uio0"), O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)NODE_PAGES * 4096), 0);
    for (unsigned k = 0; k < 8; k++)
        assert_int_equal(pwrite(fd, (uint8_t[]){(uint8_t)(0xA0 + k)}, 1, (off_t)k * 4096), 1);
    close(fd);
}

/* How many mappings of the node this process has. */
static unsigned node_mappings(void)
{
    char line[512];
    unsigned count = 0;

    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, fs.root) != NULL;
    (void)fclose(maps);
    return count;
}

static void maps_are_found_by_name_wherever_they_are(void **state)
{
    (void)state;
    nic_on_file();
    fake_write(map_file(3, "offset"), "0x10\n");
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    assert_int_equal(t.send.base[0], 0xA0);
    assert_int_equal(t.send.len_bytes, 0x2000);
    assert_int_equal(t.send_gpadl, 0xE1E11);
    assert_int_equal(t.monitor_page.base[0], 0xA1);
    assert_int_equal(t.recv.base[-0x10], 0xA3);
    assert_int_equal(t.recv.len_bytes, 0x3000);
    assert_int_equal(t.recv_gpadl, 925200);
    assert_int_equal(t.int_page.base[0], 0xA4);
    assert_int_equal(t.primary.rings.len_bytes, 24576);
    assert_int_equal(t.primary.relid, 5);
    assert_int_equal(t.primary.monitor_id, 3);
    assert_int_equal(t.primary.subchannel, 0);
    assert_false(t.primary.keep_masked);
    assert_true(t.dma_pfn == NULL || t.dma.base != NULL);
    assert_int_equal(node_mappings(), 5);
    t.ops->close(t.ctx);
    assert_int_equal(node_mappings(), 0);
}

static void a_kernel_with_longer_pages_is_refused(void **state)
{
    (void)state;
    nic_on_file();
    page_bytes = 65536;
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), -ENOTSUP);
    page_bytes = 0;
    assert_string_equal(err.what, "this kernel's pages have 65536 bytes");
    assert_int_equal(node_mappings(), 0);
}

static void device_works_on_the_mapped_memory(void **state)
{
    static const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND, .xid = 9};
    struct vmbus_device *dev;
    uint32_t written = 0;

    (void)state;
    nic_on_file();
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    assert_int_equal(vmbus_device_create(&t, &dev), 0);
    assert_int_equal(vmbus_chan_send(vmbus_chan(dev, 0), &pkt), 0);
    assert_int_equal(vmbus_chan_flush(vmbus_chan(dev, 0)), 0);
    int fd = open(fake_path(&fs, "dev/uio0"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &written, 4, 8 * 4096), 4); /* write_index of map8 */
    close(fd);
    assert_int_equal(written, 24);
    vmbus_close(dev);
}

static void second_program_is_kept_out(void **state)
{
    (void)state;
    nic_on_file();
    int fd = open(fake_path(&fs, "dev/uio0"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), -EBUSY);
    assert_non_null(strstr(err.what, "another program uses"));
    assert_non_null(strstr(err.remedy, "--nic"));
    close(fd);
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    t.ops->close(t.ctx);
}

static void node_without_permission_says_so(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    nic_on_file();
    assert_int_equal(chmod(fs.root, 0755), 0);
    assert_int_equal(chmod(fake_path(&fs, "dev/uio0"), 0600), 0);
    assert_int_equal(seteuid(65534), 0);
    int got = vmbus_uio_open(&fs.bus, &info, &err, &t);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(got, -EACCES);
    assert_non_null(strstr(err.what, "no permission to open"));
    assert_non_null(strstr(err.remedy, "run as root"));
}

static void device_that_cannot_be_mapped_says_which_map(void **state)
{
    (void)state;
    nic_on_null();
    assert_true(vmbus_uio_open(&fs.bus, &info, &err, &t) < 0);
    assert_non_null(strstr(err.what, "cannot map map0"));
}

/* The fd of the transport replaced by our end of a pair, which then is the kernel. */
static int be_the_kernel(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    assert_true(dup2(pair[0], t.irq_fd) == t.irq_fd);
    close(pair[0]);
    return pair[1];
}

static void interrupts_are_read_and_doorbells_written_as_four_bytes(void **state)
{
    int32_t word = 0;

    (void)state;
    nic_on_file();
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    int kernel = be_the_kernel();
    assert_int_equal(t.ops->irq_take(t.ctx), -EAGAIN);
    assert_int_equal(write(kernel, &word, 4), 4);
    assert_int_equal(t.ops->irq_take(t.ctx), 0);
    assert_int_equal(t.ops->irq_take(t.ctx), -EAGAIN);
    assert_int_equal(t.ops->irq_enable(t.ctx, true), 0);
    assert_int_equal(t.ops->irq_enable(t.ctx, false), 0);
    assert_int_equal(read(kernel, &word, 4), -1); /* neither rings: no needless doorbell */
    assert_int_equal(t.ops->signal(t.ctx, 5), 0);
    assert_int_equal(read(kernel, &word, 4), 4);
    assert_int_equal(word, 1);
    close(kernel);
    assert_int_equal(t.ops->irq_take(t.ctx), -EIO);
    t.ops->close(t.ctx);
}

static void subchannel_ring_is_mapped_when_it_appears(void **state)
{
    struct vmbus_chan_region region;
    struct utsname kernel;

    (void)state;
    nic_on_file();
    assert_int_equal(uname(&kernel), 0);
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 0, &region), -ENOTSUP);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 64, &region), -ENOTSUP);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), -EAGAIN); /* no folder */
    fake_channel(&fs, FAKE_NIC_A, "21", "1\n", "4\n");
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), -EAGAIN); /* no ring */
    const char *ring = fake_path(&fs, "devices/%s/channels/21/ring", FAKE_NIC_A);
    fake_write(ring, "odd");
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), -EPROTO);
    assert_int_equal(truncate(ring, 0), 0);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), -EPROTO);
    assert_int_equal(truncate(ring, 3 * 4096), 0);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), -EPROTO);
    assert_int_equal(truncate(ring, 6 * 4096), 0);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), 0);
    assert_int_equal(region.relid, 21);
    assert_int_equal(region.subchannel, 1);
    assert_int_equal(region.monitor_id, 4);
    assert_int_equal(region.rings.len_bytes, 6 * 4096);
    assert_int_equal(region.keep_masked, !vmbus_uio_subchannel_irqs(kernel.release));
    region.rings.base[6 * 4096 - 1] = 1; /* writable to its end */
    t.ops->close(t.ctx);
}

static void subchannel_without_doorbell_is_not_opened(void **state)
{
    struct vmbus_chan_region region;
    struct utsname kernel;

    (void)state;
    nic_on_file();
    assert_int_equal(uname(&kernel), 0);
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    fake_channel(&fs, FAKE_NIC_A, "21", "1\n", NULL);
    const char *ring = fake_path(&fs, "devices/%s/channels/21/ring", FAKE_NIC_A);
    fake_write(ring, "");
    assert_int_equal(truncate(ring, 2 * 4096), 0);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region),
                     vmbus_uio_subchannel_irqs(kernel.release) ? 0 : -ENOTSUP);
    t.ops->close(t.ctx);
}

/* Waiting for a ring that cannot come would cost an attach its deadline. */
static void kernel_without_ring_files_has_one_queue_at_once(void **state)
{
    struct vmbus_chan_region region;

    (void)state;
    nic_on_file();
    fake_remove(fake_path(&fs, "devices/%s/channels/5/ring", FAKE_NIC_A));
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), -ENOTSUP);
    fake_channel(&fs, FAKE_NIC_A, "21", "1\n", "4\n"); /* its folder comes all the same */
    assert_int_equal(t.ops->subchannel_open(t.ctx, 1, &region), -ENOTSUP);
    t.ops->close(t.ctx);
}

/* ---- what is known of kernels and pages ------------------------------------------------------ */

static void only_kernels_known_to_survive_get_subchannel_interrupts(void **state)
{
    static const char *const safe[] = {"6.16.0", "6.16-rc1", "6.17.3-azure",
                                       "7.0.1",  "10.2",     "6.100"};
    static const char *const unsafe[] = {
        "6.15.9", "6.9.0", "6.1.156", "5.15.0-1099-azure", "4.16", "6", "garbage", "", "6.x"};

    (void)state;
    for (size_t i = 0; i < countof(safe); i++)
        assert_true(vmbus_uio_subchannel_irqs(safe[i]));
    for (size_t i = 0; i < countof(unsafe); i++)
        assert_false(vmbus_uio_subchannel_irqs(unsafe[i]));
}

static void a_card_without_monitor_has_one_channel_on_kernels_that_may_crash(void **state)
{
    (void)state;
    assert_int_equal(vmbus_uio_channels_max("6.12.107+deb13-cloud-amd64", VMBUS_MONITOR_NONE), 1);
    assert_int_equal(vmbus_uio_channels_max("6.1.0-50-cloud-amd64", 5), 0);
    assert_int_equal(vmbus_uio_channels_max("6.17.3", VMBUS_MONITOR_NONE), 0);
    assert_int_equal(vmbus_uio_channels_max("", VMBUS_MONITOR_NONE), 1);
}

static void page_numbers_are_all_known_or_not_used(void **state)
{
    uint64_t words[3] = {0x8180000000001234, 0x8000000000005678, 0x8000000000000001};
    uint64_t pfn[3];

    (void)state;
    assert_true(vmbus_uio_pagemap_parse(words, 3, pfn));
    assert_int_equal(pfn[0], 0x1234);
    assert_int_equal(pfn[1], 0x5678);
    assert_int_equal(pfn[2], 1);
    words[2] = 0x8000000000000000; /* number hidden from the unprivileged */
    assert_false(vmbus_uio_pagemap_parse(words, 3, pfn));
    words[2] = 0x0000000000000007; /* swapped out */
    assert_false(vmbus_uio_pagemap_parse(words, 3, pfn));
}

/* Ordinary pages are moved by the kernel when it likes, and their numbers with them. */
static void a_real_host_is_told_of_locked_memory_only(void **state)
{
    static uint64_t pfn[512];
    struct vmbus_memory mem;

    (void)state;
    nic_on_file();
    assert_int_equal(vmbus_uio_open(&fs.bus, &info, &err, &t), 0);
    assert_int_equal(vmbus_memory_create(1, &mem), 0);
    memset(mem.region.base, 1, mem.region.len_bytes);
    if (mem.locked && vmbus_uio_pfns(&mem.region, pfn)) {
        assert_int_equal(t.ops->share(t.ctx, &mem, pfn), 0);
        for (unsigned i = 1; i < countof(pfn); i++)
            assert_int_equal(pfn[i], pfn[0] + i); /* a huge page is in one piece */
    }
    mem.locked = false;
    assert_int_equal(t.ops->share(t.ctx, &mem, pfn), -ENOTSUP);
    vmbus_memory_destroy(&mem);
    t.ops->close(t.ctx);
}

static void dma_memory_has_numbers_or_is_not_there(void **state)
{
    struct vmbus_uio_dma dma;

    (void)state;
    vmbus_uio_dma_alloc(&dma);
    assert_int_equal(dma.base != NULL, dma.pfn != NULL);
    assert_int_equal(dma.base != NULL, dma.len_bytes != 0);
    vmbus_uio_dma_free(&dma);
    assert_null(dma.base);
    vmbus_uio_dma_free(&dma);
}

/* ---- memory the kernel takes away ------------------------------------------------------------ */

static sigjmp_buf landed;

static void land(int number)
{
    siglongjmp(landed, number);
}

/* A mapped file cut to nothing: its pages fault as those of a device withdrawn. */
static uint8_t *taken_away(void)
{
    const int fd = memfd_create("taken", MFD_CLOEXEC);
    uint8_t *base;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 4 * VMBUS_PAGE_BYTES), 0);
    base = mmap(NULL, 4 * VMBUS_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(base != MAP_FAILED);
    memset(base, 0xAA, 4 * VMBUS_PAGE_BYTES);
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    return base;
}

static void memory_of_a_card_taken_away_is_zeroes_and_other_memory_a_signal(void **state)
{
    struct sigaction mine = {.sa_handler = land, .sa_flags = SA_NODEFER}, before;
    uint8_t *volatile card = taken_away();
    uint8_t *volatile other = taken_away();

    (void)state;
    assert_int_equal(sigaction(SIGBUS, &mine, &before), 0);
    vmbus_uio_guard(card, 4 * VMBUS_PAGE_BYTES);
    if (sigsetjmp(landed, 1) == 0) {
        assert_int_equal(card[0], 0);
        assert_int_equal(card[4 * VMBUS_PAGE_BYTES - 1], 0);
        card[VMBUS_PAGE_BYTES] = 1; /* it can be written, too */
        assert_int_equal(card[VMBUS_PAGE_BYTES], 1);
    } else {
        fail_msg("SIGBUS in guarded memory");
    }
    if (sigsetjmp(landed, 1) == 0)
        fail_msg("memory that is not there reads as %u", other[0]);
    vmbus_uio_unguard(card);
    munmap(card, 4 * VMBUS_PAGE_BYTES);
    munmap(other, 4 * VMBUS_PAGE_BYTES);
    assert_int_equal(sigaction(SIGBUS, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_bus(maps_are_found_by_name_wherever_they_are),
        with_bus(a_kernel_with_longer_pages_is_refused),
        with_bus(device_works_on_the_mapped_memory),
        with_bus(second_program_is_kept_out),
        with_bus(node_without_permission_says_so),
        with_bus(device_that_cannot_be_mapped_says_which_map),
        with_bus(interrupts_are_read_and_doorbells_written_as_four_bytes),
        with_bus(subchannel_ring_is_mapped_when_it_appears),
        with_bus(subchannel_without_doorbell_is_not_opened),
        with_bus(kernel_without_ring_files_has_one_queue_at_once),
        cmocka_unit_test(only_kernels_known_to_survive_get_subchannel_interrupts),
        cmocka_unit_test(a_card_without_monitor_has_one_channel_on_kernels_that_may_crash),
        cmocka_unit_test(page_numbers_are_all_known_or_not_used),
        with_bus(a_real_host_is_told_of_locked_memory_only),
        cmocka_unit_test(memory_of_a_card_taken_away_is_zeroes_and_other_memory_a_signal),
        cmocka_unit_test(dma_memory_has_numbers_or_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
