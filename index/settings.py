"""What the engine can be told; read nowhere but at the edge, frozen, passed down."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError

PACKAGED_MODEL = "all-MiniLM-L6-v2"
THRESHOLD = 0.09
"""Answers 92 % of the answerable questions on the written articles held out, 34 % of their
near-misses and 11 % of the off-topic ones; of SQuAD's 98, 76 and 1 %."""


class IndexSettings(BaseModel):
    """Settings of the engine. Constructing it reads no environment and no file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("article-bot", appauthor=False),
        description="Folder for the catalogue and the index. Default: the platform's data folder.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL for a fleet of bots, as in postgresql://user:password@host/name;"
        " several hosts where it has standbys. Default: files in DATA_DIR alone.",
    )
    model: str = Field(
        default=PACKAGED_MODEL,
        min_length=1,
        description="Embedding model: the packaged all-MiniLM-L6-v2, or any"
        " sentence-transformers name or folder.",
    )
    reader: str = Field(
        default="packaged",
        min_length=1,
        description="What finds the answer in the passages: packaged, the reader that marks the"
        " very words; none, for the best sentence; or the name or folder of any extractive"
        " question-answering model of Hugging Face's.",
    )
    threshold: float = Field(
        default=THRESHOLD,
        ge=0,
        le=1,
        description="Confidence below which the answer is `the article does not say`."
        " 0 never declines.",
    )
    max_question_chars: int = Field(
        default=1000, ge=1, description="Longest question accepted, in characters."
    )
    max_article_mb: float = Field(
        default=10, gt=0, description="Largest article accepted, in megabytes."
    )
    max_articles: int = Field(
        default=1000, ge=1, description="Most articles of one server; for the operator no limit."
    )
    kept_versions: int = Field(
        default=5,
        ge=1,
        description="Versions of an article's text that are kept, for what changed between them.",
    )
    threads: int = Field(
        default=1,
        ge=1,
        description="CPU threads of the model. Threads times processes should not"
        " exceed the cores.",
    )

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        # As SQLAlchemy's habit names the driver, and as older hosts name the scheme.
        scheme, colon, rest = (value.get_secret_value() if value else "").partition("://")
        if value and (not colon or scheme.partition("+")[0] not in {"postgresql", "postgres"}):
            raise PydanticCustomError("database", "must begin with postgresql://")
        return SecretStr(f"postgresql://{rest}") if value else None
