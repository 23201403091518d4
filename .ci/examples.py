"""Runs the examples without keys and checks their standard output."""

import os
import re
import subprocess
import sys

JOKE = "Here's a little joke for you:\n\nWhy can't a bicycle stand up by itself? Because it's two-tire\n"
JOKE_LINE = JOKE.strip().replace("\n", " ")
ANTHROPIC = (
    f"calling claude-haiku-4-5 at anthropic\n{JOKE}29 → 24 tokens\n"
    "the client read 3591 bytes with status 200 OK\n"
)
EXPECTED = {
    "async_openai": (
        f"{JOKE}gpt-4o-mini: 33 → 24 tokens\nthe client read 27 chunks\n"
        "assistant (chain) <time>\n└─ async-openai (llm) <time>, 33 → 24 tokens, stop\n"
    ),
    "embeddings": (
        "embedding 2 texts with text-embedding-3-small\n"
        "2 vectors of 4 dimensions, 9 → ? tokens\nthe client got 2 vectors\n"
    ),
    "hyper_client": ANTHROPIC,
    "reqwest_client": ANTHROPIC,
    "runnables": """a lambda counts 17 words
count_words (chain) <time>
└─ model (llm) <time>, 32 → 24 tokens, end_turn

a generator shouts: HERE'S A LITTLE JOKE FOR YOU:  WHY CAN'T A BICYCLE STAND UP BY ITSELF? BECAUSE IT'S TWO-TIRE
shout (chain) <time>
└─ model (llm) <time>, 32 → 24 tokens, end_turn

a tool measures 92 bytes
measure_joke (tool) <time>
└─ model (llm) <time>, 32 → 24 tokens, end_turn

a tool without a topic fails: the argument `topic` is missing
measure_joke (tool) <time>, failed: the argument `topic` is missing

""",
    "agent": f"""agent chain_start "What is the weather in Paris?"
  model llm_start
    {JOKE_LINE} → get_weather {{"city":"Paris"}}
  model llm_end 101 → 36 tokens
  get_weather tool_start {{"city":"Paris"}}
  get_weather custom station {{"city":"Paris","distance_km":3}}
  get_weather tool_end {{"celsius":18,"city":"Paris","sky":"clear"}}
  model llm_start
    {JOKE_LINE}
  model llm_end 201 → 24 tokens
agent chain_end

{JOKE}
agent (chain) <time>
├─ model (llm) <time>, 101 → 36 tokens, tool_calls
├─ get_weather (tool) <time> [station]
└─ model (llm) <time>, 201 → 24 tokens, stop
""",
}
# Packages of their own: their clients enable features that change other packages.
ALONE = {
    "genai": (
        f"{JOKE}29 → 24 tokens\nthe client read 27 events\n"
        "assistant (chain) <time>\n└─ genai (llm) <time>, 29 → 24 tokens, end_turn\n"
    ),
    "rig": (
        f"{JOKE}gpt-4o-mini: 33 → 24 tokens\nthe client read 26 items\n"
        "assistant (chain) <time>\n└─ rig (llm) <time>, 33 → 24 tokens, stop\n"
    ),
}
TIME = re.compile(r"\d+(\.\d+)? (s|ms|µs)\b")

clean = {key: value for key, value in os.environ.items() if not key.startswith(("ANTHROPIC_", "OPENAI_"))}
# The examples call a local server.
clean["NO_PROXY"] = clean["no_proxy"] = "127.0.0.1"
# Those with reqwest ask for it.
FEATURES = ["--features", "reqwest"]
examples = [*FEATURES, *(argument for name in EXPECTED for argument in ("--example", name))]
subprocess.run(["cargo", "build", "--quiet", *examples], check=True)
clean["CARGO_TARGET_DIR"] = os.path.abspath(clean.get("CARGO_TARGET_DIR", "target"))
version = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
version = tuple(map(int, re.findall(r"\d+", version)[:2]))
failed = False
for name, expected in (EXPECTED | ALONE).items():
    which = [*FEATURES, "--example", name]
    if name in ALONE:
        manifest = f"examples/{name}/Cargo.toml"
        which = ["--manifest-path", manifest]
        needed = re.search(r'rust-version = "(\d+)\.(\d+)', open(manifest).read())
        if needed and version < tuple(map(int, needed.groups())):
            print(f"{name}: skipped, needs Rust {needed[1]}.{needed[2]}")
            continue
        subprocess.run(["cargo", "build", "--quiet", *which], check=True, env=clean)
    found = subprocess.run(
        ["cargo", "run", "--quiet", *which],
        check=True,
        env=clean,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    ).stdout
    found = TIME.sub("<time>", found)
    if found == expected:
        print(f"{name}: ok")
    else:
        print(f"{name} printed:\n{found}\nexpected:\n{expected}")
        failed = True
sys.exit(failed)
