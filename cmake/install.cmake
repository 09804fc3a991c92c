# SPDX-License-Identifier: BSD-3-Clause
# cmake --install: programs, a systemd unit, and what a program of your own needs to build on the
# driver: headers, static libraries, and netvsc.pc for pkg-config.
include(GNUInstallDirs)

set(installed_programs netvsc-echo netvsc-http netvsc-l2fwd netvsc-lb netvsc-loopback netvsc-nat
  netvscctl hvhost)
if(TARGET netvsc-sockets)
  list(APPEND installed_programs netvsc-sockets)
endif()
install(TARGETS ${installed_programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Static, in a folder of their own: "lwip" and "port" are names others use, too.
install(TARGETS vmbus netvsc netvsc_netif port_base port lwip
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/netvsc)
foreach(folder vmbus netif port)
  file(GLOB headers ${CMAKE_SOURCE_DIR}/${folder}/*.h)
  list(FILTER headers EXCLUDE REGEX "_var\\.h$")
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/netvsc)
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/port/arch
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/netvsc)
install(DIRECTORY ${LWIP_DIR}/src/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/netvsc/lwip-2.2.1
  FILES_MATCHING PATTERN "*.h")

file(RELATIVE_PATH UP /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
configure_file(${CMAKE_SOURCE_DIR}/cmake/netvsc.pc.in ${CMAKE_BINARY_DIR}/netvsc.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/netvsc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Units name programs by their whole path.
set(BIN ${CMAKE_INSTALL_FULL_BINDIR})
configure_file(${CMAKE_SOURCE_DIR}/apps/netvsc-http@.service
  ${CMAKE_BINARY_DIR}/netvsc-http@.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/netvsc-http@.service DESTINATION lib/systemd/system)
