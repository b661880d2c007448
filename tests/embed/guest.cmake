# SPDX-License-Identifier: Apache-2.0
# Configures the project guest, which looks itself, and installs it: nothing may be there then.
file(REMOVE_RECURSE "${FOLDER}")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "$ENV{TIDEMARK_SOURCE}/tests/embed/guest" -B "${FOLDER}/build"
  "-DTIDEMARK_SOURCE=$ENV{TIDEMARK_SOURCE}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${FOLDER}/build" --prefix "${FOLDER}/installed" COMMAND_ERROR_IS_FATAL ANY)
if(EXISTS "${FOLDER}/installed")
  message(FATAL_ERROR "Something was installed in ${FOLDER}/installed")
endif()
