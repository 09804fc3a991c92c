# SPDX-License-Identifier: BSD-3-Clause
# lwIP 2.2.1 from source with our port/lwipopts.h: target "lwip". Never patched, never in the repo.
set(NETVSC_LWIP_DIR "" CACHE PATH "An unpacked lwIP 2.2.1; empty = fetch Debian's source package")

if(NETVSC_LWIP_DIR)
  set(LWIP_DIR ${NETVSC_LWIP_DIR})
else()
  set(LWIP_DIR ${CMAKE_SOURCE_DIR}/.cache/lwip-2.2.1)
  execute_process(COMMAND ${CMAKE_SOURCE_DIR}/cmake/fetch-lwip ${LWIP_DIR} RESULT_VARIABLE lwip_rc)
  if(NOT lwip_rc EQUAL 0)
    message(FATAL_ERROR "lwIP 2.2.1 is missing, see above")
  endif()
endif()
if(NOT EXISTS ${LWIP_DIR}/src/Filelists.cmake)
  message(FATAL_ERROR "${LWIP_DIR} is no lwIP tree: no src/Filelists.cmake. Set NETVSC_LWIP_DIR.")
endif()

include(${LWIP_DIR}/src/Filelists.cmake)
# Of lwIP's parts some are ours: its pools, how its TCP finds and removes connections, and how long
# its segments are. The latter is done by headers included before the first line of its files, which
# stay as they are.
list(REMOVE_ITEM lwipcore_SRCS ${LWIP_DIR}/src/core/memp.c)
set(LWIP_SRCS ${lwipcore_SRCS} ${lwipcore4_SRCS} ${lwipcore6_SRCS} ${LWIP_DIR}/src/netif/ethernet.c)
set(LWIP_OUR_SRCS port_memp.c port_tcp_ahead.c port_tcp_ends.c port_tcp_give.c port_tcp_large.c
  port_tcp_loss.c port_tcp_out.c port_tcp_table.c port_tcp_timer.c port_tcp_wait.c)
list(TRANSFORM LWIP_OUR_SRCS PREPEND ${CMAKE_SOURCE_DIR}/port/)

# netvsc_mend_lwip(name): what lwIP gets wrong with threads and without, outside of TCP.
function(netvsc_mend_lwip name)
  set_source_files_properties(${LWIP_DIR}/src/core/ipv4/etharp.c TARGET_DIRECTORY ${name}
    PROPERTIES COMPILE_OPTIONS "-include;${CMAKE_SOURCE_DIR}/port/lwip_etharp.h"
    OBJECT_DEPENDS ${CMAKE_SOURCE_DIR}/port/lwip_etharp.h)
endfunction()

# netvsc_flat_lwip(name): (name), which compiles LWIP_SRCS and LWIP_OUR_SRCS, gets those headers.
function(netvsc_flat_lwip name)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/port)
  foreach(file tcp tcp_in tcp_out)
    set_source_files_properties(${LWIP_DIR}/src/core/${file}.c TARGET_DIRECTORY ${name}
      PROPERTIES COMPILE_OPTIONS "-include;${CMAKE_SOURCE_DIR}/port/lwip_${file}.h"
      OBJECT_DEPENDS ${CMAKE_SOURCE_DIR}/port/lwip_${file}.h)
  endforeach()
  set_source_files_properties(${LWIP_OUR_SRCS} TARGET_DIRECTORY ${name}
    PROPERTIES COMPILE_OPTIONS "${NETVSC_WARNINGS}")
endfunction()

# netvsc_quick_lwip(name): (name), which compiles LWIP_SRCS, has no asserts in a release build where
# every segment passes. They end nothing, they only count (arch/cc.h), and take 4 % of a request's
# instructions. Other files have them then, too, and these in every other build.
set(LWIP_QUICK_SRCS core/ipv4/etharp.c core/ipv4/ip4.c core/mem.c core/netif.c core/pbuf.c
  core/tcp.c core/tcp_in.c core/tcp_out.c netif/ethernet.c)
list(TRANSFORM LWIP_QUICK_SRCS PREPEND ${LWIP_DIR}/src/)
function(netvsc_quick_lwip name)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT NETVSC_SANITIZE)
    set_source_files_properties(${LWIP_QUICK_SRCS} TARGET_DIRECTORY ${name}
      PROPERTIES COMPILE_DEFINITIONS LWIP_NOASSERT)
  endif()
endfunction()

add_library(lwip STATIC ${LWIP_SRCS} ${LWIP_OUR_SRCS})
target_include_directories(lwip SYSTEM PUBLIC ${LWIP_DIR}/src/include)
target_include_directories(lwip PUBLIC ${CMAKE_SOURCE_DIR}/port)
netvsc_flat_lwip(lwip)
netvsc_mend_lwip(lwip)
netvsc_quick_lwip(lwip)
netvsc_common(lwip)

# Its HTTP client, for the programs that want one.
add_library(lwip_httpc STATIC ${LWIP_DIR}/src/apps/http/http_client.c)
target_link_libraries(lwip_httpc PUBLIC lwip)
netvsc_common(lwip_httpc)
