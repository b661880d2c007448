# SPDX-License-Identifier: Apache-2.0
# Runs PROGRAM in FOLDER, which is made anew, and compares its output with the file EXPECTED, out of DOCUMENT.
get_filename_component(parent "${FOLDER}" DIRECTORY)
execute_process(COMMAND stat -f -c %T "${parent}" OUTPUT_VARIABLE type OUTPUT_STRIP_TRAILING_WHITESPACE)
if(type STREQUAL "overlayfs")
  # As in a container, where a store belongs on a volume.
  execute_process(COMMAND mktemp -d /dev/shm/tidemark-example-XXXXXX OUTPUT_VARIABLE FOLDER OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
execute_process(COMMAND "${PROGRAM}" WORKING_DIRECTORY "${FOLDER}" OUTPUT_VARIABLE actual RESULT_VARIABLE result)
file(READ "${EXPECTED}" expected)
file(REMOVE_RECURSE "${FOLDER}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "The example ended with ${result}:\n${actual}")
endif()
if(NOT actual STREQUAL expected)
  message(FATAL_ERROR "The example printed\n${actual}\nand ${DOCUMENT} says\n${expected}")
endif()
