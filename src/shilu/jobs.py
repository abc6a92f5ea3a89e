"""Work spread over processors.

Workers are processes of our own that live and die with the one that started them: each is
``python -m shilu.jobs MODULE:FUNCTION``, takes pickled batches on its standard input, answers on
its standard output, and ends when its input ends or its parent is gone. Nothing of the parent
(locks, files, threads) is inherited, and a calling script needs no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

_LENGTH = struct.Struct(">Q")
_LOOK_S = 1.0  # how often a busy worker looks whether its parent is alive


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerDied(Exception):
    """A worker ended before it answered: killed, out of memory, or a fault in native code."""


class WorkFailed(WorkerDied):
    """The function raised; the text is its exception. The worker lives on."""


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
        self._starting = threading.Lock()
        self._closed = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        with self._starting:  # after this no process is started that nobody would end
            self._closed = True
            for process in self._processes:
                process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)
        for process in self._processes:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what it had not taken yet is dropped
                        stream.close()

    def submit(self, batch: object) -> Future[Any]:
        """Hand over a batch; its result may raise ``WorkerDied``."""
        return self._executor.submit(self._call, batch)

    def _call(self, batch: object) -> Any:
        process: subprocess.Popen[bytes] | None = getattr(self._local, "process", None)
        try:
            if process is None or process.poll() is not None:
                process = self._local.process = self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, batch)
            done, answer = _receive(process.stdout)
        except (OSError, EOFError) as error:
            if process is None:
                raise WorkerDied(str(error)) from error
            raise WorkerDied(_ending(process)) from error
        if not done:
            raise WorkFailed(answer)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: a module of the same name in the folder one happens to stand in is none of ours.
        # A process group of its own: Ctrl-C is the parent's to act on.
        with self._starting:
            if self._closed:
                raise EOFError("no more work is taken")
            search_path = os.pathsep.join(path for path in sys.path if path)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "shilu.jobs", self._function],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0,
                env={**os.environ, "PYTHONPATH": search_path},
            )  # fmt: skip
            self._processes.append(process)
        assert process.stdin is not None
        _send(process.stdin, (os.getpid(), self._settings))
        return process


def in_order(
    batches: Iterable[Any],
    near: Callable[[Any], Any],
    far: Callable[[], Workers],
) -> Iterator[tuple[Any, Any]]:
    """Yield (batch, result) in order, working ahead as far as there are workers.

    The first batch is done here by *near*, so that small jobs pay no start of processes; workers
    are called for with the second. Of a batch that came to no result, the ``WorkerDied`` is
    yielded as the result, and the others go on.
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


def _ending(process: subprocess.Popen[bytes]) -> str:
    """Wait for a worker that has stopped talking; say how it ended."""
    try:
        status = process.wait(_LOOK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"its worker was ended by {signal.Signals(-status).name}"
    return f"its worker ended with status {status}"


def _packed(value: object) -> bytes:
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def _send(stream: IO[bytes], value: object) -> None:
    _write(stream, _packed(value))


def _write(stream: IO[bytes], data: bytes) -> None:
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
    return pickle.loads(data)  # from our own child or parent, over a private pipe


def serve(function: str) -> None:
    """Be a worker: answer batches until the input ends."""
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not break the pipe's protocol
    module, _, name = function.partition(":")
    with contextlib.suppress(EOFError, BrokenPipeError):
        parent, settings = _receive(stdin)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        apply = getattr(importlib.import_module(module), name)
        while True:
            batch = _receive(stdin)
            try:
                answer = _packed((True, apply(batch, settings)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells the user
                answer = _packed((False, f"{type(error).__name__}: {error}"))
            _write(stdout, answer)


def _end_with(parent: int) -> None:
    """End this process, however busy, when its parent was killed."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)


if __name__ == "__main__":
    serve(sys.argv[1])
