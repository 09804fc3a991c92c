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
