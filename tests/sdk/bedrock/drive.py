"""Calls every scenario with boto3: `drive.py URL < scenarios`. Prints the outcome of each as a line of JSON."""

import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import ClientError

CLIENT = boto3.client("bedrock-runtime", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="none",
                      aws_secret_access_key="none", config=Config(retries={"total_max_attempts": 1}, read_timeout=20))


def ask(scenario, items):
    call, name = getattr(CLIENT, scenario["operation"]), scenario["name"]
    if scenario["operation"] == "converse":
        items.append(call(modelId=name, **scenario["request"]))
    elif scenario["operation"] == "converse_stream":
        items.extend_from(call(modelId=name, **scenario["request"])["stream"])
    elif scenario["operation"] == "invoke_model":
        items.append(json.loads(call(modelId=name, body=json.dumps(scenario["request"]))["body"].read()))
    else:
        body = call(modelId=name, body=json.dumps(scenario["request"]))["body"]
        items.extend_from(json.loads(event["chunk"]["bytes"]) for event in body)


class Items(list):
    def extend_from(self, events):
        """Keeps what came before an error."""
        for event in events:
            self.append(event)


def drive(scenario):
    items, error = Items(), None
    try:
        ask(scenario, items)
    except ClientError as fault:
        error = {"code": fault.response["Error"]["Code"], "message": fault.response["Error"]["Message"]}
    except ParserError as fault:
        error = {"code": type(fault).__name__, "message": ""}
    for item in items:
        item.pop("ResponseMetadata", None)
    return {"name": scenario["name"], "items": items, "error": error}


def text(value):
    return base64.b64encode(value).decode()


for line in sys.stdin:
    print(json.dumps(drive(json.loads(line)), default=text), flush=True)
