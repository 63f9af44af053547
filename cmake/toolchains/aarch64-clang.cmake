# As aarch64.cmake, by clang with Debian's libgcc and linker.
include(${CMAKE_CURRENT_LIST_DIR}/aarch64.cmake)
foreach(_language IN ITEMS C CXX)
    set(CMAKE_${_language}_COMPILER_TARGET ${_triplet})
endforeach()
set(CMAKE_C_COMPILER clang)
set(CMAKE_CXX_COMPILER clang++)
