# SPDX-License-Identifier: Apache-2.0
# Runs PROGRAM in FOLDER, which is made anew, and compares its output with the file EXPECTED.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
execute_process(COMMAND "${PROGRAM}" WORKING_DIRECTORY "${FOLDER}" OUTPUT_VARIABLE actual RESULT_VARIABLE result)
file(READ "${EXPECTED}" expected)
file(REMOVE_RECURSE "${FOLDER}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "The example ended with ${result}:\n${actual}")
endif()
if(NOT actual STREQUAL expected)
  message(FATAL_ERROR "The example printed\n${actual}\nand README.md says\n${expected}")
endif()
