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
add_library(lwip STATIC ${lwipcore_SRCS} ${lwipcore4_SRCS} ${lwipcore6_SRCS}
  ${LWIP_DIR}/src/netif/ethernet.c)
target_include_directories(lwip SYSTEM PUBLIC ${LWIP_DIR}/src/include)
target_include_directories(lwip PUBLIC ${CMAKE_SOURCE_DIR}/port)
netvsc_common(lwip)

# Its HTTP client, for the programs that want one.
add_library(lwip_httpc STATIC ${LWIP_DIR}/src/apps/http/http_client.c)
target_link_libraries(lwip_httpc PUBLIC lwip)
netvsc_common(lwip_httpc)
