# What comes from outside; scripts/install-deps names the packages.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd>=1.5)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(DW REQUIRED IMPORTED_TARGET libdw libelf)
pkg_check_modules(NCURSES REQUIRED IMPORTED_TARGET ncursesw tinfo)
pkg_check_modules(MICROHTTPD REQUIRED libmicrohttpd>=0.9.71)
