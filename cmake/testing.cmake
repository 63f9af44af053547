# How tests are declared. Included by tests/CMakeLists.txt only.
find_package(PkgConfig REQUIRED)
if(ADATRACE_TRACER_ONLY) # with a C library that has no cmocka
    add_library(PkgConfig::CMOCKA INTERFACE IMPORTED GLOBAL)
    target_include_directories(PkgConfig::CMOCKA INTERFACE ${PROJECT_SOURCE_DIR}/tests/machines/musl)
else()
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(ADATRACE_TEST_WRAPPER "" CACHE STRING
    "command that unit tests run under (the valgrind preset sets it)")

set(ADATRACE_PATIENCE 1 CACHE STRING "by how much tests may take longer, on a busy machine")

# Sanitizers, counters, valgrind and emulators slow a test down by this much at most.
set(_ada_patience ${ADATRACE_PATIENCE})
if(ADATRACE_SANITIZE OR ADATRACE_COVERAGE OR ADATRACE_TEST_WRAPPER OR CMAKE_CROSSCOMPILING)
    set(_ada_patience 10)
endif()

file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/evidence)

# Labels, time-out (seconds, 60 unless told) and serial running of a test that exists already.
#   ada_test_properties(NAME LABELS unit... [TIMEOUT seconds] [RUN_SERIAL])
function(ada_test_properties name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "RUN_SERIAL" "TIMEOUT" "LABELS")
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    math(EXPR timeout "${arg_TIMEOUT} * ${_ada_patience}")
    # What may take long begins first: else it ends by itself when all else is done.
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_LABELS}" TIMEOUT ${timeout} COST ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
    # Where a test leaves the figure of its row in docs/RELIABILITY.md.
    set_property(TEST ${name} APPEND PROPERTY
        ENVIRONMENT "ADATRACE_EVIDENCE=${PROJECT_BINARY_DIR}/evidence")
    if(arg_RUN_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
endfunction()

# One cmocka program, built from SOURCES (test_x.c unless told), run as one test.
#   ada_test(NAME test_x [SOURCES ...] [LIBRARIES ada_base ...] [DEFINITIONS ...] [ARGUMENTS ...]
#            [LABELS unit...] [TIMEOUT seconds] [RUN_SERIAL])
# LIBRARIES are layers (OBJECT libraries): name every layer whose objects the test needs, because
# CMake hands on an OBJECT library's headers but not its objects.
function(ada_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg
        "RUN_SERIAL" "NAME;TIMEOUT" "SOURCES;LIBRARIES;DEFINITIONS;ARGUMENTS;LABELS")
    if(NOT arg_SOURCES)
        set(arg_SOURCES ${arg_NAME}.c)
    endif()
    add_executable(${arg_NAME} ${arg_SOURCES})
    target_link_libraries(${arg_NAME} PRIVATE
        ${arg_LIBRARIES} ada_settings PkgConfig::CMOCKA Threads::Threads)
    if(ADATRACE_COVERAGE) # forked children count, too
        target_sources(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests/helpers/coverage_exit.c)
        target_link_options(${arg_NAME} PRIVATE -Wl,--wrap=_exit)
    endif()
    if(ADATRACE_TEST_WRAPPER) # valgrind lets one thread run at a time: tests of threads do less
        target_compile_definitions(${arg_NAME} PRIVATE TEST_IS_WRAPPED)
    endif()
    if(arg_DEFINITIONS)
        target_compile_definitions(${arg_NAME} PRIVATE ${arg_DEFINITIONS})
    endif()
    add_test(NAME ${arg_NAME}
        COMMAND ${CMAKE_CROSSCOMPILING_EMULATOR} ${ADATRACE_TEST_WRAPPER} $<TARGET_FILE:${arg_NAME}>
            ${arg_ARGUMENTS})
    set(serial)
    if(arg_RUN_SERIAL)
        set(serial RUN_SERIAL)
    endif()
    ada_test_properties(${arg_NAME} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT} ${serial})
endfunction()

# What a test's objects ask of the C library and the kernel can fail, call by call: tests/helpers/faulty.
#   ada_faulty(test_x)
function(ada_faulty name)
    set(calls aligned_alloc calloc connect fallocate fcntl fdopendir free fstat ftruncate getsockopt linkat
        madvise malloc memfd_create mkdir mmap munmap open openat posix_fallocate pread pthread_create
        pthread_key_create pthread_setspecific pwrite read realloc recvmsg send setsockopt shm_open socket strdup syscall
        unlinkat write)
    list(TRANSFORM calls PREPEND "-Wl,--wrap=")
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/helpers/faulty/faulty.c
        ${PROJECT_SOURCE_DIR}/tests/helpers/faulty/faulty_calls.c)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/helpers/faulty)
    target_link_options(${name} PRIVATE ${calls})
endfunction()

# A test that is a script: Python 3 for *.py, otherwise whatever its first line says. It gets the source
# and build folders in ADATRACE_SOURCE and ADATRACE_BUILD; exit status 77 means skipped.
#   ada_script_test(NAME x SCRIPT file [ARGUMENTS ...] [ENVIRONMENT A=1 ...] [LABELS ...] [TIMEOUT s] [RUN_SERIAL])
function(ada_script_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg
        "RUN_SERIAL" "NAME;SCRIPT;TIMEOUT" "ARGUMENTS;ENVIRONMENT;LABELS")
    get_filename_component(script ${arg_SCRIPT} ABSOLUTE)
    if(script MATCHES "\\.py$")
        set(command ${Python3_EXECUTABLE} -B ${script})
    else()
        set(command ${script})
    endif()
    add_test(NAME ${arg_NAME} COMMAND ${command} ${arg_ARGUMENTS})
    set_tests_properties(${arg_NAME} PROPERTIES ENVIRONMENT
        "ADATRACE_SOURCE=${PROJECT_SOURCE_DIR};ADATRACE_BUILD=${PROJECT_BINARY_DIR};ADATRACE_SANITIZE=${ADATRACE_SANITIZE};PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/helpers;${arg_ENVIRONMENT}")
    set(serial)
    if(arg_RUN_SERIAL)
        set(serial RUN_SERIAL)
    endif()
    ada_test_properties(${arg_NAME} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT} ${serial})
    # One that hangs says where, before it is ended: tests/helpers/recording.py.
    get_test_property(${arg_NAME} TIMEOUT timeout)
    set_property(TEST ${arg_NAME} APPEND PROPERTY ENVIRONMENT "ADATRACE_TIMEOUT_S=${timeout}")
endfunction()
