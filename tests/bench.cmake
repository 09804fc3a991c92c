# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks are run by tests/bench/run; here only a test that they run at all.
add_executable(bench_nic bench/bench_nic.c)
target_link_libraries(bench_nic PRIVATE netvsc_netif hvhost_core)
netvsc_target(bench_nic)
add_executable(bench_load bench/bench_load.c)
netvsc_target(bench_load)

add_test(NAME bench_smoke COMMAND timeout -k 10 100 bash ${CMAKE_CURRENT_SOURCE_DIR}/bench/run
  --quick --bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(bench_smoke PROPERTIES LABELS bench TIMEOUT 120)

# The same lwIP without what port/ changes in its TCP and its pools: the peer of bench_tcp.
add_library(lwip_upstream STATIC ${LWIP_SRCS} ${LWIP_DIR}/src/core/memp.c)
target_include_directories(lwip_upstream SYSTEM PUBLIC ${LWIP_DIR}/src/include)
target_link_libraries(lwip_upstream PUBLIC port_base)
netvsc_common(lwip_upstream)
foreach(suffix "" _upstream)
  add_executable(bench_tcp${suffix} bench/bench_tcp.c tcp_peer.c)
  target_include_directories(bench_tcp${suffix} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(bench_tcp${suffix} PRIVATE lwip${suffix} port_base)
  netvsc_target(bench_tcp${suffix})
endforeach()
target_compile_options(bench_tcp PRIVATE -include ${CMAKE_SOURCE_DIR}/port/lwip_tcp.h)
