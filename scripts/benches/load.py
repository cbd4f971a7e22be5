"""Many clients at once, which cost little themselves."""
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from benches.server import Server


class Connection:
    """HTTP/1.1 with nothing but what the server answers."""

    async def open(self, port, key):
        self.port, self.key = port, key
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def send(self, method, path, headers, body=b""):
        """The answer's status and headers, whose names are in small letters; its body waits to be read."""
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()),
                 f"content-length: {len(body)}"]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()
        status, found = int((await self.reader.readline()).split()[1]), {}
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            found[name.lower()] = value.strip()
        return status, found

    async def tool(self, name, arguments):
        return await self.post(f"/v1/tools/{name}", arguments)

    async def post(self, path, arguments):
        status, headers = await self.send("POST", path, {
            "host": f"127.0.0.1:{self.port}", "authorization": f"Bearer {self.key}",
            "content-type": "application/json"}, json.dumps(arguments).encode())
        answer = json.loads(await self.reader.readexactly(int(headers["content-length"])))
        if status != 200:
            sys.exit(f"{path}: HTTP {status}: {answer}")
        return answer


async def sign_in(port, key):
    """The cookie of a session of the page."""
    connection = await Connection().open(port, key)
    host = f"localhost:{port}"
    status, headers = await connection.send("POST", "/sign-in", {
        "host": host, "origin": f"http://{host}", "content-type": "application/x-www-form-urlencoded"},
        urlencode({"key": key, "next": "/"}).encode())
    if status != 303:
        sys.exit(f"/sign-in: HTTP {status}")
    return headers["set-cookie"].partition(";")[0]


class Page:
    """A page that is open in a browser: it listens to what changes, and comes again when its turn ends."""

    def __init__(self, port, cookie, path):
        self.port, self.cookie, self.path, self.updates = port, cookie, path, 0

    async def listen(self):
        while True:
            connection = await Connection().open(self.port, None)
            status, _ = await connection.send("GET", self.path, {
                "host": f"localhost:{self.port}", "cookie": self.cookie, "accept": "text/event-stream"})
            if status != 200:
                sys.exit(f"{self.path}: HTTP {status}")
            # Lines may be longer than a reader takes at once.
            while piece := await connection.reader.read(1 << 16):
                self.updates += piece.count(b"\nevent:") + piece.startswith(b"event:")
            connection.writer.close()


def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def with_server(binary, work):
    """Runs an async function with a server on an empty data folder."""
    if not Path(binary).exists():
        sys.exit(f"{binary} is not there: build it with cargo build --profile dist, or name another with --binary.")
    with tempfile.TemporaryDirectory(prefix="bouncer-bench-") as folder:
        server = Server(binary, folder)
        try:
            asyncio.run(work(server))
        finally:
            server.stop()
