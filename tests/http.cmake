# SPDX-License-Identifier: BSD-3-Clause
netvsc_test(test_http_parse LIBS http)
netvsc_test(test_http_file LIBS http)
netvsc_test(test_http_reply LIBS http)
netvsc_test(test_http_conn LIBS http SOURCES http_wire.c)
