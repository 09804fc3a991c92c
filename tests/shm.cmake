# SPDX-License-Identifier: BSD-3-Clause
# The emulated host's shared-memory face with guests in other processes, and its TAP uplink.
netvsc_test(test_shm LIBS vmbus hvhost_core SOURCES shm_fixture.c shm_guest.c)
netvsc_test(test_shm_hostile LIBS vmbus hvhost_core SOURCES shm_fixture.c shm_guest.c)
netvsc_test(test_shm_share LIBS vmbus hvhost_core SOURCES shm_fixture.c shm_guest.c)
netvsc_test(test_shm_tree LIBS hvhost_core SOURCES shm_fixture.c)
netvsc_test(test_tap LIBS hvhost_core SOURCES raw_guest.c tap_ends.c)
netvsc_test(test_tap_device LIBS hvhost_core SOURCES tap_ends.c)
netvsc_test(test_tap_offload LIBS hvhost_core SOURCES burst.c)
netvsc_test(test_hvhost_main_nic SOURCES ${CMAKE_SOURCE_DIR}/hvhost/hvhost_main_nic.c)
