# SPDX-License-Identifier: BSD-3-Clause
netvsc_test(test_http_parse LIBS http)
netvsc_test(test_http_file LIBS http)
netvsc_test(test_http_reply LIBS http)
netvsc_test(test_http_cache LIBS http SOURCES http_site.c http_wire.c)
netvsc_test(test_http_conn LIBS http SOURCES http_site.c http_wire.c)
netvsc_test(test_http_cold LIBS http SOURCES http_site.c http_wire.c)
netvsc_test(test_http_log LIBS http SOURCES http_site.c http_wire.c stderr_catcher.c)
netvsc_test(test_http_limits LIBS http SOURCES http_site.c http_wire.c)
