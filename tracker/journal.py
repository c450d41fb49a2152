"""What somebody was answered for is on this host's disk first: appended before the answer, read and dropped later.

A journal is a folder of segments. A segment has one writer, which holds a lock on it as long as it lives; whoever finds
a segment unlocked knows that it will not grow. A line is `crc32 payload`, written by one `write`, so a torn tail loses
that line alone. The folder must be on a local disk: locks and appends over a network are not to be trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from zlib import crc32

from tracker import log

_SUFFIX = ".journal"
_OPENING = ".opening"
_LOSSES = ".lost"


class Journal:
    """This process's end of a journal: appends lines, opens and closes segments. Safe to share between threads.

    A segment is closed after `segment_bytes`, or `segment_seconds` after its first line. What `append` wrote is synced
    to the disk within `sync_every` seconds: a power cut may cost so much, a crash of the process nothing.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        segment_bytes: int = 16 * 1024 * 1024,
        segment_seconds: float = 60.0,
        sync_every: float = 0.1,
    ) -> None:
        self._folder = folder / name
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._sync_every = sync_every
        self._forget()
        _journals.add(self)

    def _forget(self) -> None:
        """Start with nothing open; what a parent process had open stays the parent's."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._syncer: threading.Thread | None = None
        self._fd = -1
        self._size = -1  # of the open segment; below zero while none is
        self._synced = 0
        self._opened = 0.0
        self._retired: list[int] = []
        self._losses: _Losses | None = None

    def append(self, payload: bytes) -> None:
        """Write one line. Raises OSError only when the disk refuses it, ValueError where it holds a line's end."""
        if b"\n" in payload:
            raise ValueError("a journal's payload is one line")
        line = b"%08x %b\n" % (crc32(payload), payload)
        with self._lock:
            if 0 <= self._size < self._segment_bytes:
                try:
                    written = os.write(self._fd, line)
                except OSError:
                    written = 0
                self._size += written
                if written == len(line):
                    return
                self._give_up_segment(written)
            self._write(line)

    def append_synced(self, payload: bytes) -> None:
        """Write one line, and return once it survives a power cut. Raises OSError when the disk refuses."""
        if b"\n" in payload:
            raise ValueError("a journal's payload is one line")
        line = b"%08x %b\n" % (crc32(payload), payload)
        with self._lock:
            self._write(line)
            try:
                os.fdatasync(self._fd)
                _sync_folder(self._folder)
            except OSError:
                self._retire()  # after a failed sync nobody knows what the disk holds of this segment
                raise
            self._synced = self._size

    def lost(self, count: int = 1) -> None:
        """Count lines that could not be written, where it outlives the process. Never raises."""
        with self._lock:
            self._count_losses().add(count)

    def close(self) -> None:
        """Sync and close. What follows opens a new segment."""
        self._stop.set()
        if self._syncer is not None:
            self._syncer.join()
        with self._lock:
            self._retire()
            retired, self._retired = self._retired, []
            self._syncer = None
            self._stop = threading.Event()
            if self._losses is not None:
                self._losses.close()
                self._losses = None
        for fd in retired:
            _sync_and_close(fd)

    def _give_up_segment(self, written: int) -> None:
        """After a refused or torn write: others' lines stay, torn tail and all; an empty segment is used again.

        A full disk must not be littered with segments that hold nothing.
        """
        if self._size == written:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
                self._size = 0
                return
        self._retire()

    def _write(self, line: bytes) -> None:
        """Write one line with all that may have to be done about segments. Raises OSError."""
        if not 0 <= self._size < self._segment_bytes:
            self._open()
        written = 0
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                raise OSError("the disk took a part of a line")
        finally:
            self._size += written
            if written != len(line):
                self._give_up_segment(written)

    def _count_losses(self) -> _Losses:
        if self._losses is None:
            self._losses = _Losses(self._folder)
        return self._losses

    def _open(self) -> None:
        self._retire()
        self._count_losses()  # while there is room for it
        self._fd = _new_file(self._folder, _SUFFIX, os.O_WRONLY | os.O_APPEND)
        self._size = self._synced = 0
        self._opened = time.monotonic()
        if self._syncer is None:
            self._syncer = threading.Thread(
                target=_keep_synced, args=(weakref.ref(self), self._stop, self._sync_every), daemon=True, name="journal"
            )
            self._syncer.start()

    def _retire(self) -> None:
        """No more lines for the current segment. Syncing and closing it is left to the syncer."""
        if self._fd >= 0:
            self._retired.append(self._fd)
            self._fd = self._size = -1

    def _sync(self) -> None:
        """Bring to the disk what is not there yet, and close what is full or old. Never holds the lock meanwhile."""
        with self._lock:
            if self._size > 0 and time.monotonic() - self._opened >= self._segment_seconds:
                self._retire()
            retired, self._retired = self._retired, []
            fd, size = (self._fd, self._size) if self._fd >= 0 and self._size != self._synced else (-1, 0)
        for old in retired:
            _sync_and_close(old)
        if retired or size:
            _sync_folder(self._folder)
        if fd >= 0:
            # Only this thread closes segments, so the descriptor cannot become another file's meanwhile.
            os.fdatasync(fd)
            with self._lock:
                if fd == self._fd:
                    self._synced = max(self._synced, size)


def segments(folder: Path, name: str) -> list[Path]:
    """Every segment of a journal in the folder, whoever wrote it, oldest first.

    Names are host-boot-pid-sequence, the sequence being the wall clock's milliseconds: no name ever comes back.
    """
    found = [path for path in _files(folder / name) if path.name.endswith(_SUFFIX)]
    return sorted(found, key=lambda path: (path.name[: -len(_SUFFIX)].rpartition("-")[2], path.name))


def is_open(segment: Path) -> bool:
    """Whether a writer lives that may still append. Once False it stays so: nobody appends to another's segment."""
    try:
        fd = os.open(segment, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def read(
    segment: Path, offset: int = 0, *, on_damage: Callable[[int, bytes], None] | None = None
) -> Iterator[tuple[int, bytes]]:
    """The whole valid lines from `offset` on, each with the offset after it; a tail without its end is not yielded.

    A whole line whose checksum is wrong is skipped, after `on_damage(offset after it, the line as it stands)`. `offset`
    must be 0 or an offset that came from here.
    """
    with segment.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            payload = line[9:-1]
            if line[:9] == b"%08x " % crc32(payload):
                yield offset, payload
            elif on_damage is not None:
                on_damage(offset, line[:-1])


def drop(segment: Path) -> None:
    """Delete a segment. Only for one that is not open and whose every line is known elsewhere."""
    segment.unlink(missing_ok=True)


def sweep(folder: Path, name: str) -> None:
    """Delete what a process left that died while it opened a segment: a file without a line."""
    for path in _files(folder / name):
        if path.name.endswith(_OPENING) and not is_open(path) and time.time() - path.stat().st_mtime > 60:
            path.unlink(missing_ok=True)


class _Losses:
    """How many lines a process could not write: a number in a small file of its own, made while there is room.

    The figure is written over itself, so a full disk does not refuse it. The file is locked as a segment is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1
        self._count = 0
        self.add(0)

    def add(self, count: int) -> None:
        """Never raises: what cannot be written is at least in the log."""
        self._count += count
        try:
            if self._fd < 0:
                self._fd = _new_file(self._folder, _LOSSES, os.O_WRONLY)
            os.pwrite(self._fd, b"%020d\n" % self._count, 0)
        except OSError as error:
            log.error("loss_not_kept", exc=error, lost=self._count)

    def close(self) -> None:
        """Leave the figure to whoever gathers it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def losses(folder: Path, name: str) -> dict[Path, int]:
    """What every process of this host lost, by its file; processes that lost nothing are left out.

    The file of a process that is gone and lost nothing is deleted on the way.
    """
    counts = {}
    for path in _files(folder / name):
        if path.name.endswith(_LOSSES):
            gone = not is_open(path)
            with contextlib.suppress(OSError, ValueError):
                counts[path] = int(path.read_bytes())
            if gone and not counts.get(path):
                path.unlink(missing_ok=True)
    return {path: count for path, count in counts.items() if count}


# --- below: files and locks -------------------------------------------------------------------------------------------


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


@cache
def _boot() -> str:
    """What tells this start of the machine from another."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return "0"


def _writer() -> str:
    host = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:100] or "host"
    return f"{host}-{_boot()}-{os.getpid()}"


def _new_file(folder: Path, suffix: str, flags: int) -> int:
    """Make and open a file, locked before anybody can see it: host-boot-pid-sequence. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f"{_writer()}-{time.time_ns()}{_OPENING}"
    fd = os.open(hidden, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _name(hidden, folder, suffix)
    except OSError:
        os.close(fd)
        raise
    finally:
        hidden.unlink(missing_ok=True)
    return fd


def _name(hidden: Path, folder: Path, suffix: str) -> None:
    """Give an opened file its name, never one that exists."""
    while True:
        try:
            os.link(hidden, folder / f"{_writer()}-{time.time_ns() // 1_000_000:015d}{suffix}")
        except FileExistsError:
            time.sleep(0.001)
        else:
            return


def _sync_folder(folder: Path) -> None:
    """Make the names of new segments survive a power cut too."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_and_close(fd: int) -> None:
    try:
        os.fdatasync(fd)
    except OSError as error:
        log.error("journal_not_synced", exc=error)
    finally:
        os.close(fd)


def _keep_synced(journal: weakref.ref[Journal], stop: threading.Event, every: float) -> None:
    """The syncer's loop; it ends with `stop` or with the journal itself."""
    while not stop.wait(every):
        alive = journal()
        if alive is None:
            return
        try:
            alive._sync()
        except OSError as error:
            log.error("journal_not_synced", exc=error)
        del alive


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """Close the parent's segments, which stay the parent's and locked by it, and start afresh."""
    for journal in list(_journals):
        for fd in (journal._fd, *journal._retired):
            with contextlib.suppress(OSError):
                os.close(fd)
        if journal._losses is not None:
            journal._losses.close()
        journal._forget()


os.register_at_fork(after_in_child=_after_fork_in_child)
