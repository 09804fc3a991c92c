# SPDX-License-Identifier: BSD-3-Clause
# netif/: the codecs, the NIC with the test as its host, the NIC against the emulated host.
netvsc_test(test_nvs LIBS netvsc)
netvsc_test(test_rndis LIBS netvsc)
netvsc_test(test_rndis_packet LIBS netvsc)
netvsc_test(test_rndis_quick LIBS netvsc)
foreach(name test_control test_offload_caps test_rsc test_rx test_rx_ranges test_rx_control
    test_rx_hash test_tx test_tx_done)
  netvsc_test(${name} LIBS netvsc SOURCES netif_wire.c netif_wire_host.c netif_books.c)
endforeach()
foreach(name test_rx_both test_rx_lone)
  netvsc_test(${name} LIBS netvsc
    SOURCES chance.c wire_twins.c netif_wire.c netif_wire_host.c netif_books.c)
endforeach()
foreach(name test_tx_count test_tx_pile test_tx_quick)
  netvsc_test(${name} LIBS netvsc
    SOURCES pile_guest.c netif_wire.c netif_wire_host.c netif_books.c)
endforeach()
foreach(name test_sizes test_attach test_attach_steps test_detach test_faults)
  netvsc_test(${name} LIBS netvsc hvhost_core SOURCES netif_fixture.c netif_books.c)
endforeach()
foreach(name test_tx_gather test_tx_gather_done)
  netvsc_test(${name} LIBS netvsc hvhost_core
    SOURCES gather_fixture.c netif_fixture.c netif_books.c burst.c)
endforeach()
netvsc_test(test_tx_offload LIBS netvsc hvhost_core
  SOURCES netif_fixture.c netif_books.c burst.c)
netvsc_test(test_netif LIBS netvsc_netif port_base hvhost_core SOURCES lwip_bench.c netif_books.c)
netvsc_test(test_netif_place LIBS netvsc_netif port_base hvhost_core
  SOURCES lwip_bench.c netif_books.c)
foreach(name test_netif_offload test_netif_place_tcp)
  netvsc_test(${name} LIBS netvsc_netif port_base hvhost_core
    SOURCES lwip_bench.c netif_books.c burst.c)
endforeach()
netvsc_test(test_netif_input LIBS netvsc_netif port_base hvhost_core
  SOURCES lwip_bench.c netif_books.c netif_wire.c netif_wire_host.c)
netvsc_test(test_rx_zerocopy LIBS netvsc_netif port_base hvhost_core
  SOURCES lwip_bench.c netif_books.c)
netvsc_test(test_rx_sizes LIBS netvsc_netif port_base hvhost_core
  SOURCES lwip_bench.c netif_books.c netif_wire.c netif_wire_host.c)
foreach(name test_rx_csum test_rx_verdict test_rx_ack)
  netvsc_test(${name} LIBS netvsc_netif port_base hvhost_core
    SOURCES lwip_bench.c netif_books.c ip_frames.c)
endforeach()
foreach(name test_rx_chains test_rx_gro)
  netvsc_test(${name} LIBS netvsc_netif port_base hvhost_core
    SOURCES chain_fixture.c lwip_bench.c netif_books.c ip_frames.c)
endforeach()
# By chance: see chance.h.
netvsc_test(test_card_life LIBS netvsc hvhost_core SOURCES card_life.c card_lies.c chance.c
  netif_books.c)
netvsc_test(test_tx_ways LIBS netvsc hvhost_core SOURCES burst.c chance.c netif_fixture.c
  netif_books.c)
