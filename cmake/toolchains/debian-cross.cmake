# Debian's cross compiler with the libraries of build/sysroot (scripts/sysroot), and qemu to run what comes out.
# Included by the toolchain files, which set _triplet, _debian and _qemu.
get_filename_component(_root ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(ADATRACE_SYSROOT ${_root}/build/sysroot/${_debian})
if(NOT EXISTS ${ADATRACE_SYSROOT}/packages.txt)
    message(FATAL_ERROR "There are no libraries for ${_debian}. Run: scripts/sysroot ${_debian}")
endif()

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${_triplet}-gcc)
set(CMAKE_CXX_COMPILER ${_triplet}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${_triplet})
set(CMAKE_SYSROOT ${ADATRACE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${ADATRACE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_LIBDIR}
    ${ADATRACE_SYSROOT}/usr/lib/${_triplet}/pkgconfig:${ADATRACE_SYSROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${ADATRACE_SYSROOT})

if(NOT CMAKE_CROSSCOMPILING_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${_qemu} -L ${ADATRACE_SYSROOT})
endif()
