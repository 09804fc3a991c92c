# SPDX-License-Identifier: BSD-3-Clause
# What can be said about the tree without running the product; and a test that these can fail.
foreach(check includes style requirements docs links features)
  add_test(NAME check_${check} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/check_${check}.sh
    ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  set_tests_properties(check_${check} PROPERTIES LABELS lint TIMEOUT 180)
endforeach()
add_test(NAME check_install COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/check_install.sh
  ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
set_tests_properties(check_install PROPERTIES LABELS lint TIMEOUT 180 SKIP_RETURN_CODE 77)
add_test(NAME check_checks COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/check_checks.sh)
set_tests_properties(check_checks PROPERTIES LABELS lint TIMEOUT 300)
