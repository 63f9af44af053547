# libadatrace-tracer: the tracer API without a drain of its own, for programs that `adatrace record` or another
# collector records. Needs nothing but a C library, so it can be built where zstd is not: with musl.
#
# One relocatable object, as cmake/library.cmake makes of libadatrace.a: no name meets the application's own, and
# the constructor that joins the session is in every program, which names nothing that stands beside it.
set(_objects)
foreach(_layer IN ITEMS ada_base ada_rings ada_registry ada_tracer ada_library)
    list(APPEND _objects $<TARGET_OBJECTS:${_layer}>)
endforeach()
add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/adatrace-tracer-all.o
    COMMAND ${CMAKE_LINKER} -r -o ${CMAKE_BINARY_DIR}/adatrace-tracer-all.o ${_objects}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${CMAKE_BINARY_DIR}/adatrace-tracer-all.o
    DEPENDS ${_objects}
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Joining libadatrace-tracer's objects")
add_library(adatrace_tracer STATIC ${CMAKE_BINARY_DIR}/adatrace-tracer-all.o)
add_library(adatrace::tracer ALIAS adatrace_tracer)
set_target_properties(adatrace_tracer PROPERTIES OUTPUT_NAME adatrace-tracer LINKER_LANGUAGE C)
target_link_libraries(adatrace_tracer PRIVATE $<BUILD_INTERFACE:ada_settings> PUBLIC Threads::Threads)
target_include_directories(adatrace_tracer INTERFACE ${PROJECT_SOURCE_DIR}/include)
