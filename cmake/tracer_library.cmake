# libadatrace-tracer: the tracer API without a drain of its own, for programs that `adatrace record` or another
# collector records. Needs nothing but a C library, so it can be built where zstd is not: with musl.
add_library(adatrace_tracer STATIC)
foreach(_layer IN ITEMS ada_base ada_rings ada_registry ada_tracer ada_library)
    target_sources(adatrace_tracer PRIVATE $<TARGET_OBJECTS:${_layer}>)
endforeach()
add_library(adatrace::tracer ALIAS adatrace_tracer)
set_target_properties(adatrace_tracer PROPERTIES OUTPUT_NAME adatrace-tracer LINKER_LANGUAGE C)
target_link_libraries(adatrace_tracer PRIVATE $<BUILD_INTERFACE:ada_settings> PUBLIC Threads::Threads)
target_include_directories(adatrace_tracer INTERFACE ${PROJECT_SOURCE_DIR}/include)
