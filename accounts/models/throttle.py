"""How often somebody has tried, counted where every web process of both interfaces sees it."""

from django.db import models


class Attempts(models.Model):
    """One budget of attempts that is in use, or (with no attempts) a place known for an account, until it runs out."""

    key = models.CharField(max_length=80, unique=True)
    used = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(db_index=True)
    told = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.key}: {self.used}"
