"""A server to measure, and what it costs."""
import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent


class Server:
    """The program on an empty data folder, without limits on what callers ask."""

    def __init__(self, binary, work, proxy=None, delay=None):
        """With a delay, every answer of the S3 comes that many milliseconds later, through the program `proxy`."""
        self.binary, self.work = Path(binary).resolve(), Path(work)
        self.data = self.work / "data"
        self.proxy = None
        self.start({})
        if delay:
            self.stop()
            port = json.loads((self.data / "storage.json").read_text())["objects_port"]
            self.proxy = subprocess.Popen([proxy, str(port), str(delay)], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
            self.proxy_port = int(self.proxy.stdout.readline())
            library = self.work / "redirect.so"
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SCRIPTS / "bench-redirect.c", "-ldl"],
                           check=True)
            self.start({"LD_PRELOAD": str(library), "BENCH_REDIRECT": f"{port}:{self.proxy_port}"})

    def start(self, led):
        self.led = led
        self.log = open(self.work / "log", "a")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data-dir", self.data, "--listen", "127.0.0.1:0"], stdout=self.log,
            stderr=self.log, env={"PATH": os.environ["PATH"], "HOME": str(self.work), "BOUNCER_LOG": "warn",
                                      "BOUNCER_ASKS_PER_MINUTE": "0", "BOUNCER_PENDING_PER_CALLER": "0", **led})
        address, deadline = self.data / "server.json", time.monotonic() + 30
        while not address.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit((self.work / "log").read_text())
            time.sleep(0.02)
        file = json.loads(address.read_text())
        self.url, self.port = file["url"], int(file["url"].rsplit(":", 1)[1])
        self.objects = file["objects_url"]
        self.endpoint = f"http://127.0.0.1:{self.proxy_port}" if led else self.objects
        self.keys = json.loads((self.data / "credentials.json").read_text())
        self.storage = json.loads((self.data / "storage.json").read_text())
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        if self.proxy:
            self.proxy.stdin.close()
            self.proxy.wait()

    def call(self, role, path, body):
        self.connection.request("POST", path, json.dumps(body), {
            "authorization": f"Bearer {self.keys[role]}", "content-type": "application/json"})
        answer = self.connection.getresponse()
        text = json.loads(answer.read())
        if answer.status != 200:
            sys.exit(f"{path}: HTTP {answer.status}: {text}")
        return text

    def tool(self, role, name, **arguments):
        return self.call(role, f"/v1/tools/{name}", arguments)

    def add_project(self, name):
        self.tool("admin", "bouncer_project_add", project=name, bucket=f"{name}-site")

    def make_bucket(self, name):
        """An empty bucket for a peer: that of a project that is never deployed."""
        project = name.removesuffix("-site")
        self.tool("admin", "bouncer_project_add", project=project, bucket=name)

    def counts(self):
        """Requests since the last question, by bucket and kind; nothing without a proxy."""
        if not self.proxy:
            return {}
        self.proxy.stdin.write("\n")
        self.proxy.stdin.flush()
        return json.loads(self.proxy.stdout.readline())

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name="VmRSS"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
        return 0.0

    def forget_peak(self):
        try:
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        except OSError:
            pass
