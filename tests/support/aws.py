"""The tests' own hands in AWS: boto3, an AWS client that shares no code with Bouncer.

    aws.py ENDPOINT

Reads one JSON object a line: {"service", "operation", "arguments"} is a call of boto3, or of a method of `Aws` named
`service_operation`. Answers one line each: {"ok": …} or {"error": {"code", "message"}}. Bytes are base64.
"""

import base64
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

import boto3
import botocore.config
import botocore.exceptions
import cfnlint.decode

REGION = "us-east-1"
POLL_SECONDS = 0.05
DEADLINE_SECONDS = 60


class Aws:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.clients = {}

    def client(self, service):
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=botocore.config.Config(s3={"addressing_style": "path"}),
            )
        return self.clients[service]

    def call(self, service, operation, arguments):
        own = getattr(self, f"{service}_{operation}", None)
        if own:
            return own(**arguments)
        client = self.client(service)
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate(**arguments)
            answer = pages.build_full_result()
        else:
            answer = getattr(client, operation)(**arguments)
        answer.pop("ResponseMetadata", None)
        return answer

    # --- What takes more than one call -----------------------------------------------------------------------------

    def cloudformation_deploy(self, stack, template, parameters, artifacts=None, leave_out=()):
        """As `aws cloudformation deploy` does: a change set, executed. `artifacts` maps local paths to S3 keys."""
        document, faults = cfnlint.decode.decode(template)
        if faults:
            raise SystemExit(f"{template}: {faults}")
        document = json.loads(json.dumps(document, default=str))
        for name in leave_out:
            del document["Resources"][name]
        package(document, pathlib.Path(template).parent, artifacts or {})
        cloudformation = self.client("cloudformation")
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName="install",
            ChangeSetType="CREATE",
            TemplateBody=json.dumps(document),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        change_set = self.until(
            lambda: cloudformation.describe_change_set(StackName=stack, ChangeSetName="install"),
            lambda answer: not answer["Status"].endswith(("_PENDING", "_IN_PROGRESS")),
        )
        if change_set["Status"] != "CREATE_COMPLETE":
            raise SystemExit(f"the change set of {stack}: {change_set.get('StatusReason')}")
        cloudformation.execute_change_set(StackName=stack, ChangeSetName="install")
        described = self.until(
            lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0],
            lambda answer: not answer["StackStatus"].endswith("_IN_PROGRESS"),
        )
        events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        if described["StackStatus"] != "CREATE_COMPLETE" or failed:
            raise SystemExit(f"the stack {stack}: {described['StackStatus']} {failed}")
        return {
            "outputs": {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])},
            "changes": [change["ResourceChange"]["ResourceType"] for change in change_set["Changes"]],
        }

    def s3_upload_file(self, file, bucket, key):
        self.client("s3").upload_file(file, bucket, key)

    def s3_put(self, bucket, key, body, **headers):
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=base64.b64decode(body), **headers)

    def s3_read(self, bucket, key):
        """An object as a visitor's CDN would get it."""
        answer = self.client("s3").get_object(Bucket=bucket, Key=key)
        return {
            "body": answer["Body"].read(),
            "content_type": answer["ContentType"],
            "cache_control": answer.get("CacheControl"),
        }

    def s3_put_presigned(self, url, method, headers, body):
        """What an agent does with an upload URL: an HTTP request of its own, without credentials."""
        request = urllib.request.Request(url, base64.b64decode(body), headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def lambda_package(self, binary, folder):
        """A zip with the program as `bootstrap`, made once for each build of it."""
        there = os.stat(binary)
        package = pathlib.Path(folder, f"bootstrap-{there.st_size}-{there.st_mtime_ns}.zip")
        if not package.exists():
            with tempfile.TemporaryDirectory(dir=folder) as own:
                bootstrap = pathlib.Path(own, "bootstrap")
                shutil.copy(binary, bootstrap)
                if shutil.which("strip"):
                    subprocess.run(["strip", bootstrap], check=True)
                with zipfile.ZipFile(f"{own}/zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                    archive.write(bootstrap, "bootstrap")
                for earlier in pathlib.Path(folder).glob("bootstrap-*.zip"):
                    earlier.unlink(missing_ok=True)
                os.replace(f"{own}/zip", package)
        return str(package)

    def until(self, ask, good):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            answer = ask()
            if good(answer):
                return answer
            if time.monotonic() > deadline:
                raise SystemExit(f"waited in vain: {answer}")
            time.sleep(POLL_SECONDS)


def package(document, folder, artifacts):
    """Puts S3 places where the template names local files, as `aws cloudformation package` does."""
    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("CodeUri", "DefinitionUri"):
            if name in properties:
                bucket, key = artifacts[str((folder / properties[name]).resolve())]
                properties[name] = {"Bucket": bucket, "Key": key}


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if hasattr(value, "read"):
        return plain(value.read())
    return value


def main():
    aws = Aws(sys.argv[1])
    for line in sys.stdin:
        call = json.loads(line)
        try:
            answer = {"ok": plain(aws.call(call["service"], call["operation"], call["arguments"]))}
        except botocore.exceptions.ClientError as error:
            answer = {"error": {"code": error.response["Error"]["Code"], "message": str(error)}}
        except (botocore.exceptions.BotoCoreError, SystemExit) as error:
            answer = {"error": {"code": type(error).__name__, "message": str(error)}}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
