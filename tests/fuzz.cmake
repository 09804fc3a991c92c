# SPDX-License-Identifier: BSD-3-Clause
# libFuzzer targets, in the preset "fuzz" only: ten seconds each as tests labelled fuzz. For longer:
#   build/fuzz/bin/fuzz_http -max_total_time=3600 build/fuzz/corpus/fuzz_http
option(NETVSC_FUZZ "Build fuzz targets (needs clang)" OFF)
if(NOT NETVSC_FUZZ)
  return()
endif()
add_custom_target(fuzz)
# fuzz_target(name LIBS a b SOURCES c.c): tests/fuzz/name.c
function(fuzz_target name)
  cmake_parse_arguments(F "" "" "LIBS;SOURCES" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL fuzz/${name}.c ${F_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}
    ${CMAKE_CURRENT_SOURCE_DIR}/fuzz ${CMAKE_SOURCE_DIR}/vmbus ${CMAKE_SOURCE_DIR}/netif
    ${CMAKE_SOURCE_DIR}/hvhost ${CMAKE_SOURCE_DIR}/apps)
  target_link_libraries(${name} PRIVATE ${F_LIBS})
  netvsc_target(${name})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz ${name})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
  add_test(NAME ${name} COMMAND ${name} -max_total_time=10 -timeout=10 -max_len=4096
    -artifact_prefix=${CMAKE_BINARY_DIR}/${name}. ${CMAKE_BINARY_DIR}/corpus/${name}
    ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/seeds/${name})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
fuzz_target(fuzz_http SOURCES ${CMAKE_SOURCE_DIR}/apps/http_parse.c)
fuzz_target(fuzz_host_messages LIBS netvsc)
