# SPDX-License-Identifier: Apache-2.0
# The warnings every hand-written file compiles clean under. Generated code is its
# own target and silences them with -w.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla -Wformat=2
  -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings -Wundef
  -Wdouble-promotion -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference)
if(WINNOW_WERROR)
  add_compile_options(-Werror)
endif()
