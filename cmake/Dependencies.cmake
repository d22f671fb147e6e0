# SPDX-License-Identifier: Apache-2.0
# Finds every library through pkg-config and gives it as PkgConfig::<name>.
# All missing ones are named at once, with their Debian packages.
find_program(PKG_CONFIG_PROGRAM NAMES pkg-config pkgconf)
if(NOT PKG_CONFIG_PROGRAM)
  message(FATAL_ERROR "pkg-config not found: apt-get install pkg-config")
endif()
find_package(PkgConfig REQUIRED QUIET)
find_package(Threads REQUIRED)

set(winnow_missing "")
set(winnow_missing_packages "")

# winnow_dependency(NAME MODULE PACKAGE): NAME is the suffix of the PkgConfig:: target.
function(winnow_dependency name module package)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL "${module}")
  if(NOT ${name}_FOUND)
    string(REGEX REPLACE "[<>=].*$" "" bare "${module}")
    list(APPEND winnow_missing "  ${bare} not found: apt-get install ${package}")
    list(APPEND winnow_missing_packages "${package}")
    set(winnow_missing "${winnow_missing}" PARENT_SCOPE)
    set(winnow_missing_packages "${winnow_missing_packages}" PARENT_SCOPE)
  endif()
endfunction()

winnow_dependency(zmq libzmq>=4.3 libzmq3-dev)
winnow_dependency(protobuf_c libprotobuf-c>=1.3 libprotobuf-c-dev)
winnow_dependency(uv libuv>=1.43 libuv1-dev)
winnow_dependency(sqlite sqlite3>=3.37 libsqlite3-dev)
winnow_dependency(jansson jansson>=2.13 libjansson-dev)
winnow_dependency(yaml yaml-0.1 libyaml-dev)
winnow_dependency(pcre2 libpcre2-8 libpcre2-dev)
winnow_dependency(sodium libsodium libsodium-dev)
winnow_dependency(cmocka cmocka libcmocka-dev)

find_program(PROTOC_C protoc-c)
if(NOT PROTOC_C)
  list(APPEND winnow_missing
    "  protoc-c not found: apt-get install protobuf-c-compiler")
  list(APPEND winnow_missing_packages protobuf-c-compiler)
endif()
find_package(Python3 COMPONENTS Interpreter QUIET)
if(NOT Python3_FOUND)
  list(APPEND winnow_missing "  python3 not found: apt-get install python3-minimal")
  list(APPEND winnow_missing_packages python3-minimal)
endif()

if(winnow_missing)
  list(JOIN winnow_missing "\n" winnow_lines)
  list(JOIN winnow_missing_packages " " winnow_names)
  message(FATAL_ERROR
    "packages are missing:\n${winnow_lines}\nall at once: apt-get install ${winnow_names}")
endif()
