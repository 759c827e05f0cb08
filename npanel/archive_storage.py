"""Says where archives of logs and audit lie (a directory, or a bucket of object storage), and for how long."""

from pathlib import Path

from npanel import env

#: What is read from a bucket is kept in memory up to here, and in a temporary file beyond.
_MEMORY = 8 * 1024 * 1024


def archive_storage(directory: Path) -> dict[str, object]:
    """The entry ``archive`` of STORAGES: a bucket when NPANEL_ARCHIVE_S3_BUCKET names one, else a directory."""
    bucket = env.text("ARCHIVE_S3_BUCKET")
    if not bucket:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(env.path("ARCHIVE_DIR", directory)), "base_url": None},
        }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _bucket(bucket)}


def _bucket(name: str) -> dict[str, object]:
    return {
        "bucket_name": name,
        "endpoint_url": env.text("ARCHIVE_S3_ENDPOINT") or None,
        "region_name": env.text("ARCHIVE_S3_REGION") or None,
        "access_key": env.secret("ARCHIVE_S3_ACCESS_KEY"),
        "secret_key": env.secret("ARCHIVE_S3_SECRET_KEY"),
        "location": env.text("ARCHIVE_S3_PREFIX"),
        "addressing_style": "path",
        "default_acl": None,
        "file_overwrite": True,
        "querystring_auth": True,
        "max_memory_size": _MEMORY,
    }


def retention_periods() -> dict[str, tuple[int, int]]:
    """The setting NPANEL_RETENTION: for each kind the days it is hot, and the days after which its archive is deleted.

    Raises:
        BadSetting: something would be deleted before it is archived.
    """
    return {
        "app": _periods(env.number("RETENTION_APP_HOT_DAYS", 14), env.number("RETENTION_APP_DELETE_DAYS", 30), "APP"),
        "operations": _periods(
            env.number("RETENTION_OPERATIONS_HOT_DAYS", 30),
            env.number("RETENTION_OPERATIONS_DELETE_DAYS", 90),
            "OPERATIONS",
        ),
    }


def _periods(hot: int, delete: int, name: str) -> tuple[int, int]:
    if 1 <= hot < delete:
        return hot, delete
    raise env.BadSetting(
        f"NPANEL_RETENTION_{name}_DELETE_DAYS must be more than NPANEL_RETENTION_{name}_HOT_DAYS, and that at least 1"
    )
