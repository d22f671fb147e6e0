# SPDX-License-Identifier: Apache-2.0
# cmake -DINPUT=F -DOUTPUT=F -DRULES=F -DNAME=N -P mutate.cmake
# Writes INPUT with the change that RULES has under NAME. When the text to be changed
# does not stand there exactly once, the file is written unchanged: the build goes on and
# the mutant's test fails, because nothing is there to be caught.
include("${RULES}")
file(READ "${INPUT}" text)
string(REPLACE ";" "<semicolon>" text "${text}")
string(REPLACE ";" "<semicolon>" from "${mutant_${NAME}_from}")
string(REPLACE ";" "<semicolon>" to "${mutant_${NAME}_to}")
string(FIND "${text}" "${from}" first)
string(FIND "${text}" "${from}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(WARNING "mutant ${NAME}: adapt tests/sim/mutants.cmake to ${INPUT}")
else()
  string(REPLACE "${from}" "${to}" text "${text}")
endif()
string(REPLACE "<semicolon>" ";" text "${text}")
file(WRITE "${OUTPUT}" "${text}")
