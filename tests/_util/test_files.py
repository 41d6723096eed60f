import os
import socket

import pytest

from recurrax._util.files import read_regular


def test_a_file_is_read_also_by_a_link(tmp_path):
    (tmp_path / "a").write_bytes(b"abc\0")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "a") == read_regular(str(tmp_path / "link")) == b"abc\0"


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    listening, before = socket.socket(socket.AF_UNIX), os.getcwd()
    try:
        os.chdir(tmp_path)  # names of sockets are short
        listening.bind("socket")
    finally:
        os.chdir(before)
        listening.close()
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path / "socket", "a socket"), (tmp_path, "a folder")):
        with pytest.raises(ValueError, match=f"{path} is no regular file but {kind}"):
            read_regular(path)
    with pytest.raises(ValueError, match="/dev/zero is no regular file but a device"):
        read_regular("/dev/zero")


def test_a_missing_file_is_an_os_error_and_a_nul_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none")
    with pytest.raises(ValueError, match=r"'a\\x00b' is no name of a file: it holds a NUL"):
        read_regular("a\0b")
