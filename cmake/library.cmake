# libadatrace: the tracer API with its own drain, shared and static, and its installation.
include(CMakePackageConfigHelpers)

set(ADATRACE_AGENT_DIR ${CMAKE_INSTALL_LIBDIR}/adatrace)
set(ADATRACE_REQUIRES_PRIVATE "libzstd >= 1.5") # as pkg-config files write it; see dependencies.cmake
string(REPLACE " " "" ADATRACE_REQUIRES_MODULES "${ADATRACE_REQUIRES_PRIVATE}")
set(_layers ada_base ada_rings ada_registry ada_tracer ada_library ada_format ada_drain)
set(_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/adatrace)

set(_objects)
foreach(_layer IN LISTS _layers)
    list(APPEND _objects $<TARGET_OBJECTS:${_layer}>)
endforeach()

# Shared: only ada_* can be seen.
add_library(adatrace SHARED ${_objects})
add_library(adatrace::adatrace ALIAS adatrace)
set_target_properties(adatrace PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION 0
    LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/adatrace.map)
target_link_options(adatrace PRIVATE
    -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/adatrace.map -Wl,--no-undefined -Wl,-z,nodelete)
target_link_libraries(adatrace PRIVATE PkgConfig::ZSTD PUBLIC Threads::Threads)

# Static: one relocatable object whose hidden symbols are made local, so that names such as
# ring_create cannot meet the application's own.
add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/adatrace-all.o
    COMMAND ${CMAKE_LINKER} -r -o ${CMAKE_BINARY_DIR}/adatrace-all.o ${_objects}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${CMAKE_BINARY_DIR}/adatrace-all.o
    DEPENDS ${_objects}
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Joining libadatrace's objects")
add_library(adatrace_static STATIC ${CMAKE_BINARY_DIR}/adatrace-all.o)
add_library(adatrace::static ALIAS adatrace_static)
set_target_properties(adatrace_static PROPERTIES
    OUTPUT_NAME adatrace EXPORT_NAME static LINKER_LANGUAGE C)
target_link_libraries(adatrace_static INTERFACE Threads::Threads $<BUILD_INTERFACE:PkgConfig::ZSTD>)

foreach(_library IN ITEMS adatrace adatrace_static)
    target_link_libraries(${_library} PRIVATE $<BUILD_INTERFACE:ada_settings>)
    target_include_directories(${_library} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

# What `cmake --install` puts down besides: the command, its pages and completions (cli/).
install(TARGETS adatrace EXPORT adatraceTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS adatrace_static EXPORT adatrace-staticTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT adatraceTargets NAMESPACE adatrace:: DESTINATION ${_config_dir})
install(EXPORT adatrace-staticTargets NAMESPACE adatrace:: DESTINATION ${_config_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/adatrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
if(TARGET adatrace-agent)
    install(TARGETS adatrace-agent LIBRARY DESTINATION ${ADATRACE_AGENT_DIR})
endif()

configure_package_config_file(cmake/adatraceConfig.cmake.in adatraceConfig.cmake
    INSTALL_DESTINATION ${_config_dir})
write_basic_package_version_file(adatraceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
# The installed tree can be moved: pkg-config is told the prefix from where the file lies.
file(RELATIVE_PATH ADATRACE_PC_PREFIX
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/adatrace.pc.in adatrace.pc @ONLY)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/adatraceConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/adatraceConfigVersion.cmake
    DESTINATION ${_config_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/adatrace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
