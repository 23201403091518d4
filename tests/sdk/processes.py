"""Child processes that end with the script. All waits have a timeout."""

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import threading
import urllib.request

RUNNING = []


@atexit.register
def kill_all():
    for process in RUNNING:
        with contextlib.suppress(OSError):
            process.kill()


class Server:
    """A process that prints `listening on URL`."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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


def venv(folder, requirements):
    """Returns the Python of an environment in a folder, with packages that are installed if they are missing."""
    environment = folder / "venv"
    if not (environment / "installed").exists():
        run(sys.executable, "-m", "venv", environment, timeout=120)
        run(environment / "bin/pip", "install", "--quiet", "--retries=2", "--requirement", requirements, timeout=600)
        (environment / "installed").touch()
    return environment / "bin/python"
