# SPDX-License-Identifier: BSD-3-Clause
# The emulated host's core against a guest written by hand, byte by byte: no driver in these.
find_package(Threads REQUIRED)
foreach(test bringup cable control done doorbell fault fault_data frames impair leave life objects
    ring ring_wrong sections switch usual)
  netvsc_test(test_hvhost_${test} LIBS hvhost_core SOURCES raw_guest.c)
endforeach()
netvsc_test(test_hvhost_attended LIBS hvhost_core SOURCES raw_guest.c)
netvsc_test(test_hvhost_strict LIBS hvhost_core SOURCES raw_guest.c raw_sins_nvs.c raw_sins_rndis.c
  raw_sins_memory.c raw_sins_packet.c)
netvsc_test(test_hvhost_offload LIBS hvhost_core SOURCES raw_guest.c burst.c)
netvsc_test(test_hvhost_rsc LIBS hvhost_core SOURCES rsc_guest.c raw_guest.c burst.c)

# Host and driver in two threads; most telling under ThreadSanitizer.
netvsc_test(test_hvhost_threads LIBS hvhost_core netvsc Threads::Threads TIMEOUT 120
  LABELS unit tsan)
