# SPDX-License-Identifier: BSD-3-Clause
set(NETVSC_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wcast-qual -Wvla -Wundef -Werror)

# netvsc_target(name): our own code, held to the full warning set, sanitized and optimised as asked.
function(netvsc_target name)
  target_compile_options(${name} PRIVATE ${NETVSC_WARNINGS})
  netvsc_common(${name})
endfunction()

# netvsc_common(name): what every target gets, lwIP's too.
function(netvsc_common name)
  target_compile_options(${name} PRIVATE -fno-common)
  if(NETVSC_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${NETVSC_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${name} PUBLIC -fsanitize=${NETVSC_SANITIZE})
    if(NETVSC_SANITIZE STREQUAL "thread" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
      # It does not model fences and says so at each; code that needs one still needs it.
      target_compile_options(${name} PRIVATE -Wno-tsan)
    endif()
  endif()
  if(NETVSC_LTO AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT NETVSC_SANITIZE)
    get_target_property(type ${name} TYPE)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
      set_property(TARGET ${name} PROPERTY INTERPROCEDURAL_OPTIMIZATION ON)
    elseif(type STREQUAL "STATIC_LIBRARY")
      # Machine code beside the optimiser's own form: unit tests link that, in a tenth of the time.
      target_compile_options(${name} PRIVATE -flto=auto -ffat-lto-objects)
    elseif(NETVSC_UNIT_TEST)
      target_link_options(${name} PRIVATE -fno-lto)
    else()
      set_property(TARGET ${name} PROPERTY INTERPROCEDURAL_OPTIMIZATION ON)
    endif()
  endif()
endfunction()
