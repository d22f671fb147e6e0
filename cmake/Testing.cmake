# SPDX-License-Identifier: Apache-2.0
# add_unit_test(NAME file.c... LIBS library...)
# Builds the cmocka program test_NAME (into tests/bin) and registers it with ctest
# under the same name. Give `base_sys` in LIBS if the test uses base/sys.
set(WINNOW_TEST_ENVIRONMENT
  "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
  "TSAN_OPTIONS=halt_on_error=1:suppressions=${PROJECT_SOURCE_DIR}/tests/lib/tsan.supp"
  "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lib/lsan.supp:print_suppressions=0")

function(add_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LIBS")
  if(NOT arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "add_unit_test(${name}): no source file")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(test_${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBS} testlib)
  set_target_properties(test_${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/bin")
  add_test(NAME test_${name} COMMAND test_${name})
  set_tests_properties(test_${name} PROPERTIES
    TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${WINNOW_TEST_ENVIRONMENT}" LABELS unit)
endfunction()
