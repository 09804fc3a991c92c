# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks are run by tests/bench/run; here only tests that they run at all. Not peers.sh, which
# takes minutes.
add_executable(bench_nic bench/bench_nic.c bench/bench_card.c)
target_link_libraries(bench_nic PRIVATE netvsc_netif hvhost_core)
netvsc_target(bench_nic)
find_package(Threads REQUIRED)
add_executable(bench_ring bench/bench_ring.c bench/bench_card.c bench/bench_frame.c
  bench/bench_min.c)
target_link_libraries(bench_ring PRIVATE netvsc_netif hvhost_core)
netvsc_target(bench_ring)
add_executable(bench_spread bench/bench_spread.c bench/bench_card.c bench/bench_frame.c
  bench/bench_min.c)
target_link_libraries(bench_spread PRIVATE netvsc_netif hvhost_core)
netvsc_target(bench_spread)
add_executable(bench_vmbus bench/bench_vmbus.c bench/bench_card.c bench/bench_min.c)
target_link_libraries(bench_vmbus PRIVATE netvsc_netif hvhost_core Threads::Threads)
netvsc_target(bench_vmbus)
add_executable(bench_hostile bench/bench_hostile.c bench/bench_card.c bench/bench_min.c
  bench/bench_min_host.c)
target_link_libraries(bench_hostile PRIVATE netvsc_netif hvhost_core)
netvsc_target(bench_hostile)
add_executable(bench_place bench/bench_place.c bench/bench_card.c bench/bench_frame.c)
target_link_libraries(bench_place PRIVATE netvsc_netif hvhost_core)
netvsc_target(bench_place)
# Those with the host in a process of its own. The folder: hvh_switch_room().
foreach(name cross copies)
  add_executable(bench_${name} bench/bench_${name}.c bench/bench_far.c bench/bench_card.c
    bench/bench_frame.c bench/bench_min.c bench/bench_min_host.c)
  target_link_libraries(bench_${name} PRIVATE port hvhost_core Threads::Threads)
  target_include_directories(bench_${name} PRIVATE ${CMAKE_SOURCE_DIR}/hvhost)
  netvsc_target(bench_${name})
endforeach()
target_sources(bench_copies PRIVATE bench/bench_copy.c)
add_executable(bench_stack bench/bench_stack.c bench/bench_card.c)
target_link_libraries(bench_stack PRIVATE port hvhost_core)
netvsc_target(bench_stack)
add_executable(bench_gen bench/bench_gen.c bench/bench_gen_ask.c bench/bench_gen_bulk.c
  bench/bench_gen_cps.c bench/bench_gen_wire.c bench/bench_card.c)
target_link_libraries(bench_gen PRIVATE http port hvhost_core)
netvsc_target(bench_gen)
foreach(client load conns)
  add_executable(bench_${client} bench/bench_${client}.c)
  netvsc_target(bench_${client})
endforeach()

# The same lwIP without what port/ changes in its TCP and its pools: the peer of bench_tcp.
add_library(lwip_upstream STATIC ${LWIP_SRCS} ${LWIP_DIR}/src/core/memp.c)
target_include_directories(lwip_upstream SYSTEM PUBLIC ${LWIP_DIR}/src/include)
target_compile_definitions(lwip_upstream PUBLIC TCP_SLOW_INTERVAL=500) # as tcp_slowtmr() is called
target_link_libraries(lwip_upstream PUBLIC port_base)
netvsc_quick_lwip(lwip_upstream)
netvsc_common(lwip_upstream)
foreach(suffix "" _upstream)
  add_executable(bench_tcp${suffix} bench/bench_tcp.c tcp_peer.c)
  target_include_directories(bench_tcp${suffix} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(bench_tcp${suffix} PRIVATE lwip${suffix} port_base)
  netvsc_target(bench_tcp${suffix})
endforeach()
target_compile_options(bench_tcp PRIVATE -include ${CMAKE_SOURCE_DIR}/port/lwip_tcp.h)

add_executable(bench_topo bench/bench_topo.c)
netvsc_target(bench_topo)
target_link_libraries(bench_topo PRIVATE Threads::Threads)

# What sleeping and starting cost: no peers, but the machine's own figure beside ours.
add_executable(bench_wake bench/bench_wake.c)
netvsc_target(bench_wake)
target_link_libraries(bench_wake PRIVATE Threads::Threads)

# Peers: the kernel's own stack, and lwIP over the TAP interface it comes with.
add_executable(bench_server bench/bench_server.c)
netvsc_target(bench_server)
# And what the TAP device itself takes.
foreach(name tapwrite tapecho)
  add_executable(bench_${name} bench/bench_${name}.c bench/bench_rawtap.c)
  netvsc_target(bench_${name})
endforeach()
if(EXISTS ${LWIP_DIR}/contrib/ports/unix/port/netif/tapif.c)
  add_library(lwip_tapif STATIC ${LWIP_DIR}/contrib/ports/unix/port/netif/tapif.c
    ${LWIP_DIR}/contrib/apps/tcpecho_raw/tcpecho_raw.c)
  target_include_directories(lwip_tapif SYSTEM PUBLIC ${LWIP_DIR}/contrib/apps/tcpecho_raw)
  # Behind ours: it has an arch/ of its own.
  target_include_directories(lwip_tapif SYSTEM AFTER PUBLIC
    ${LWIP_DIR}/contrib/ports/unix/port/include)
  target_compile_definitions(lwip_tapif PRIVATE LWIP_UNIX_LINUX)
  target_link_libraries(lwip_tapif PUBLIC lwip_upstream)
  netvsc_common(lwip_tapif)
  get_target_property(http_sources http SOURCES)
  list(TRANSFORM http_sources PREPEND ${CMAKE_SOURCE_DIR}/apps/)
  add_executable(bench_tapif bench/bench_tapif.c ${http_sources})
  target_include_directories(bench_tapif PRIVATE ${CMAKE_SOURCE_DIR}/apps)
  target_link_libraries(bench_tapif PRIVATE lwip_tapif)
  netvsc_target(bench_tapif)
endif()

add_test(NAME bench_smoke COMMAND timeout -k 10 280 bash
  ${CMAKE_CURRENT_SOURCE_DIR}/bench/smoke.sh ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(bench_smoke PROPERTIES LABELS bench TIMEOUT 300)
add_test(NAME bench_smoke_bounds COMMAND timeout -k 10 60 bash
  ${CMAKE_CURRENT_SOURCE_DIR}/bench/smoke_bounds.sh ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(bench_smoke_bounds PROPERTIES LABELS bench TIMEOUT 80 SKIP_RETURN_CODE 77)

# More connections than a port number can count, each opened and asked through the emulated host.
add_test(NAME many_connections COMMAND timeout -k 10 280
  $<TARGET_FILE:bench_gen> rr 70000 0.1)
set_tests_properties(many_connections PROPERTIES LABELS slow TIMEOUT 300)

foreach(part nic http idle)
  add_test(NAME bench_smoke_${part} COMMAND timeout -k 10 100 bash
    ${CMAKE_CURRENT_SOURCE_DIR}/bench/run --quick --only ${part}
    --bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  set_tests_properties(bench_smoke_${part} PROPERTIES LABELS bench TIMEOUT 120)
endforeach()
