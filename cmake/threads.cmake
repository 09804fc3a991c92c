# SPDX-License-Identifier: BSD-3-Clause
# The same again for programs with threads and sockets (NO_SYS=0): target "netvsc_threads", and
# everything above it compiled with PORT_THREADS. Mailboxes are not those of lwIP's unix port, which
# lose the end of a stream whose reader is behind: see port_sys_threads.c.
find_package(Threads REQUIRED)

# lwIP's own pools and TCP lists: ours are for one thread.
add_library(lwip_threads STATIC ${LWIP_SRCS} ${LWIP_DIR}/src/core/memp.c ${lwipapi_SRCS}
  ${CMAKE_SOURCE_DIR}/port/port_sys_threads.c)
set_source_files_properties(${CMAKE_SOURCE_DIR}/port/port_sys_threads.c
  TARGET_DIRECTORY lwip_threads PROPERTIES COMPILE_OPTIONS "${NETVSC_WARNINGS}")
# Its own TCP timers come with it: tcp_slowtmr() every 500 ms.
target_compile_definitions(lwip_threads PUBLIC PORT_THREADS=1 TCP_SLOW_INTERVAL=500)
target_include_directories(lwip_threads PUBLIC ${CMAKE_SOURCE_DIR}/port)
target_include_directories(lwip_threads SYSTEM PUBLIC ${LWIP_DIR}/src/include)
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
