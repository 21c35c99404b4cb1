# What an installed regrad offers: find_package(regrad), pkg-config regrad. Both find their files
# from their own place, so the prefix may be moved.
include(CMakePackageConfigHelpers)

install(FILES layers/regrad.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/regrad)
install(EXPORT regrad NAMESPACE regrad:: FILE regradTargets.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/regrad)
configure_package_config_file(engine/package/regradConfig.cmake.in
  ${PROJECT_BINARY_DIR}/regradConfig.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/regrad)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/regradConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/regradConfig.cmake
  ${PROJECT_BINARY_DIR}/regradConfigVersion.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/regrad)

file(RELATIVE_PATH REGRAD_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(engine/package/regrad.pc.in ${PROJECT_BINARY_DIR}/regrad.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/regrad.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
