# SPDX-License-Identifier: BSD-3-Clause
# Several queues: the host's spreading, the driver's queues, their threads.
netvsc_test(test_hvhost_rss LIBS hvhost_core)
foreach(name test_queues test_queues_rss)
  netvsc_test(${name} LIBS netvsc hvhost_core
    SOURCES queues_fixture.c netif_fixture.c netif_books.c)
endforeach()
netvsc_test(test_takeover LIBS netvsc hvhost_core SOURCES netif_fixture.c netif_books.c
  TIMEOUT 240)
find_package(Threads REQUIRED)
netvsc_test(test_queue_threads LIBS netvsc hvhost_core Threads::Threads LABELS unit tsan)
netvsc_test(test_hold_threads LIBS netvsc hvhost_core Threads::Threads SOURCES netif_books.c
  LABELS unit tsan)
