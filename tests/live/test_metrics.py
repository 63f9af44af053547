#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""record --metrics: what Prometheus reads is well formed, never torn, and true."""

import http.client
import json
import shutil
import socket
import subprocess
import time
import unittest
import urllib.parse

import prometheus_text
import recording
from live_program import PATIENCE_S, LiveTest
from prometheus_text import total

COUNTS = ["written", "dropped", "overwritten", "damaged", "stored", "nested"]
BYTES = ["written", "dropped", "overwritten"]


class Metrics(LiveTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "adatrace.prom"

    def samples(self):
        return prometheus_text.parse(self.file.read_text())

    def assert_well_formed(self, text):
        self.assertIn(prometheus_text.lint(text), (None, ""))

    def assert_agrees_with_info(self, samples, info):
        """Process by process, and in sum."""
        for process in info["processes"]:
            for count in COUNTS:
                self.assertEqual(total(samples, f"adatrace_process_{count}_records_total", pid=str(process["pid"])),
                                 process[count], count)
            for count in BYTES:
                self.assertEqual(total(samples, f"adatrace_process_{count}_bytes_total", pid=str(process["pid"])),
                                 process[f"{count}_bytes"], count)
            self.assertEqual(total(samples, "adatrace_process_ring_high_water_bytes", pid=str(process["pid"])),
                             process["high_water_bytes"])
        self.assertEqual(total(samples, "adatrace_process_stored_records_total"), info["events"])
        self.assertEqual(total(samples, "adatrace_process_dropped_records_total"), info["dropped"])
        self.assertEqual(total(samples, "adatrace_process_overwritten_records_total"), info["overwritten"])
        self.assertEqual(total(samples, "adatrace_threads_seen_total"),
                         len([t for t in info["threads"] if t["tid"]]))


class File(Metrics):
    def test_last_figures_are_those_of_the_trace(self):
        for policy in ("drop", "overwrite"):
            with self.subTest(policy):
                program = self.record("--metrics", self.file, "--policy", policy, "--ring-size", "4K",
                                      "--ring-max", "4K", "--force")
                program.do("threads", 4, 20_000)
                program.do("emit", 50_000)
                self.assertEqual(program.end()[0], 0)
                text = self.file.read_text()
                self.assert_well_formed(text)
                self.assert_agrees_with_info(prometheus_text.parse(text), self.info())
                self.assertEqual(total(self.samples(), "adatrace_threads"), 0)
                self.assertEqual({p.name for p in self.folder.iterdir()}, {"run", "adatrace.prom", "x.adatrace"})

    def test_list_metrics_and_info_agree(self):
        program = self.record("--metrics", self.file)
        program.do("hold", 2, 1000)
        program.do("threads", 2, 500)
        session = self.list("--interval", "0s")["sessions"][0]
        program.end()
        info, samples = self.info(), self.samples()
        self.assert_agrees_with_info(samples, info)
        # All that the agent adds at the end is of the process that ends, not of threads that sleep.
        held = {t["tid"]: t for t in session["threads"] if t["tid"] != program.pid and t["written"] >= 1000}
        self.assertEqual(len(held), 2, session)
        for thread in info["threads"]:
            if thread["tid"] in held:
                for count in ("written", "written_bytes", "dropped", "nested"):
                    self.assertEqual(thread[count], held[thread["tid"]][count])
        self.assertEqual(session["threads_ever"], len(info["threads"]))

    def test_file_is_whole_whenever_one_looks(self):
        program = self.record("--metrics", self.file, "-e", "demand:*")
        deadline, seen, looks = time.monotonic() + PATIENCE_S, set(), 0
        while len(seen) < 3 and time.monotonic() < deadline:
            program.do("emit", 10)
            samples = self.samples()
            seen.add(total(samples, "adatrace_drain_rounds_total"))
            self.assertIn("thread_lag", self.file.read_text().splitlines()[-1])
            looks += 1
        self.assertGreaterEqual(len(seen), 3)
        program.end()
        self.assertEqual(total(self.samples(), "adatrace_process_written_records_total"), 10 * looks)

    def test_threads_and_processes_that_end_leave_no_series(self):
        # With block, a thread waits for a ring: beside other load there may be fewer than twenty at once.
        program = self.record("--metrics", self.file, "--policy", "block")
        for _ in range(10):
            program.do("threads", 20, 1)
        program.end()
        samples = self.samples()
        self.assertEqual([key for key in samples if key[0].startswith("adatrace_thread_")], [])
        self.assertGreaterEqual(total(samples, "adatrace_threads_seen_total"),
                                200 + recording.HAS_AGENT)  # the agent shows the first thread, too
        script = "for i in $(seq 100); do /bin/true; done"
        done = recording.record(self.folder / "many.adatrace", ["sh", "-c", script],
                                options=["--metrics", self.file], env=self.env)
        self.assertEqual(done.status, 0)
        samples = self.samples()
        series = [key for key in samples if key[0] == "adatrace_process_written_records_total"]
        self.assertLessEqual(len(series), 66)
        info = json.loads(self.adatrace("info", "-F", "json", self.folder / "many.adatrace").stdout)
        self.assertGreater(len(info["processes"]), 100)
        self.assertEqual(total(samples, "adatrace_process_written_records_total"),
                         sum(p["written"] for p in info["processes"]))

    def test_names_of_any_bytes_are_escaped(self):
        program = self.record("--metrics", self.file, "--name", 'a "quoted" \\ name\nof two lines')
        program.end()
        text = self.file.read_text()
        self.assert_well_formed(text)
        self.assertEqual(total(prometheus_text.parse(text), "adatrace_session_info",
                               session='a "quoted" \\ name\nof two lines'), 1)

    def test_file_that_cannot_be_written_is_said_before_the_program_runs(self):
        done = recording.record(self.folder / "x.adatrace", ["touch", self.folder / "ran"],
                                options=["--metrics", self.folder / "nowhere" / "x.prom"], env=self.env)
        self.assertEqual(done.status, 1)
        self.assertIn(b"metrics cannot be written to", done.stderr)
        self.assertFalse((self.folder / "ran").exists())
        self.assertFalse((self.folder / "x.adatrace").exists())


class Http(Metrics):
    def serve(self, *options):
        program = self.record("--metrics", "127.0.0.1:0", *options)
        said = program.process.stderr.readline()
        self.assertIn("metrics at http://127.0.0.1:", said)
        return program, urllib.parse.urlsplit(said.split()[-1])

    def get(self, url, path="/metrics", method="GET", **headers):
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE_S)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer, body

    def test_both_formats_are_served_and_say_the_same(self):
        program, url = self.serve("-e", "demand:*")
        program.do("hold", 2, 100)
        answer, classic = self.get(url)
        self.assertEqual(answer.getheader("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        self.assert_well_formed(classic)
        answer, opened = self.get(url, Accept="application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
        self.assertEqual(answer.getheader("Content-Type"),
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(opened.endswith("\n# EOF\n"))
        self.assertIn("# TYPE adatrace_process_written_records counter\n", opened)
        self.assertIn("# UNIT adatrace_process_written_bytes bytes\n", opened)
        for text in (classic, opened):
            samples = prometheus_text.parse(text)
            self.assertEqual(total(samples, "adatrace_process_written_records_total"), 200)
            self.assertEqual(total(samples, "adatrace_thread_written_records_total", pid=str(program.pid)), 200)
            self.assertEqual(total(samples, "adatrace_threads"), 2 + recording.HAS_AGENT)
        answer, _ = self.get(url, Accept="application/openmetrics-text;q=0.1,text/plain")
        self.assertIn("0.0.4", answer.getheader("Content-Type"))
        self.assertEqual(program.end()[0], 0)

    def test_other_requests_are_answered_as_http_has_it(self):
        program, url = self.serve()
        self.assertEqual(self.get(url, "/")[0].status, 404)
        self.assertEqual(self.get(url, method="POST")[0].status, 405)
        answer, body = self.get(url, method="HEAD")
        self.assertEqual((answer.status, body), (200, ""))
        program.end()

    def test_guest_that_stalls_keeps_nobody_waiting(self):
        program, url = self.serve()
        with socket.create_connection((url.hostname, url.port)) as silent:
            silent.sendall(b"GET /metr")
            self.assertEqual(self.get(url)[0].status, 200)
            self.assertEqual(program.end()[0], 0)

    def test_address_that_is_taken_is_said_before_the_program_runs(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = recording.record(self.folder / "x.adatrace", ["touch", self.folder / "ran"],
                                    options=["--metrics", f":{port}"], env=self.env)
        self.assertEqual(done.status, 1)
        self.assertIn(b"somebody else listens there", done.stderr)
        self.assertFalse((self.folder / "ran").exists())
        self.assertFalse((self.folder / "x.adatrace").exists())

    @unittest.skipUnless(shutil.which("prometheus"), "no Prometheus here")
    def test_prometheus_scrapes_it(self):
        program, url = self.serve("-e", "demand:*")
        program.do("emit", 12_345)
        with Prometheus(self.folder, url) as server:
            value = server.await_value(f'adatrace_process_written_records_total{{pid="{program.pid}"}}')
            self.assertEqual(value, 12_345)
            self.assertEqual(server.await_value("up"), 1)
        program.end()


class Prometheus:
    """A server with one target, on a port of its own."""

    def __init__(self, folder, target):
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n"
            f"- {{job_name: adatrace, static_configs: [{{targets: ['{target.netloc}']}}]}}\n")

    def __enter__(self):
        self.log = open(self.folder / "prometheus.log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.folder}/prometheus.yml",
             f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}"],
            cwd=self.folder, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.log.close()

    def ask(self, query):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        result = json.loads(connection.getresponse().read())["data"]["result"]
        connection.close()
        return float(result[0]["value"][1]) if result else None

    def await_value(self, query):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                value = self.ask(query)
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                value = None  # it is not up yet
            if value is not None:
                return value
            time.sleep(0.1)
        raise AssertionError(f"Prometheus never had {query}: " + (self.folder / "prometheus.log").read_text())


if __name__ == "__main__":
    unittest.main()
