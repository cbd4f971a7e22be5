"""Runs state machines in ministack's Step Functions, with tasks that do what a script says.

    run_in_ministack.py ENDPOINT CASES FOLDER

CASES is a JSON file: a list of {"name", "definition", "input", "script"}. Prints, as JSON and by name, which states each
execution entered with which input, which payloads its tasks were called with, and how it ended.
"""

import io
import json
import pathlib
import sys
import time
import zipfile

import boto3

DEADLINE_SECONDS = 90

# One function for each case: a program that speaks Lambda's runtime API, because the emulator's own Python runtime does not
# report an exception's name. It counts its calls in the case's folder, and leaves there what completes a token.
BOOTSTRAP = f"""#!/bin/sh
exec '{sys.executable}' "$(dirname "$0")/tasks.py"
"""

TASKS = '''
import json, os, pathlib, time, urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
FOLDER = pathlib.Path(os.environ["CASE_FOLDER"])

def outcome_of(event):
    calls = FOLDER / "calls"
    calls.touch()
    earlier = [json.loads(line) for line in calls.read_text().splitlines()]
    number = sum(call.get("task") == event.get("task") for call in earlier)
    with calls.open("a") as file:
        file.write(json.dumps(event) + "\\n")
    outcomes = json.loads((FOLDER / "script").read_text()).get(event.get("task"), [])
    return len(earlier), outcomes[number] if number < len(outcomes) else {"return": None}

def answer(event):
    call, outcome = outcome_of(event)
    if outcome == "never":
        if "token" not in event:
            time.sleep(2)
        return "response", None
    if "complete" in outcome:
        temporary = FOLDER / "completion.part"
        temporary.write_text(json.dumps({"token": event["token"], "output": outcome["complete"]}))
        temporary.rename(FOLDER / f"completion-{call}")
        return "response", None
    if "raise" in outcome:
        raised = outcome["raise"]
        return "error", {"errorMessage": raised["cause"], "errorType": raised["error"]}
    return "response", outcome["return"]

# Ends with an error when the emulator is gone.
while True:
    with urllib.request.urlopen(f"{API}/next") as invocation:
        id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        kind, body = answer(json.load(invocation))
    urllib.request.urlopen(urllib.request.Request(f"{API}/{id}/{kind}", json.dumps(body).encode(), method="POST")).close()
'''


def code():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in ("bootstrap", BOOTSTRAP), ("tasks.py", TASKS):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return file.getvalue()


class Aws:
    def __init__(self, endpoint):
        def client(service):
            return boto3.client(
                service,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

        self.functions = client("lambda")
        self.states = client("stepfunctions")
        self.role = "arn:aws:iam::000000000000:role/test"

    def start(self, case, folder):
        (folder / "script").write_text(json.dumps(case["script"]))
        function = self.functions.create_function(
            FunctionName=f"tasks-{folder.name}",
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=self.role,
            Timeout=30,
            Code={"ZipFile": code()},
            Environment={"Variables": {"CASE_FOLDER": str(folder)}},
        )["FunctionArn"]
        machine = self.states.create_state_machine(
            name=f"machine-{folder.name}",
            roleArn=self.role,
            definition=case["definition"].replace("${TaskFunctionArn}", function),
        )["stateMachineArn"]
        return self.states.start_execution(
            stateMachineArn=machine, name="run-1", input=json.dumps(case["input"])
        )["executionArn"]

    def complete_tokens(self, folder):
        for path in folder.glob("completion-*"):
            completion = json.loads(path.read_text())
            self.states.send_task_success(taskToken=completion["token"], output=json.dumps(completion["output"]))
            path.unlink()

    def result(self, execution, folder):
        described = self.states.describe_execution(executionArn=execution)
        if described["status"] == "RUNNING":
            return None
        events = []
        for page in self.states.get_paginator("get_execution_history").paginate(executionArn=execution):
            events += page["events"]
        entered = [event["stateEnteredEventDetails"] for event in events if "stateEnteredEventDetails" in event]
        file = folder / "calls"
        calls = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        # A function that starts slowly may be called only after the state that calls it has timed out.
        for task, outcomes in json.loads((folder / "script").read_text()).items():
            if sum(call["task"] == task for call in calls) < outcomes.count("never"):
                return None
        return {
            "status": described["status"],
            "output": json.loads(described["output"]) if described["status"] == "SUCCEEDED" else None,
            "error": described.get("error"),
            "cause": described.get("cause"),
            "visits": [[state["name"], json.loads(state["input"])] for state in entered],
            "calls": calls,
        }


def main():
    endpoint, cases, folder = sys.argv[1:]
    aws = Aws(endpoint)
    running = {}
    for number, case in enumerate(json.loads(pathlib.Path(cases).read_text())):
        own = pathlib.Path(folder, str(number))
        own.mkdir()
        running[case["name"]] = (aws.start(case, own), own)
    results = {}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(results) < len(running):
        if time.monotonic() > deadline:
            sys.exit(f"these executions do not end: {sorted(running.keys() - results.keys())}")
        for name, (execution, own) in running.items():
            if name not in results:
                aws.complete_tokens(own)
                result = aws.result(execution, own)
                if result:
                    results[name] = result
        time.sleep(0.05)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
