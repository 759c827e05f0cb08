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


#: Days hot, and days after which the archive is deleted (OPERATIONS §3).
_PERIODS = {"app": (14, 30), "operations": (30, 90)}


def retention_periods() -> dict[str, tuple[int, int]]:
    """The setting NPANEL_RETENTION from NPANEL_RETENTION_<KIND>_HOT_DAYS and …_DELETE_DAYS.

    Raises:
        BadSetting: something would be deleted before it is archived.
    """
    found: dict[str, tuple[int, int]] = {}
    for kind, (hot, delete) in _PERIODS.items():
        name = f"RETENTION_{kind.upper()}"
        days = env.number(f"{name}_HOT_DAYS", hot), env.number(f"{name}_DELETE_DAYS", delete)
        if not 1 <= days[0] < days[1]:
            raise env.BadSetting(f"NPANEL_{name}_DELETE_DAYS must be more than NPANEL_{name}_HOT_DAYS, that at least 1")
        found[kind] = days
    return found
