"""Child processes that end with the script. All waits have a timeout."""

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

RUNNING = []


@atexit.register
def kill_all():
    for process in RUNNING:
        with contextlib.suppress(OSError):
            process.kill()


class Server:
    """A process that prints `listening on URL`. Its standard error goes to a file, if one is given."""

    def __init__(self, *command, errors=None):
        self.errors = errors
        with open(errors, "wb") if errors else contextlib.nullcontext() as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
        RUNNING.append(self.process)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        line = self.line()
        if not line.startswith("listening on http://"):
            raise AssertionError(f"{command[0]} printed {line!r} instead of its URL")
        self.url = line.split()[2]
        self.address = tuple(self.url.removeprefix("http://").rsplit(":", 1))

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def line(self, timeout=20):
        """Returns the next line of the process's standard output, or "" at its end."""
        return self.lines.get(timeout=timeout)

    def errors_seen(self):
        """Returns what the process has written to standard error by now."""
        with open(self.errors, encoding="utf-8") as file:
            return file.read()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return answer.read()

    def stop(self, timeout=20):
        """Terminates the process. Returns its exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


def run(*command, timeout, **options):
    """Runs a command that must succeed."""
    return subprocess.run(command, check=True, timeout=timeout, **options)


def gateway_binary():
    """Builds the gateway example. Returns its path."""
    run("cargo", "build", "--quiet", "--example", "gateway", timeout=1800)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "debug/examples/gateway")


def replay():
    return Server(sys.executable, "-B", "tests/sdk/replay.py")


def venv(folder, *requirements):
    """Returns the Python of an environment in a folder, with packages that are installed if they are missing."""
    environment, wanted = folder / "venv", "".join(Path(file).read_text() for file in requirements)
    installed = environment / "installed"
    if not installed.exists():
        run(sys.executable, "-m", "venv", environment, timeout=120)
    if not installed.exists() or installed.read_text() != wanted:
        run(environment / "bin/pip", "install", "--quiet", "--retries=2", *(f"--requirement={file}" for file in requirements), timeout=600)
        installed.write_text(wanted)
    return environment / "bin/python"


def in_folder(folder, main):
    """Calls a function with a folder that is kept, or with a temporary one."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        main(folder.absolute())
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))


def environment(*prefixes):
    """Returns the environment without proxies, and without the variables that begin with one of the prefixes: keys and servers
    of the user must not be used."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(prefixes) and not name.lower().endswith("_proxy")}
