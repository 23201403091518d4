"""Runs the examples of clients without keys, and checks their standard output."""

import os
import subprocess
import sys

JOKE = "Here's a little joke for you:\n\nWhy can't a bicycle stand up by itself? Because it's two-tire\n"
ANTHROPIC = (
    f"asking claude-haiku-4-5 of anthropic\n{JOKE}29 tokens in, 24 out\n"
    "the client read an answer with status 200 OK, of 3591 bytes\n"
)
EXPECTED = {
    "async_openai": f"{JOKE}gpt-4o-mini: 34 tokens in, 24 out\nthe client read 27 chunks\n",
    "hyper_client": ANTHROPIC,
    "reqwest_client": ANTHROPIC,
}

clean = {key: value for key, value in os.environ.items() if not key.startswith(("ANTHROPIC_", "OPENAI_"))}
# They ask a server on this machine.
clean["NO_PROXY"] = clean["no_proxy"] = "127.0.0.1"
examples = [argument for name in EXPECTED for argument in ("--example", name)]
subprocess.run(["cargo", "build", "--quiet", *examples], check=True)
failed = False
for name, expected in EXPECTED.items():
    found = subprocess.run(
        ["cargo", "run", "--quiet", "--example", name],
        check=True,
        env=clean,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    ).stdout
    if found == expected:
        print(f"{name}: as promised")
    else:
        print(f"{name}'s output is not what it should be:\n{found}\nbut should be:\n{expected}")
        failed = True
sys.exit(failed)
