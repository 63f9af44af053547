# The big-endian one: scripts/install-deps machines, scripts/sysroot s390x, cmake --preset s390x
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(_triplet s390x-linux-gnu)
set(_debian s390x)
set(_qemu qemu-s390x)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
