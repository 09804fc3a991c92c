# SPDX-License-Identifier: BSD-3-Clause
# vmbus/: rings, channels, the sysfs tree, opening.
find_package(Threads REQUIRED)
netvsc_test(test_ring LIBS vmbus SOURCES ring_fixture.c)
netvsc_test(test_ring_signal LIBS vmbus SOURCES ring_fixture.c)
netvsc_test(test_ring_hostile LIBS vmbus SOURCES ring_fixture.c)
netvsc_test(test_ring_threads LIBS vmbus Threads::Threads TIMEOUT 120 LABELS unit tsan)
netvsc_test(test_chan LIBS vmbus SOURCES fake_transport.c)
netvsc_test(test_device LIBS vmbus SOURCES fake_transport.c)
netvsc_test(test_scan LIBS vmbus SOURCES fake_sysfs.c)
netvsc_test(test_vmbus_open LIBS vmbus SOURCES fake_sysfs.c)
netvsc_test(test_uio LIBS vmbus SOURCES fake_sysfs.c)
netvsc_test(test_subchan LIBS vmbus SOURCES fake_sysfs.c)
