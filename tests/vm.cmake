# SPDX-License-Identifier: BSD-3-Clause
# Real kernels: host and driver against Linux, in nested virtual machines. Minutes, not seconds.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  netvsc_test(test_hvhost_kvm LIBS hvhost_kvm)
  netvsc_test(test_hvhost_uart LIBS hvhost_kvm)
  netvsc_test(test_hvhost_vmbus LIBS hvhost_kvm SOURCES vmbus_bench.c)
  netvsc_test(test_hvhost_vmbus_sub LIBS hvhost_kvm SOURCES vmbus_bench.c)
  netvsc_test(test_hvhost_bus_life LIBS hvhost_kvm SOURCES vmbus_bench.c chance.c)
  add_executable(vm_exit vm/vm_exit.c)
  netvsc_target(vm_exit)
  add_test(NAME vm_suite COMMAND timeout -k 10 880 bash ${CMAKE_CURRENT_SOURCE_DIR}/vm/run
    --bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} --out ${CMAKE_BINARY_DIR}/vm)
  set_tests_properties(vm_suite PROPERTIES LABELS "vm;slow" TIMEOUT 900 SKIP_RETURN_CODE 77
    RUN_SERIAL TRUE)
endif()
