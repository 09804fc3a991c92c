# SPDX-License-Identifier: BSD-3-Clause
# Toolchain file: Debian's cross compiler for arm64, and qemu's user mode to run what it made.
# Libraries for the target are files of our own (cmake/fetch-arm64): the machine's packages stay of
# one architecture.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

get_filename_component(NETVSC_ARM64_DIR ${CMAKE_CURRENT_LIST_DIR}/../.cache/arm64 ABSOLUTE)
execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/fetch-arm64 ${NETVSC_ARM64_DIR}
  RESULT_VARIABLE NETVSC_ARM64_RC)
if(NOT NETVSC_ARM64_RC EQUAL 0)
  message(FATAL_ERROR "libraries for arm64 are missing, see above")
endif()
set(CMAKE_FIND_ROOT_PATH ${NETVSC_ARM64_DIR} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/run-arm64)
