# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where. Components: runtime (a shared library), dev (what it takes to build with it), tools.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(tidemark_cmake_folder "${CMAKE_INSTALL_LIBDIR}/cmake/tidemark")
install(TARGETS tidemark EXPORT tidemarkTargets
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev)
install(EXPORT tidemarkTargets NAMESPACE tidemark:: DESTINATION "${tidemark_cmake_folder}" COMPONENT dev)

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/tidemarkConfig.cmake.in"
  "${CMAKE_CURRENT_BINARY_DIR}/tidemarkConfig.cmake" INSTALL_DESTINATION "${tidemark_cmake_folder}"
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/tidemarkConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/tidemarkConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/tidemarkConfigVersion.cmake"
  DESTINATION "${tidemark_cmake_folder}" COMPONENT dev)

# For pkg-config: paths from where the file itself lies, so that the tree can be moved.
foreach(folder LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${folder}}")
    set(tidemark_pc_${folder} "${CMAKE_INSTALL_${folder}}")
  else()
    set(tidemark_pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
  endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(tidemark_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH tidemark_pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" tidemark_pc_up "${tidemark_pc_up}")
  set(tidemark_pc_prefix "\${pcfiledir}/${tidemark_pc_up}")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/tidemark.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/tidemark.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/tidemark.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT dev)

if(TARGET tidemark_command)
  if(BUILD_SHARED_LIBS AND NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    file(RELATIVE_PATH tidemark_up "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
    set_property(TARGET tidemark_command APPEND PROPERTY INSTALL_RPATH "$ORIGIN/${tidemark_up}")
  endif()
  install(TARGETS tidemark_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
endif()
