"""One child process: its log, its end, its costs."""

import os
import re
import signal
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessError(Exception):
    pass


class Process:
    """Started at once; its stdout and stderr go to `log`. `commands=True` keeps stdin and stdout as pipes for
    a dialogue instead."""

    def __init__(self, name, arguments, log, env=None, cwd=None, commands=False):
        self.name = name
        self.log = log
        self._log_file = open(log, "ab")
        self._log_begins = self._log_file.tell()
        environment = dict(os.environ)
        environment.update(env or {})
        pipe = subprocess.PIPE if commands else None
        self.child = subprocess.Popen(
            [str(one) for one in arguments],
            stdin=pipe or subprocess.DEVNULL,
            stdout=pipe or self._log_file,
            stderr=self._log_file,
            env=environment,
            cwd=cwd,
        )

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def text(self):
        """What it logged since it was started."""
        with open(self.log, "rb") as file:
            file.seek(self._log_begins)
            return file.read().decode("utf-8", "replace")

    def lines(self):
        return self.text().splitlines()

    def wait_for(self, pattern, timeout_s=15):
        """The first match of `pattern` in its log; an error if it ends or takes too long."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = not self.running()
            found = re.search(pattern, self.text())
            if found:
                return found
            if ended:
                raise ProcessError(
                    f"{self.name} ended with {self.child.returncode} before it logged {pattern!r}; it"
                    f" said:\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"{self.name} did not log {pattern!r} in {timeout_s} s; it said:\n{self.tail()}"
                )
            time.sleep(0.01)

    def tail(self, count=30):
        return "\n".join(self.lines()[-count:])

    def stop(self, timeout_s=40):
        """SIGTERM; returns the exit status. An error if it does not end in time."""
        self.terminate()
        return self.wait(timeout_s)

    def terminate(self):
        if self.running():
            self.child.send_signal(signal.SIGTERM)

    def wait(self, timeout_s=40):
        """For its end after terminate(); the exit status."""
        try:
            return self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessError(
                f"{self.name} did not end within {timeout_s} s of SIGTERM; it said:\n{self.tail()}"
            ) from None

    def kill(self):
        if self.running():
            self.child.kill()
        return self.child.wait(10)

    def pids(self):
        """Itself and all its descendants."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat") as file:
                        parent = int(file.read().rpartition(")")[2].split()[1])
                except OSError:
                    continue
                children.setdefault(parent, []).append(int(entry))
        found, waiting = [], [self.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting.extend(children.get(pid, []))
        return found

    def cpu_s(self):
        """CPU seconds so far, its descendants' too."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / TICKS_PER_SECOND

    def processor_wait_s(self):
        """How long its first thread was ready to run so far, and had no processor."""
        with open(f"/proc/{self.pid}/task/{self.pid}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9

    def descriptors(self):
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE_BYTES

    def rss_peak_bytes(self):
        """The highest since the start, or since forget_rss_peak()."""
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) * 1024

    def forget_rss_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")
