# SPDX-License-Identifier: BSD-3-Clause
# netvscctl's commands on a made-up machine.
foreach(topic bind doctor guard save unbind)
  netvsc_test(test_ctl_${topic} LIBS ctl SOURCES ctl_kernel.c fake_sysfs.c stderr_catcher.c)
endforeach()
