# SPDX-License-Identifier: BSD-3-Clause
# The same again for programs with threads and sockets (NO_SYS=0): target "netvsc_threads", and
# everything above it compiled with PORT_THREADS. Mailboxes are not those of lwIP's unix port, which
# lose the end of a stream whose reader is behind: see port_sys_threads.c.
find_package(Threads REQUIRED)

# lwIP's own pools, TCP lists and timer: ours are for one thread. Recovery from losses, what could
# not leave and so does not count, and who may take the place of a connection in TIME_WAIT, are ours
# all the same.
set(LWIP_OUR_THREADS_SRCS port_sys_threads.c port_tcp_ends.c port_tcp_loss.c port_tcp_threads.c
  port_tcp_wait.c)
list(TRANSFORM LWIP_OUR_THREADS_SRCS PREPEND ${CMAKE_SOURCE_DIR}/port/)
add_library(lwip_threads STATIC ${LWIP_SRCS} ${LWIP_DIR}/src/core/memp.c ${lwipapi_SRCS}
  ${LWIP_OUR_THREADS_SRCS})
set_source_files_properties(${LWIP_OUR_THREADS_SRCS}
  TARGET_DIRECTORY lwip_threads PROPERTIES COMPILE_OPTIONS "${NETVSC_WARNINGS}")
foreach(file tcp tcp_in tcp_out)
  string(TOUPPER ${file} name)
  set_source_files_properties(${LWIP_DIR}/src/core/${file}.c TARGET_DIRECTORY lwip_threads
    PROPERTIES COMPILE_OPTIONS
    "-include;${CMAKE_SOURCE_DIR}/port/lwip_tcp_threads.h;-DPORT_LWIP_${name}"
    OBJECT_DEPENDS ${CMAKE_SOURCE_DIR}/port/lwip_tcp_threads.h)
endforeach()
foreach(file api_lib api_msg sockets)
  set_source_files_properties(${LWIP_DIR}/src/api/${file}.c TARGET_DIRECTORY lwip_threads
    PROPERTIES COMPILE_OPTIONS "-include;${CMAKE_SOURCE_DIR}/port/lwip_api_threads.h"
    OBJECT_DEPENDS ${CMAKE_SOURCE_DIR}/port/lwip_api_threads.h)
endforeach()
# Its own TCP timers come with it: tcp_slowtmr() every 500 ms.
target_compile_definitions(lwip_threads PUBLIC PORT_THREADS=1 TCP_SLOW_INTERVAL=500)
target_include_directories(lwip_threads PUBLIC ${CMAKE_SOURCE_DIR}/port)
target_include_directories(lwip_threads SYSTEM PUBLIC ${LWIP_DIR}/src/include)
netvsc_mend_lwip(lwip_threads)
netvsc_quick_lwip(lwip_threads)
netvsc_common(lwip_threads)

get_target_property(netif_sources netvsc_netif SOURCES)
list(TRANSFORM netif_sources PREPEND ${CMAKE_SOURCE_DIR}/netif/)
get_target_property(port_sources port_base SOURCES)
list(APPEND port_sources port_attach.c port_net.c port_threads.c)
list(TRANSFORM port_sources PREPEND ${CMAKE_SOURCE_DIR}/port/)
add_library(netvsc_threads STATIC ${netif_sources} ${port_sources})
target_link_libraries(netvsc_threads PUBLIC netvsc lwip_threads Threads::Threads)
target_link_libraries(lwip_threads PUBLIC netvsc_threads) # lwIP calls us
netvsc_target(netvsc_threads)

add_executable(netvsc-sockets)
foreach(source netvsc_sockets app_begin app_bus app_capture app_card app_emulate app_fail
    app_options app_options_stack app_stats)
  target_sources(netvsc-sockets PRIVATE ${CMAKE_SOURCE_DIR}/apps/${source}.c)
endforeach()
target_include_directories(netvsc-sockets PRIVATE ${CMAKE_SOURCE_DIR}/apps)
target_compile_definitions(netvsc-sockets PRIVATE NETVSC_VERSION="${PROJECT_VERSION}")
target_link_libraries(netvsc-sockets PRIVATE netvsc_threads hvhost_core)
netvsc_target(netvsc-sockets)
