# SPDX-License-Identifier: BSD-3-Clause
# netif/: codecs; then the NIC against the emulated host in one thread, under a virtual clock.
netvsc_test(test_nvs LIBS netvsc)
netvsc_test(test_rndis LIBS netvsc)
netvsc_test(test_rx LIBS netvsc SOURCES netif_wire.c)
netvsc_test(test_tx LIBS netvsc SOURCES netif_wire.c)
