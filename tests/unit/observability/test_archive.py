"""Archives of lines: kept whole or not at all, proved by their checksums, in a directory and in a bucket."""

import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from moto.server import ThreadedMotoServer
from storages.backends.s3 import S3Storage

from observability.archive import ArchiveConflict, ArchiveCorrupt, ArchiveError, ArchiveMissing, ArchiveStore

LINES = [f'{{"n":{number},"message":"ünï"}}' for number in range(1_000)]
NAME = "app/2026/npanel-admin-2026-11-26"


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    keys = {"aws_access_key_id": "planted", "aws_secret_access_key": "planted"}
    boto3.client("s3", **options, **keys).create_bucket(Bucket="archives")
    yield options
    server.stop()


@pytest.fixture(params=["directory", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "directory":
        return FileSystemStorage(location=tmp_path)
    return S3Storage(
        bucket_name="archives", access_key="planted", secret_key="planted", location=tmp_path.name, default_acl=None,
        file_overwrite=True, addressing_style="path", max_memory_size=1024, **request.getfixturevalue("bucket"),
    )  # fmt: skip


@pytest.fixture
def store(storage: Storage) -> ArchiveStore:
    return ArchiveStore(storage, recipients=())


def read(store: ArchiveStore) -> list[str]:
    return [line.decode() for line in store.lines(NAME)]


def replace(storage: Storage, name: str, content: bytes) -> None:
    storage.delete(name)
    storage.save(name, ContentFile(content))


def stored(storage: Storage, name: str) -> bytes:
    with storage.open(name) as handle:
        return handle.read()


def test_what_was_written_is_read_again(store: ArchiveStore) -> None:
    manifest = store.write(NAME, LINES, kind="app", first="2026-11-26T00:00:00Z", facts={"file": "admin.log"})

    assert read(store) == LINES
    assert (manifest.lines, manifest.kind, manifest.facts) == (1_000, "app", {"file": "admin.log"})
    assert 0 < manifest.stored_bytes < manifest.bytes == sum(len(line.encode()) + 1 for line in LINES)
    assert store.verify(NAME) == manifest
    assert [found.name for found in store.manifests()] == [NAME]


def test_the_same_again_changes_nothing_and_something_else_is_refused(store: ArchiveStore) -> None:
    first = store.write(NAME, LINES, kind="app")

    assert store.write(NAME, LINES, kind="app") == first
    with pytest.raises(ArchiveConflict):
        store.write(NAME, LINES[:-1], kind="app")
    assert read(store) == LINES


def test_data_without_a_manifest_is_written_over(store: ArchiveStore, storage: Storage) -> None:
    manifest = store.write(NAME, LINES[:10], kind="app")
    storage.delete(f"{NAME}.json")

    with pytest.raises(ArchiveMissing):
        list(store.lines(NAME))
    store.write(NAME, LINES, kind="app")
    assert read(store) == LINES
    assert stored(storage, manifest.file_name)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-40], lambda raw: raw[:60] + b"x" + raw[61:], lambda raw: b""])
def test_a_changed_archive_is_told_before_its_first_line(
    store: ArchiveStore, storage: Storage, damage: Callable[[bytes], bytes]
) -> None:
    name = store.write(NAME, LINES, kind="app").file_name
    replace(storage, name, damage(stored(storage, name)))

    with pytest.raises(ArchiveCorrupt):
        next(store.lines(NAME))
    with pytest.raises(ArchiveCorrupt):
        store.verify(NAME)
    with pytest.raises(ArchiveCorrupt):
        store.write(NAME, LINES, kind="app")


def test_lines_that_are_not_the_manifests_are_told(store: ArchiveStore, storage: Storage) -> None:
    store.write(NAME, LINES, kind="app")
    manifest = stored(storage, f"{NAME}.json")
    replace(storage, f"{NAME}.json", manifest.replace(b'"lines": 1000', b'"lines": 1001'))

    with pytest.raises(ArchiveCorrupt):
        store.verify(NAME)


def test_a_deleted_archive_may_leave_its_manifest(store: ArchiveStore) -> None:
    store.write(NAME, LINES, kind="app")
    store.delete(NAME, keep_manifest=True)

    assert store.manifest(NAME).deleted_at
    with pytest.raises(ArchiveMissing, match="was deleted"):
        list(store.lines(NAME))
    store.delete(NAME)
    assert store.find(NAME) is None


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "age.key"
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
    return path


def recipient(identity: Path) -> str:
    return subprocess.run(
        ["age-keygen", "-y", str(identity)], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_an_encrypted_archive_is_read_with_the_key_only(storage: Storage, identity: Path, tmp_path: Path) -> None:
    manifest = ArchiveStore(storage, recipients=[recipient(identity)]).write(NAME, LINES, kind="app")

    assert manifest.file_name.endswith(".jsonl.gz.age")
    assert stored(storage, manifest.file_name).startswith(b"age-encryption.org/v1")
    assert read(ArchiveStore(storage, recipients=(), identity=identity)) == LINES
    keyless = ArchiveStore(storage, recipients=())
    assert keyless.verify(NAME) == manifest
    with pytest.raises(ArchiveError, match="NPANEL_ARCHIVE_AGE_IDENTITY"):
        list(keyless.lines(NAME))
    other = tmp_path / "other.key"
    subprocess.run(["age-keygen", "-o", str(other)], check=True, capture_output=True)
    with pytest.raises(ArchiveError, match="decrypted"):
        list(ArchiveStore(storage, recipients=(), identity=other).lines(NAME))


def test_a_malformed_recipient_leaves_nothing_behind(storage: Storage) -> None:
    store = ArchiveStore(storage, recipients=["age1nobody"])

    with pytest.raises(ArchiveError, match="encrypted"):
        store.write(NAME, (f"{line} {'x' * 1000}" for line in LINES), kind="app")
    assert list(store.manifests()) == []


def test_a_reader_may_stop_early(storage: Storage, identity: Path) -> None:
    store = ArchiveStore(storage, recipients=[recipient(identity)], identity=identity)
    store.write(NAME, (f"{number:0200}" for number in range(20_000)), kind="app")

    lines = store.lines(NAME)
    assert next(lines) == f"{0:0200}".encode()
    lines.close()


def test_memory_stays_flat(tmp_path: Path) -> None:
    store = ArchiveStore(FileSystemStorage(location=tmp_path), recipients=())
    tracemalloc.start()
    store.write(NAME, (f"{number:0500}" for number in range(60_000)), kind="app")
    assert sum(1 for _line in store.lines(NAME)) == 60_000
    assert tracemalloc.get_traced_memory()[1] < 6_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "A", "a b", "", "a/../b", "a\n"])
def test_a_name_stays_within_the_storage(store: ArchiveStore, name: str) -> None:
    with pytest.raises(ValueError):
        store.write(name, [], kind="app")
