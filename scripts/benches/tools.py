"""Bouncer and the tools that people use instead, each run on the same files and looked at afterwards."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benches.site import cache_control

TYPES = {"css": "text/css", "html": "text/html", "jpg": "image/jpeg", "js": "text/javascript", "json": "application/json",
         "png": "image/png", "svg": "image/svg+xml", "webp": "image/webp", "woff2": "font/woff2"}


class Run:
    """What one step of one tool cost."""

    def __init__(self, seconds, cpu, memory, publish=None, server_cpu=0.0, requests=None):
        self.seconds, self.cpu, self.memory, self.publish = seconds, cpu, memory, publish
        self.server_cpu, self.requests = server_cpu, requests or {}


def run(command, env, cwd=None, ok=(0,)):
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=env, cwd=cwd, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if process.returncode not in ok:
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{text[-2000:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), text


class Bouncer:
    name = "bouncer"

    def prepare(self, server, bucket):
        server.add_project(bucket.removesuffix("-site"))

    def sync(self, server, folder, bucket):
        env = {"PATH": os.environ["PATH"], "HOME": str(server.work), "BOUNCER_URL": server.url,
               "BOUNCER_KEY": server.keys["agent"], **server.led}
        project = bucket.removesuffix("-site")
        start = time.perf_counter()
        asked, text = run([server.binary, "--json", "frontend", "deploy", str(folder), "--project", project,
                           "--reason", "bench"], env)
        request = json.loads(text[text.index("{"):])["request_id"]
        asked.asked, asked.uploading = asked.seconds, server.memory("VmHWM")
        server.forget_peak()
        server.call("approver", f"/v1/requests/{request}/decision", {"decision": "approve"})
        while True:
            status = server.tool("agent", "bouncer_status", request_id=request)
            if status["status"] in ("completed", "failed"):
                break
            time.sleep(0.005)
        asked.seconds = time.perf_counter() - start
        if status["status"] != "completed":
            sys.exit(f"the deploy failed: {status}")
        asked.publish = seconds_between(status["started_at"], status["finished_at"])
        asked.result = status["result"]
        return asked


def seconds_between(one, other):
    def moment(text):
        whole, part = text.removesuffix("Z").split(".")
        return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + part)
    return moment(other) - moment(one)


class Peer:
    def __init__(self, peers):
        """`peers`: the environment that holds those of them which are not the system's."""
        self.peers = peers

    def prepare(self, server, bucket):
        server.make_bucket(bucket)

    def env(self, server):
        return {"PATH": f"{self.peers}/bin:{os.environ['PATH']}", "HOME": str(server.work),
                "AWS_ACCESS_KEY_ID": server.storage["access_key_id"],
                "AWS_SECRET_ACCESS_KEY": server.storage["secret_access_key"], "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}

    def sync(self, server, folder, bucket):
        return run(self.command(server, folder, bucket), self.env(server), cwd=folder.parent)[0]


class S5cmd(Peer):
    name = "s5cmd"

    def command(self, server, folder, bucket):
        return ["s5cmd", "--endpoint-url", server.endpoint, "--log", "error", "sync", f"{folder}/", f"s3://{bucket}/"]


class Rclone(Peer):
    name = "rclone"

    def env(self, server):
        return super().env(server) | {
            "RCLONE_CONFIG": "/dev/null", "RCLONE_S3_PROVIDER": "Other", "RCLONE_S3_ENDPOINT": server.endpoint,
            "RCLONE_S3_ENV_AUTH": "true", "RCLONE_S3_REGION": "us-east-1", "RCLONE_S3_NO_CHECK_BUCKET": "true",
            "RCLONE_S3_FORCE_PATH_STYLE": "true"}

    def command(self, _server, folder, bucket):
        return ["rclone", "sync", "--checksum", "--transfers", "64", "--checkers", "64", str(folder), f":s3:{bucket}"]


class Hugo(Peer):
    name = "hugo"

    def command(self, server, folder, bucket):
        config = server.work / "hugo.json"
        config.write_text(json.dumps({"baseURL": "http://example.com/", "publishDir": folder.name, "deployment": {
            "targets": [{"name": "bench", "url": f"s3://{bucket}?endpoint={server.endpoint}&s3ForcePathStyle=true"
                                                 "&disableSSL=true&region=us-east-1"}]}}))
        return ["hugo", "deploy", "--source", str(folder.parent), "--config", str(config), "--quiet"]


class Aws(Peer):
    name = "aws"

    def command(self, server, folder, bucket):
        return ["aws", "--endpoint-url", server.endpoint, "s3", "sync", "--only-show-errors", str(folder),
                f"s3://{bucket}"]


def tools(args):
    path = f"{args.peers}/bin:{os.environ['PATH']}"
    found = [Bouncer()]
    for peer in [kind(args.peers) for kind in [S5cmd, Rclone, Hugo, Aws]]:
        place = shutil.which(peer.name, path=path)
        if place and (peer.name not in ("s5cmd", "aws") or str(args.peers) in place):
            found.append(peer)
        else:
            print(f"{peer.name} is not here and is left out")
    if args.tools:
        found = [tool for tool in found if tool.name in args.tools.split(",")]
    return found


def measure(server, tool, folder, bucket):
    server.counts()
    server.forget_peak()
    before, idle = server.cpu(), server.memory()
    outcome = tool.sync(server, folder, bucket)
    outcome.server_cpu = server.cpu() - before
    outcome.above_idle = server.memory("VmHWM") - idle
    outcome.uploading = getattr(outcome, "uploading", idle) - idle
    outcome.requests = server.counts()
    verify(server, bucket, folder, headers=tool.name == "bouncer")
    return outcome


def verify(server, bucket, folder, headers):
    """Compares the bucket with the folder, on the disk of the store: every byte, and the headers if asked."""
    index = sqlite3.connect(f"file:{server.data}/objects/index.db?mode=ro", uri=True)
    rows = index.execute("SELECT key, body, headers FROM objects WHERE bucket = ?", [bucket]).fetchall()
    index.close()
    found = {bytes(key).decode(): (body, json.loads(text)) for key, body, text in rows}
    wanted = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    if not set(wanted) <= set(found):
        sys.exit(f"{bucket} lacks {sorted(set(wanted) - set(found))[:3]}")
    for name, file in wanted.items():
        body, stored = found[name]
        if not same_bytes(server.data / "objects/data" / body[:2] / body, file):
            sys.exit(f"{bucket}/{name} has other bytes than the folder")
        if headers:
            kind = TYPES.get(name.rsplit(".", 1)[-1])
            if stored.get("cache_control") != cache_control(name) or not (
                    kind is None or stored.get("content_type", "").startswith(kind)):
                sys.exit(f"{bucket}/{name} has the headers {stored}")


def same_bytes(one, other):
    if one.stat().st_size != other.stat().st_size:
        return False
    with open(one, "rb") as left, open(other, "rb") as right:
        while piece := left.read(1 << 20):
            if piece != right.read(1 << 20):
                return False
    return True
