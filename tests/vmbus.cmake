# SPDX-License-Identifier: BSD-3-Clause
# vmbus/: rings, channels, the sysfs tree, opening.
find_package(Threads REQUIRED)
netvsc_test(test_ring LIBS vmbus SOURCES ring_fixture.c)
netvsc_test(test_ring_signal LIBS vmbus SOURCES ring_fixture.c)
netvsc_test(test_ring_hostile LIBS vmbus SOURCES ring_fixture.c)
netvsc_test(test_ring_threads LIBS vmbus Threads::Threads TIMEOUT 120 LABELS unit tsan)
foreach(name test_chan test_chan_room)
  netvsc_test(${name} LIBS vmbus SOURCES chan_fixture.c fake_transport.c)
endforeach()
netvsc_test(test_device LIBS vmbus SOURCES fake_transport.c)
netvsc_test(test_scan LIBS vmbus SOURCES fake_sysfs.c)
netvsc_test(test_vmbus_open LIBS vmbus SOURCES fake_sysfs.c)
netvsc_test(test_uio LIBS vmbus SOURCES fake_sysfs.c)
if(TARGET test_uio)
  target_link_options(test_uio PRIVATE -Wl,--wrap=sysconf) # kernels with other pages
endif()
netvsc_test(test_subchan LIBS vmbus SOURCES fake_sysfs.c)
