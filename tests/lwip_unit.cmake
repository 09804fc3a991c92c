# SPDX-License-Identifier: BSD-3-Clause
# A folder of its own: how lwIP's files are compiled is said per folder, and bench.cmake's differ.
add_subdirectory(lwip_unit)
