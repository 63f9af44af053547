# What every target of ours is compiled with.
add_library(ada_settings INTERFACE)
target_include_directories(ada_settings INTERFACE
    ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(ada_settings INTERFACE
    _GNU_SOURCE ADATRACE_VERSION="${PROJECT_VERSION}")
target_compile_options(ada_settings INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wvla
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>)

set(ADATRACE_EXTRA_FLAGS "" CACHE STRING "more for every target of ours, such as -Werror")
if(ADATRACE_EXTRA_FLAGS)
    target_compile_options(ada_settings INTERFACE ${ADATRACE_EXTRA_FLAGS})
endif()

if(ADATRACE_SANITIZE)
    string(REPLACE ";" "," _sanitizers "${ADATRACE_SANITIZE}")
    target_compile_options(ada_settings INTERFACE
        -fsanitize=${_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(ada_settings INTERFACE -fsanitize=${_sanitizers})
    # ThreadSanitizer does not understand fences and gcc says so; every access around ours is atomic.
    if(_sanitizers MATCHES "thread" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
        target_compile_options(ada_settings INTERFACE -Wno-tsan)
    endif()
endif()

option(ADATRACE_FUZZER "link the targets of tests/fuzz with libFuzzer; needs clang and the sanitizer fuzzer-no-link" OFF)

option(ADATRACE_COVERAGE "count executed lines and branches (gcovr)" OFF)
if(ADATRACE_COVERAGE)
    target_compile_options(ada_settings INTERFACE --coverage -fprofile-update=atomic -fprofile-abs-path)
    target_compile_definitions(ada_settings INTERFACE ADATRACE_COVERAGE)
    target_link_options(ada_settings INTERFACE --coverage)
endif()
