#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Install into an empty prefix, move it, and use it as strangers would: by CMake and by pkg-config, shared and
static, C and C++; run what was built and decode what it recorded, with the installed command and agent."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import example_programs as examples
import recording

EXAMPLES = recording.SOURCE / "examples"
SOURCES = {"shop": ("cc", "-std=c11", "shop.c"), "kitchen": ("c++", "-std=c++17", "kitchen.cpp")}


def must(*command, **where):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **where)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        first = cls.folder / "first"
        must("cmake", "--install", recording.BUILD, "--prefix", first)
        cls.prefix = first.rename(cls.folder / "moved")
        cls.lib = next(cls.prefix.rglob("libadatrace.so")).parent
        recording.ADATRACE = cls.prefix / "bin" / "adatrace"
        cls.environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
        cls.environment["PKG_CONFIG_PATH"] = str(cls.lib / "pkgconfig")
        cls.trace = cls.folder / "trace.adatrace"

    def pkg_config(self, *words):
        return must("pkg-config", *words, "adatrace", env=self.environment).split()

    def check_client(self, name, program, **environment):
        where = {"env": {**self.environment, **environment}}
        self.trace.unlink(missing_ok=True)
        examples.check_outcome(self, name, recording.run([program, self.trace], **where))
        examples.check_trace(self, name, self.trace)
        recorded = recording.record(self.trace, [program], ["--policy", "block:60s"], **where)
        examples.check_outcome(self, name, recorded)
        examples.check_trace(self, name, self.trace)

    def test_everything_has_been_put_down(self):
        for name in ("bin/adatrace", "include/adatrace/adatrace.h"):
            self.assertTrue((self.prefix / name).is_file(), name)
        for name in ("libadatrace.so.0", "libadatrace.a", "adatrace/libadatrace-agent.so",
                     "pkgconfig/adatrace.pc", "cmake/adatrace/adatraceConfig.cmake"):
            self.assertTrue((self.lib / name).is_file(), name)
        public = sorted(p.name for p in (recording.SOURCE / "include" / "adatrace").iterdir())
        self.assertEqual(sorted(p.name for p in (self.prefix / "include/adatrace").iterdir()), public)
        self.assertIn("adatrace", must(self.prefix / "bin" / "adatrace", "--version"))

    def test_only_the_api_can_be_seen(self):
        for words in (["nm", "-D", "--defined-only", self.lib / "libadatrace.so"],
                      ["nm", "-g", "--defined-only", self.lib / "libadatrace.a"]):
            symbols = [row.split()[-1] for row in must(*words).splitlines() if len(row.split()) == 3]
            strangers = [s for s in symbols if not s.startswith("ada_") and s != "ADATRACE_0"]
            self.assertEqual(strangers, [], words)
            self.assertTrue(any(s.startswith("ada_session_start") for s in symbols), words)

    def test_found_by_cmake(self):
        build = self.folder / "client"
        must("cmake", "-S", Path(__file__).parent / "client", "-B", build,
             f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DEXAMPLES={EXAMPLES}")
        must("cmake", "--build", build)
        for name in SOURCES:
            for linkage in ("adatrace", "static"):
                with self.subTest(f"{name}, {linkage}"):
                    self.check_client(name, build / f"{name}-{linkage}")

    def test_found_by_pkg_config_shared(self):
        for name, (compiler, standard, source) in SOURCES.items():
            with self.subTest(name):
                program = self.folder / f"{name}-shared"
                must(compiler, standard, "-pthread", *self.pkg_config("--cflags"), EXAMPLES / source,
                     *self.pkg_config("--libs"), "-o", program)
                self.check_client(name, program, LD_LIBRARY_PATH=str(self.lib))

    def test_found_by_pkg_config_static(self):
        for name, (compiler, standard, source) in SOURCES.items():
            with self.subTest(name):
                program = self.folder / f"{name}-static"
                libraries = ["-l:libadatrace.a" if word == "-ladatrace" else word
                             for word in self.pkg_config("--static", "--libs")]
                must(compiler, standard, "-pthread", *self.pkg_config("--cflags"), EXAMPLES / source,
                     *libraries, "-o", program)
                self.assertNotIn("libadatrace", must("ldd", program))
                self.check_client(name, program)

    def test_another_version_is_refused(self):
        project = self.folder / "other"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.20)\nproject(other C)\nfind_package(adatrace 9 REQUIRED)\n")
        done = subprocess.run(["cmake", "-S", project, "-B", project / "build",
                               f"-DCMAKE_PREFIX_PATH={self.prefix}"], capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"not accepted", done.stderr)


if __name__ == "__main__":
    unittest.main()
