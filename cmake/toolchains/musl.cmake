# musl instead of glibc, with Debian's musl-gcc: scripts/install-deps machines, cmake --preset musl
set(CMAKE_C_COMPILER musl-gcc)
# The kernel's headers are not musl's; they lie among glibc's, which are looked at last.
find_program(_gcc gcc)
execute_process(COMMAND ${_gcc} -print-multiarch OUTPUT_VARIABLE _multiarch OUTPUT_STRIP_TRAILING_WHITESPACE)
set(CMAKE_C_FLAGS_INIT "-idirafter /usr/include -idirafter /usr/include/${_multiarch}")
