"""Articles in, quotable answers out. Knows nothing of Discord.

The whole public surface is here; heavy modules load when they are first used, so that
``import index`` stays cheap.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from index.errors import (
    ArticleNotFound,
    BadInput,
    CatalogueError,
    DatabaseAway,
    DeadlineExceeded,
    EngineError,
    GenerationError,
    IndexPending,
    LanguageError,
    LibraryBusy,
    LibraryFull,
    ModelError,
    OperatorError,
    QuestionError,
    RehearsalOutdated,
    SourceError,
    StorageError,
    TryAgain,
    WorkersBusy,
)
from index.settings import PACKAGED_MODEL, IndexSettings
from index.types import (
    About,
    Added,
    Answer,
    Article,
    Changes,
    Check,
    Document,
    Examined,
    Fact,
    Feed,
    Golden,
    Hit,
    Kind,
    Passage,
    Progress,
    Published,
    Quote,
    Rehearsal,
    ReindexReport,
    Replayed,
    Scope,
    Turn,
    VerifyReport,
    Version,
)

# At its import OpenVINO would tell Google Analytics that it was imported, and keep a number
# for this machine in the home folder. Without this package it has a stub that tells nothing.
sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))

if TYPE_CHECKING:
    from index.engine import Engine
    from index.evaluation import Evaluation, ablate, evaluate, plot
    from index.journal import Journal, Kept, Preferences, Record, Tally
    from index.models import Models
    from index.postgres.migrating import Migrated, Migration
    from index.queued import QueuedEngine, answer_queued
    from index.restoring import restore

_LAZY = {
    "Engine": "index.engine",
    "Evaluation": "index.evaluation",
    "Journal": "index.journal",
    "Kept": "index.journal",
    "Migrated": "index.postgres.migrating",
    "Migration": "index.postgres.migrating",
    "Models": "index.models",
    "Preferences": "index.journal",
    "QueuedEngine": "index.queued",
    "Record": "index.journal",
    "Tally": "index.journal",
    "ablate": "index.evaluation",
    "answer_queued": "index.queued",
    "evaluate": "index.evaluation",
    "plot": "index.evaluation",
    "restore": "index.restoring",
}

__all__ = [
    "PACKAGED_MODEL",
    "About",
    "Added",
    "Answer",
    "Article",
    "ArticleNotFound",
    "BadInput",
    "CatalogueError",
    "Changes",
    "Check",
    "DatabaseAway",
    "DeadlineExceeded",
    "Document",
    "Engine",
    "EngineError",
    "Evaluation",
    "Examined",
    "Fact",
    "Feed",
    "GenerationError",
    "Golden",
    "Hit",
    "IndexPending",
    "IndexSettings",
    "Journal",
    "Kept",
    "Kind",
    "LanguageError",
    "LibraryBusy",
    "LibraryFull",
    "Migrated",
    "Migration",
    "ModelError",
    "Models",
    "OperatorError",
    "Passage",
    "Preferences",
    "Progress",
    "Published",
    "QuestionError",
    "QueuedEngine",
    "Quote",
    "Record",
    "Rehearsal",
    "RehearsalOutdated",
    "ReindexReport",
    "Replayed",
    "Scope",
    "SourceError",
    "StorageError",
    "Tally",
    "TryAgain",
    "Turn",
    "VerifyReport",
    "Version",
    "WorkersBusy",
    "ablate",
    "answer_queued",
    "evaluate",
    "plot",
    "restore",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
