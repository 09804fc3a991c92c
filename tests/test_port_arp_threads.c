/* SPDX-License-Identifier: BSD-3-Clause */
/* The same in lwIP as it is built for threads: see tests/port.cmake. */
#include "test_port_arp.c"
