"""Runs the quickstart without a key and checks its standard output, except for the run id, and its duration."""

import os
import re
import subprocess
import sys
import time

TOKENS = [
    "Here", "'s", " a", " little", " joke", " for", " you", ":", "\n\nWhy", " can", "'t", " a", " bicycle",
    " stand", " up", " by", " itself", "?", " Because", " it", "'s", " two", "-", "tire",
]  # fmt: skip

environment = {key: value for key, value in os.environ.items() if key != "ANTHROPIC_API_KEY"}
subprocess.run(["cargo", "build", "--quiet", "--example", "quickstart"], check=True)
started = time.monotonic()
output = subprocess.run(
    ["cargo", "run", "--quiet", "--example", "quickstart"],
    check=True,
    env=environment,
    stdout=subprocess.PIPE,
    text=True,
    timeout=120,
).stdout
took = time.monotonic() - started

text = "".join(TOKENS).replace("\n", "\\n")
expected = (
    "zzzz....\nHi! I just woke up. Your llm is starting\n"
    + "".join(f"Sync handler being called in a `thread_pool_executor`: token: {token}\n" for token in TOKENS)
    + "zzzz....\nHi! I just woke up. Your llm is ending\n"
    + f'LlmResult {{ text: "{text}", run_id: RUN-ID }}\n'
)
uuid7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
found = re.sub(uuid7, "RUN-ID", output)
if found != expected:
    sys.exit(f"the quickstart printed:\n{output}\nexpected:\n{expected}")
if took < 0.6:
    sys.exit(f"the quickstart took {took:.2f} s, expected at least 0.6 s: the async handler sleeps twice for 0.3 s")
print(f"quickstart: ok, {took:.2f} s")
