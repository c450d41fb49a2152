"""What is in the journal survives the process; what is torn loses itself alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracker import journal
from tracker.journal import Journal


@pytest.fixture
def clicks(tmp_path: Path) -> Iterator[Journal]:
    """A journal of this process."""
    made = Journal(tmp_path, "clicks", sync_every=0.01)
    yield made
    made.close()


def lines(folder: Path, name: str = "clicks") -> list[bytes]:
    """Every valid line of a journal, the oldest segment first."""
    return [payload for segment in journal.segments(folder, name) for _, payload in journal.read(segment)]


def in_a_process(code: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run some lines of Python in a process of its own."""
    preamble = (
        "import os, sys, signal, resource\nfrom pathlib import Path\nfrom tracker.journal import Journal, losses\n"
    )
    command = [sys.executable, "-c", preamble + code, *map(str, arguments)]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=30)


def test_what_is_appended_is_read_in_order(clicks: Journal, tmp_path: Path) -> None:
    written = [f'["line {number}"]'.encode() for number in range(100)]
    for payload in written:
        clicks.append(payload)
    assert lines(tmp_path) == written


def test_reading_goes_on_where_it_stopped(clicks: Journal, tmp_path: Path) -> None:
    clicks.append(b"one")
    (segment,) = journal.segments(tmp_path, "clicks")
    [(offset, _)] = journal.read(segment)
    clicks.append(b"two")
    assert [payload for _, payload in journal.read(segment, offset)] == [b"two"]


def test_a_payload_of_two_lines_is_refused(clicks: Journal) -> None:
    for append in (clicks.append, clicks.append_synced):
        with pytest.raises(ValueError, match="one line"):
            append(b"one\ntwo")


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    shared = Journal(tmp_path, "clicks", segment_bytes=20_000, sync_every=0.001)

    def write(name: int) -> None:
        for number in range(300):
            shared.append(f"{name}-{number}-{'x' * (number % 50)}".encode())

    threads = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.close()
    found = lines(tmp_path)
    assert len(found) == len(set(found)) == 1800
    assert len(journal.segments(tmp_path, "clicks")) > 3


def test_a_torn_tail_loses_that_line_alone_wherever_it_is_torn(tmp_path: Path) -> None:
    whole = Journal(tmp_path, "clicks")
    for payload in (b"one", b"two", b"three"):
        whole.append(payload)
    whole.close()
    (segment,) = journal.segments(tmp_path, "clicks")
    content = segment.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for length in range(last, len(content)):
        segment.write_bytes(content[:length])
        assert lines(tmp_path) == [b"one", b"two"]


def test_a_damaged_line_is_told_and_skipped(clicks: Journal, tmp_path: Path) -> None:
    for payload in (b"one", b"two", b"three"):
        clicks.append(payload)
    (segment,) = journal.segments(tmp_path, "clicks")
    content = segment.read_bytes()
    for spoilt in (b"twO", b"\0\0\0", b"t\xffo"):
        segment.write_bytes(content.replace(b"two", spoilt))
        damaged: list[tuple[int, bytes]] = []
        told = lambda *damage: damaged.append(damage)  # noqa: E731, B023
        found = [payload for _, payload in journal.read(segment, on_damage=told)]
        assert found == [b"one", b"three"]
        assert damaged == [(len(content) - len(b"%08x three\n" % 0), content.splitlines()[1][:9] + spoilt)]


def test_a_segment_is_named_host_boot_pid_sequence(clicks: Journal, tmp_path: Path) -> None:
    clicks.append(b"one")
    (segment,) = journal.segments(tmp_path, "clicks")
    assert re.fullmatch(rf"[\w.]+-[0-9a-f]+-{os.getpid()}-\d{{15}}\.journal", segment.name)


def test_a_segment_is_open_as_long_as_its_writer_lives(clicks: Journal, tmp_path: Path) -> None:
    clicks.append(b"one")
    (segment,) = journal.segments(tmp_path, "clicks")
    assert journal.is_open(segment)
    clicks.close()
    assert not journal.is_open(segment)


def test_a_killed_writer_leaves_its_lines_and_an_orphaned_segment(tmp_path: Path) -> None:
    code = "j = Journal(Path(sys.argv[1]), 'clicks'); j.append(b'one'); os.kill(os.getpid(), signal.SIGKILL)"
    assert in_a_process(code, tmp_path, check=False).returncode == -9
    (orphan,) = journal.segments(tmp_path, "clicks")
    assert not journal.is_open(orphan)
    assert lines(tmp_path) == [b"one"]


def test_a_new_writer_never_appends_to_an_old_segment(tmp_path: Path) -> None:
    for payload in (b"one", b"two"):
        each = Journal(tmp_path, "clicks")
        each.append(payload)
        each.close()
    assert [[payload for _, payload in journal.read(segment)] for segment in journal.segments(tmp_path, "clicks")] == [
        [b"one"],
        [b"two"],
    ]


def test_a_closed_journal_opens_a_new_segment(clicks: Journal, tmp_path: Path) -> None:
    clicks.append(b"one")
    clicks.close()
    clicks.append(b"two")
    assert lines(tmp_path) == [b"one", b"two"]
    assert len(journal.segments(tmp_path, "clicks")) == 2


def test_a_child_does_not_share_its_parents_segment(tmp_path: Path) -> None:
    code = """
j = Journal(Path(sys.argv[1]), 'clicks', sync_every=0.01)
j.append(b'parent')
if (child := os.fork()) == 0:
    j.append(b'child')
    j.close()
    os._exit(0)
os.waitpid(child, 0)
j.append(b'parent again')
j.close()
"""
    in_a_process(code, tmp_path)
    found = [[payload for _, payload in journal.read(segment)] for segment in journal.segments(tmp_path, "clicks")]
    assert sorted(found) == [[b"child"], [b"parent", b"parent again"]]


def test_a_childs_death_does_not_close_its_parents_segment(tmp_path: Path) -> None:
    code = """
from tracker.journal import is_open, segments
j = Journal(Path(sys.argv[1]), 'clicks')
j.append(b'parent')
if (child := os.fork()) == 0:
    os._exit(0)
os.waitpid(child, 0)
assert is_open(segments(Path(sys.argv[1]), 'clicks')[0])
j.close()
"""
    in_a_process(code, tmp_path)


def test_a_full_segment_is_closed_and_the_next_one_opened(tmp_path: Path) -> None:
    small = Journal(tmp_path, "clicks", segment_bytes=100, sync_every=0.01)
    for number in range(10):
        small.append(b"%040d" % number)
    assert lines(tmp_path) == [b"%040d" % number for number in range(10)]
    deadline = time.monotonic() + 5
    while sum(map(journal.is_open, journal.segments(tmp_path, "clicks"))) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [journal.is_open(segment) for segment in journal.segments(tmp_path, "clicks")] == [False] * 4 + [True] * (
        len(journal.segments(tmp_path, "clicks")) - 4
    )
    small.close()


def test_an_old_segment_is_closed_though_nobody_writes(tmp_path: Path) -> None:
    brief = Journal(tmp_path, "clicks", segment_seconds=0.02, sync_every=0.01)
    brief.append(b"one")
    (segment,) = journal.segments(tmp_path, "clicks")
    deadline = time.monotonic() + 5
    while journal.is_open(segment) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not journal.is_open(segment)
    brief.append(b"two")
    assert lines(tmp_path) == [b"one", b"two"]
    brief.close()


LIMIT = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"


def test_a_short_write_goes_whole_into_the_next_segment(tmp_path: Path) -> None:
    code = LIMIT + "j = Journal(Path(sys.argv[1]), 'clicks')\nfor n in range(10): j.append(b'%0300d' % n)"
    in_a_process(code, tmp_path)
    assert lines(tmp_path) == [b"%0300d" % number for number in range(10)]
    sizes = [segment.stat().st_size for segment in journal.segments(tmp_path, "clicks")]
    assert sizes == [1000, 1000, 1000, 310]  # three lines and a torn one each


def test_a_disk_that_refuses_raises_and_is_not_littered(tmp_path: Path) -> None:
    code = (
        LIMIT
        + """
j = Journal(Path(sys.argv[1]), 'clicks')
j.append(b'fits')
for n in range(5):
    try: j.append(b'x' * 2000)
    except OSError: j.lost()
    else: raise SystemExit('taken')
j.append(b'fits again')
print(sum(losses(Path(sys.argv[1]), 'clicks').values()))
"""
    )
    assert in_a_process(code, tmp_path).stdout == "5\n"
    assert lines(tmp_path) == [b"fits", b"fits again"]
    assert len(journal.segments(tmp_path, "clicks")) <= 3
    assert list(journal.losses(tmp_path, "clicks").values()) == [5]


def test_a_folder_that_cannot_be_made_raises_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = Journal(tmp_path / "file", "clicks")
    for append in (nowhere.append, nowhere.append_synced):
        with pytest.raises(OSError, match="file"):
            append(b"one")
    nowhere.lost(3)
    nowhere.close()


def test_what_lost_nothing_leaves_nothing_behind(clicks: Journal, tmp_path: Path) -> None:
    clicks.append(b"one")
    assert journal.losses(tmp_path, "clicks") == {}
    clicks.close()
    assert journal.losses(tmp_path, "clicks") == {}
    assert [path.suffix for path in (tmp_path / "clicks").iterdir()] == [".journal"]


def test_a_synced_line_is_read_at_once(clicks: Journal, tmp_path: Path) -> None:
    clicks.append_synced(b"paid")
    assert lines(tmp_path) == [b"paid"]


def test_half_opened_files_are_swept_away_after_a_while(tmp_path: Path) -> None:
    folder = tmp_path / "clicks"
    folder.mkdir()
    old, young = folder / "host-0-1-1.opening", folder / "host-0-1-2.opening"
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    journal.sweep(tmp_path, "clicks")
    assert list(folder.iterdir()) == [young]
    assert journal.segments(tmp_path, "clicks") == []


def test_a_dropped_segment_is_gone_and_dropping_again_is_nothing(clicks: Journal, tmp_path: Path) -> None:
    clicks.append(b"one")
    clicks.close()
    (segment,) = journal.segments(tmp_path, "clicks")
    journal.drop(segment)
    journal.drop(segment)
    assert journal.segments(tmp_path, "clicks") == []
    assert not journal.is_open(segment)
