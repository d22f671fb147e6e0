# SPDX-License-Identifier: Apache-2.0
# Sanitizers, coverage and hardening by preset.
if(WINNOW_SANITIZE)
  add_compile_options(
    "-fsanitize=${WINNOW_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${WINNOW_SANITIZE}")
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  # Fortify needs optimisation and disturbs the sanitizers' interceptors.
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(WINNOW_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "the fuzz preset needs clang: apt-get install clang")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(WINNOW_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
