"""Holds answers against JSON schemas, and prints every fault as a line.

Reads a JSON list of {"title", "schema", "answer"} from stdin.
"""

import json
import sys

import jsonschema

for case in json.load(sys.stdin):
    jsonschema.Draft202012Validator.check_schema(case["schema"])
    for fault in jsonschema.Draft202012Validator(case["schema"]).iter_errors(case["answer"]):
        print(f"{case['title']}: {fault.json_path}: {fault.message}")
