# SPDX-License-Identifier: Apache-2.0
# Included at the end of the harness's CMakeLists.txt by bench/peers/measure: adds the adapter to its program.
# TIDEMARK_SOURCE and TIDEMARK_LIBRARY say where the sources and the built library are.
set(adapter "${CMAKE_CURRENT_LIST_DIR}/tidemark_store.cc")
set_source_files_properties("${adapter}" PROPERTIES
  COMPILE_OPTIONS "-std=c++23" INCLUDE_DIRECTORIES "${TIDEMARK_SOURCE};${TIDEMARK_SOURCE}/include;${CMAKE_CURRENT_SOURCE_DIR}/src")
target_sources(peerbench PRIVATE "${adapter}")
target_link_libraries(peerbench PRIVATE "${TIDEMARK_LIBRARY}")
