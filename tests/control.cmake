# SPDX-License-Identifier: BSD-3-Clause
# Statistics and what changes while the NIC runs: filters, addresses, MTU, link.
foreach(name test_stats test_filter test_vf test_latency)
  netvsc_test(${name} LIBS netvsc hvhost_core SOURCES netif_fixture.c netif_books.c)
endforeach()
netvsc_test(test_app_control LIBS app)
netvsc_test(test_hvhost_vf LIBS hvhost_core SOURCES raw_guest.c)
netvsc_test(test_netif_control LIBS netvsc_netif port_base hvhost_core
  SOURCES lwip_bench.c netif_books.c)
