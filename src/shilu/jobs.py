"""Work spread over processors.

Workers are processes of our own that live and die with the one that started them: each is
``python -m shilu.jobs MODULE:FUNCTION``, takes pickled batches on its standard input, answers on
its standard output, and ends when its input ends, which is also what happens when the parent is
killed. Nothing of the parent (locks, files, threads) is inherited, and a calling script needs no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

_LENGTH = struct.Struct(">Q")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerDied(Exception):
    """A worker ended before it answered: killed, out of memory, or a fault in native code."""


class Workers:
    """A few processes that apply one function to batches; a context manager.

    *function* is ``"module:name"``; it is called with each batch and *settings*.
    """

    def __init__(self, function: str, settings: object, count: int | None = None) -> None:
        self._function = function
        self._settings = settings
        self.count = count or processors()
        self._executor = ThreadPoolExecutor(self.count, thread_name_prefix="shilu-worker")
        self._local = threading.local()
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        self._executor.shutdown(wait=True)

    def submit(self, batch: object) -> Future[Any]:
        """Hand over a batch; its result may raise ``WorkerDied``."""
        return self._executor.submit(self._call, batch)

    def _call(self, batch: object) -> Any:
        process: subprocess.Popen[bytes] | None = getattr(self._local, "process", None)
        if process is None or process.poll() is not None:
            process = self._local.process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _send(process.stdin, batch)
            answer = _receive(process.stdout)
        except (OSError, EOFError, ValueError) as error:
            process.kill()
            raise WorkerDied(str(error)) from error
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "shilu.jobs", self._function],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip
        self._processes.append(process)
        assert process.stdin is not None
        _send(process.stdin, self._settings)
        return process


def in_order(
    batches: Iterable[Any],
    near: Callable[[Any], Any],
    far: Callable[[], Workers],
) -> Iterator[tuple[Any, Any]]:
    """Yield (batch, result) in order, working ahead as far as there are workers.

    The first batch is done here by *near*, so that small jobs pay no start of processes; workers
    are called for with the second. A batch whose worker died is given to *near* by whoever
    consumes the ``WorkerDied`` result: it is yielded as the result.
    """
    workers: Workers | None = None
    waiting: deque[tuple[Any, Future[Any]]] = deque()
    try:
        first = True
        for batch in batches:
            if first:
                first = False
                yield batch, near(batch)
                continue
            if workers is None:
                workers = far()
            waiting.append((batch, workers.submit(batch)))
            while len(waiting) > 2 * workers.count or (waiting and waiting[0][1].done()):
                yield _settled(*waiting.popleft())
        while waiting:
            yield _settled(*waiting.popleft())
    finally:
        if workers is not None:
            workers.__exit__()


def _settled(batch: Any, future: Future[Any]) -> tuple[Any, Any]:
    try:
        return batch, future.result()
    except WorkerDied as error:
        return batch, error


def _send(stream: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError("the other side has ended")
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError("the other side ended in mid-answer")
    return pickle.loads(data)  # noqa: S301 - from our own child or parent, over a private pipe


def serve(function: str) -> None:
    """Be a worker: answer batches until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not break the pipe's protocol
    module, _, name = function.partition(":")
    apply = getattr(importlib.import_module(module), name)
    try:
        settings = _receive(stdin)
        while True:
            _send(stdout, apply(_receive(stdin), settings))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    serve(sys.argv[1])
