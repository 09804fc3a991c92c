# SPDX-License-Identifier: BSD-3-Clause
# lwIP's own tests of TCP against its TCP as compiled here, with options they can count with.
find_path(CHECK_INCLUDE_DIR check.h)
find_library(CHECK_LIBRARY check)
find_library(SUBUNIT_LIBRARY NAMES subunit libsubunit.so.0)
if(CHECK_INCLUDE_DIR AND CHECK_LIBRARY)
  set(unit ${LWIP_DIR}/test/unit)
  add_executable(test_lwip_unit lwip_unit/run.c ${LWIP_SRCS} ${LWIP_OUR_SRCS}
    ${unit}/tcp/tcp_helper.c ${unit}/tcp/test_tcp.c ${unit}/tcp/test_tcp_oos.c
    ${unit}/tcp/test_tcp_state.c)
  target_include_directories(test_lwip_unit BEFORE PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/lwip_unit)
  target_include_directories(test_lwip_unit SYSTEM PRIVATE ${unit} ${LWIP_DIR}/src/include
    ${CHECK_INCLUDE_DIR})
  netvsc_flat_lwip(test_lwip_unit)
  set_source_files_properties(${unit}/tcp/tcp_helper.c PROPERTIES COMPILE_OPTIONS
    "-include;${CMAKE_SOURCE_DIR}/port/lwip_tcp.h;-Dtcp_set_state=helper_set_state")
  target_link_libraries(test_lwip_unit PRIVATE port_base ${CHECK_LIBRARY} m rt pthread)
  if(SUBUNIT_LIBRARY)
    target_link_libraries(test_lwip_unit PRIVATE ${SUBUNIT_LIBRARY})
  endif()
  set(NETVSC_UNIT_TEST ON)
  netvsc_common(test_lwip_unit)
  add_test(NAME test_lwip_unit COMMAND test_lwip_unit)
  set_tests_properties(test_lwip_unit PROPERTIES LABELS unit TIMEOUT 120)
endif()
