"""Everything the engine raises, named by who can act on it.

EngineError
├── BadInput             the person who asked or added can mend it
│   ├── SourceError          an article cannot be read or is not fit to be one
│   ├── QuestionError        a question is empty, too long or has no words
│   │   └── LanguageError        a question in a language the model does not know
│   ├── LibraryFull          a server has as many articles as it may
│   ├── RehearsalOutdated    the articles were changed since the rehearsal
│   └── ArticleNotFound      no such article, or none at all, in the scope
├── TryAgain             nothing is wrong; a later try may succeed
│   ├── LibraryBusy          another process or thread is writing this scope
│   ├── DatabaseAway         the database does not answer, or is being replaced
│   ├── WorkersBusy          no worker takes the question, or too many wait for one
│   ├── IndexPending         a change is kept, and a worker is still to index it
│   └── DeadlineExceeded     the time allowed for an answer ran out
└── OperatorError        whoever runs the bot must act
    ├── ModelError           the embedding model is missing or not the pinned one
    ├── StorageError         the disk is full or the data folder cannot be used
    ├── CatalogueError       the catalogue is damaged or newer than this program
    └── GenerationError      an index generation is damaged or does not match

Errors of other libraries are mapped to these where they occur. A message says what
went wrong, with which value, and what to do.
"""

from __future__ import annotations


class EngineError(Exception):
    """Root of all that the engine raises on purpose."""


class BadInput(EngineError):
    """What was given cannot be used; the message says how to mend it."""


class SourceError(BadInput):
    """The source of an article cannot be read, or is not fit to be an article."""


class QuestionError(BadInput):
    """The question cannot be asked as it stands."""


class LanguageError(QuestionError):
    """The question is in a language that the model was not trained on."""


class LibraryFull(BadInput):
    """The scope holds as many articles as it may."""


class RehearsalOutdated(BadInput):
    """What was rehearsed no longer fits the articles."""


class ArticleNotFound(BadInput):
    """The scope holds no such article, or no article at all."""


class TryAgain(EngineError):
    """Nothing is wrong with the request; it may succeed later."""


class LibraryBusy(TryAgain):
    """Somebody else is changing the same scope."""


class DatabaseAway(TryAgain):
    """The database does not answer just now, or no longer as it did a moment ago."""


class WorkersBusy(TryAgain):
    """The workers have more to do than they can, or there is none."""


class IndexPending(TryAgain):
    """What was changed is kept, and becomes searchable once a worker has indexed it."""


class DeadlineExceeded(TryAgain):
    """The answer was not ready in the time allowed."""


class OperatorError(EngineError):
    """The installation needs its operator."""


class ModelError(OperatorError):
    """The embedding model cannot be loaded or is not the one that was pinned."""


class StorageError(OperatorError):
    """The data folder cannot be read or written."""


class CatalogueError(OperatorError):
    """The catalogue cannot be used as it is."""


class GenerationError(OperatorError):
    """An index generation is incomplete, altered, or of another model or format."""
