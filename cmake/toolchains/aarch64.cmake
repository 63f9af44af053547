# 64-bit Arm: scripts/install-deps machines, scripts/sysroot arm64, cmake --preset aarch64
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(_triplet aarch64-linux-gnu)
set(_debian arm64)
set(_qemu qemu-aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
