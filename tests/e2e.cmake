# SPDX-License-Identifier: BSD-3-Clause
# End to end: each topic with the host inside the program, and where it matters with the host in a
# process of its own (_shm).
foreach(client udp_echo http_sizes frame_storm)
  add_executable(${client} e2e/${client}.c)
  netvsc_target(${client})
endforeach()

# e2e(topic face [SLOW]): e2e/topic.sh as the test e2e_topic, or e2e_topic_shm. A script that hangs
# is ended by SIGTERM, so that it can still clean up.
function(e2e topic face)
  set(name e2e_${topic})
  if(face STREQUAL both)
    e2e(${topic} shm ${ARGN})
    set(face inside)
  elseif(face STREQUAL shm)
    set(name e2e_${topic}_shm)
  elseif(face STREQUAL alone)
    set(face "")
  endif()
  add_test(NAME ${name} COMMAND timeout -k 10 150 bash ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${topic}.sh
    ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${face})
  set(labels e2e)
  if("SLOW" IN_LIST ARGN)
    list(APPEND labels slow)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 180 SKIP_RETURN_CODE 77)
endfunction()

foreach(topic ping http storm stalls files gather echo dhcp get iperf pcap exit control change
    impair)
  e2e(${topic} both)
endforeach()
foreach(topic ipv6 idle kill_app)
  e2e(${topic} both SLOW)
endforeach()
# Programs between two cards.
if(TARGET netvsc-sockets)
  e2e(sockets both)
endif()
foreach(topic l2fwd lb nat)
  e2e(${topic} both)
endforeach()
# These need a host of their own, or start both kinds.
foreach(topic two_nics list errors options shm loopback ctl driverctl)
  e2e(${topic} alone)
endforeach()
e2e(mss inside)
# Six ways to receive in bulk.
e2e(chains both SLOW)
e2e(kill_host alone SLOW)
e2e(workers shm SLOW)
e2e(demo alone SLOW)
