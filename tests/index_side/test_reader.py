"""The two readers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from transformers import RobertaConfig, RobertaForQuestionAnswering, RobertaTokenizerFast

from index import ModelError
from index.bert import Bert, Rows, Upper
from index.reader import Candidate, ReadingPassage, Span
from index.reader.model import SpanModel, TorchNetwork
from index.reader.picker import SentencePicker
from index.reader.spans import MAX_TOKENS, Model, SpanReader, _Trained
from index.weights import embeddings, packaged_model, packaged_tokenizer, packaged_weights

TEXT = "It was a fine ship. It sank in May 1910 with all hands. Twelve men were lost."
SENTENCES = (Candidate(0, 19, 0.80), Candidate(20, 55, 0.75), Candidate(56, 77, 0.70))
ELSEWHERE = ReadingPassage("Nobody came.", (Candidate(0, 12, 0.60),))


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What was it like?", 0, 19),
        ("When did it sink?", 20, 55),
        ("in which year was that", 20, 55),
        ("How many men were lost?", 20, 55),
        ("Whenever was that?", 0, 19),
    ],
)
def test_the_best_sentence_is_picked_whole_and_the_type_asked_for_counts(
    question: str, start: int, end: int
) -> None:
    span = SentencePicker().read(question, [ELSEWHERE, ReadingPassage(TEXT, SENTENCES)])
    assert (span.passage, span.start, span.end) == (1, start, end)


def test_the_type_asked_for_does_not_outweigh_everything() -> None:
    far = (Candidate(0, 19, 0.95), Candidate(20, 55, 0.75))
    span = SentencePicker().read("When did it sink?", [ReadingPassage(TEXT, far)])
    assert span == Span(0, 0, 19, 0.95, lead=pytest.approx(0.05))


@pytest.fixture(scope="module")
def reader() -> SpanReader:
    return SpanReader.packaged()


def passage(text: str, *sentences: str, prior: float = 5.0) -> ReadingPassage:
    spans = [(text.index(sentence), sentence) for sentence in sentences or (text,)]
    return ReadingPassage(text, tuple(Candidate(at, at + len(s), 0.5, prior) for at, s in spans))


def words(span: Span, passages: list[ReadingPassage]) -> str:
    return passages[span.passage].text[span.start : span.end]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who built the lighthouse?", "Ada Thorne"),
        ("when was the lighthouse built", "1881"),
        ("How tall is the lighthouse?", "forty metres tall"),
    ],
)
def test_the_reader_marks_the_very_words(reader: SpanReader, question: str, expected: str) -> None:
    built = "The lighthouse at Cape Merrow was built by Ada Thorne in 1881."
    tall = "It is forty metres tall and painted red."
    passages = [
        passage("The cape is known for its gulls."),
        passage(f"{built} {tall}", built, tall),
    ]
    span = reader.read(question, passages)
    assert words(span, passages) == expected
    assert span.margin is not None
    assert span.margin > 0


def test_the_reader_is_less_sure_of_what_is_not_there(reader: SpanReader) -> None:
    passages = [passage("The lighthouse at Cape Merrow was built by Ada Thorne in 1881.")]
    there = reader.read("Who built the lighthouse?", passages)
    missing = reader.read("How many ships did the lighthouse save?", passages)
    assert there.margin is not None
    assert missing.margin is not None
    assert there.margin > missing.margin + 2


def test_an_answer_stays_within_its_sentence_and_is_made_of_whole_words(
    reader: SpanReader,
) -> None:
    first, second = "Thorne lived in Merrowhaven-on-Sea.", "Thornefield burned in 1902."
    passages = [passage(f"{first} {second}", first, second)]
    for question in ("Where did Thorne live?", "What burned?", "Thorne?", "1902"):
        span = reader.read(question, passages)
        text = passages[0].text
        assert any(c.start <= span.start < span.end <= c.end for c in passages[0].sentences)
        assert not (text[span.start - 1 : span.start].isalnum() and text[span.start].isalnum())
        assert not (text[span.end - 1].isalnum() and text[span.end : span.end + 1].isalnum())


def test_a_question_is_no_answer_where_anything_else_stands(reader: SpanReader) -> None:
    asked, told = "Did Ada Thorne build the tower?", "No, her brother did."
    passages = [passage(f"{asked} {told}", asked, told)]
    assert words(reader.read("Who built the tower?", passages), passages) == "her brother"
    alone = reader.read("Who built the tower?", [passage(asked)])
    assert alone.margin is not None
    assert alone.margin > 0


@pytest.mark.parametrize(
    ("question", "told", "beside", "expected"),
    [
        ("What did the guard ask?", 'He asked her, "Who goes there?"', "She went home.", "Who"),
        ("What is the film called?", 'The film is called "Is It Late?"', "It won none.", "Is It"),
        ("What should I ask?", "Ask the landlord: is heating included?", "Take a friend.", "heat"),
    ],
)
def test_a_sentence_that_only_ends_in_a_question_may_answer(
    reader: SpanReader, question: str, told: str, beside: str, expected: str
) -> None:
    passages = [passage(f"{told} {beside}", told, beside)]
    assert expected in words(reader.read(question, passages), passages)


def test_retrieval_counts_where_the_words_say_alike(reader: SpanReader) -> None:
    twins = [passage("The tower was built by Ada Thorne.", prior=p) for p in (2.0, 9.0)]
    assert reader.read("Who built the tower?", twins).passage == 1


def test_what_could_not_be_better_is_not_read(reader: SpanReader) -> None:
    model = reader._model()
    read: list[int] = []

    def counting(rows: Rows) -> np.ndarray:
        read.append(len(rows.ids))
        return model.network(rows)

    counted = SpanReader(lambda: model._replace(network=counting, exact=None))
    sure = passage("The tower was built by Ada Thorne in 1881.", prior=10.0)
    doubtful = [passage(f"A gull number {n} sat there.", prior=1.0) for n in range(5)]
    span = counted.read("Who built the tower?", [*doubtful, sure])
    assert (span.passage, sum(read)) == (5, 1)

    read.clear()
    close = [passage(f"A gull number {n} sat there.", prior=9.5) for n in range(5)]
    assert counted.read("What sat there?", [*close, sure]).passage < 5
    assert sum(read) > 1


def test_the_sentence_is_read_alone_too_and_its_neighbours_do_not_count(
    reader: SpanReader,
) -> None:
    built, moved = "Ada Thorne built the tower in 1881.", "It was moved to the cape."
    beside = reader.read("When was it built?", [passage(f"{built} {moved}", built, moved)])
    by_itself = reader.read("When was it built?", [passage(built)])
    assert beside.verified == pytest.approx(by_itself.verified, abs=1e-4)
    assert beside.verified != pytest.approx(beside.margin, abs=0.01)


def test_a_sentence_that_leans_on_the_one_before_it_is_read_with_that_one(
    reader: SpanReader,
) -> None:
    named, told = "The port office spoke of Alda Line.", "It said that the line owes two million."
    after = "Nobody else was asked."
    question = "How much does Alda Line owe?"
    text = f"Rain fell. {named} {told} {after}"
    span = reader.read(question, [passage(text, "Rain fell.", named, told, after)])
    together = reader.read(question, [passage(f"{named} {told}", named, told)])
    assert span.verified == pytest.approx(together.verified, abs=1e-4)
    bare = reader.read(question, [passage(told)])
    assert span.verified != pytest.approx(bare.verified, abs=0.01)


def test_a_sentence_in_between_that_cannot_be_the_answer_ends_it(reader: SpanReader) -> None:
    told = ("Glue the sole to repair the boot.", "Why is that?", "Clean it to repair the boot.")
    span = reader.read("How do you repair the boot?", [passage(" ".join(told), *told)])
    assert span.end <= len(told[0])
    assert span.next_lead is None


def test_across_passages_not_here_counts_less_than_within_them(reader: SpanReader) -> None:
    """Both answers are as far ahead of "not here"; where that scores more, so does the answer."""
    passages = [passage("ann"), passage("ben")]
    model = reader._model()
    ben = model.tokenizer.encode("Who?", "ben").ids

    def scored(rows: Rows) -> np.ndarray:
        null = 4.0 if rows.ids[0].tolist() == ben else 0.0
        scores = np.full((1, rows.ids.shape[1], 2), -9.0)
        scores[0, 0] = null / 2
        scores[0, len(ben) - 2] = (null + 3.0) / 2
        return scores

    fake = model._replace(network=scored, exact=None, verifier=None)
    assert SpanReader(lambda: fake).read("Who?", passages).passage == 1
    assert SpanReader(lambda: fake, null_weight=0.0).read("Who?", passages).passage == 0


def test_the_verifier_reads_the_sentence_with_layers_of_its_own(reader: SpanReader) -> None:
    model = reader._model()
    assert model.verifier is not None
    rows = Rows.of([model.tokenizer.encode("Who built it?", "Ann built it.")])
    verdict = model.verifier(rows)
    assert verdict.shape == model.network(rows).shape
    assert not np.allclose(verdict, model.network(rows), atol=0.1)
    span = reader.read("Who built it?", [passage("Ann built it.")])
    inner = verdict[0, rows.types[0] == 1][:-1]
    assert span.verified == pytest.approx(
        max(start + end for first, start in enumerate(inner[:, 0]) for end in inner[first:, 1])
        - verdict[0, 0].sum(),
        abs=0.05,
    )


def marks(model: Model, said: dict[str, float]) -> Callable[[Rows], np.ndarray]:
    """A network that gives the words their margins, and all else less."""
    margins = {model.tokenizer.token_to_id(word): margin for word, margin in said.items()}

    def scored(rows: Rows) -> np.ndarray:
        scores = np.full((1, rows.ids.shape[1], 2), -9.0)
        scores[0, 0] = 0.0
        for at, word in enumerate(rows.ids[0].tolist()):
            if word in margins:
                scores[0, at] = margins[word] / 2
        return scores

    return scored


@pytest.mark.parametrize(
    ("behind", "verified", "chosen"),
    [
        (1.0, 1.3, 1),  # close, and the verifier holds it for the better one
        (1.0, 1.2, 0),  # close, but not by enough
        (1.45, 9.0, 1),
        (1.55, 9.0, 0),  # too far behind to be looked at
    ],
)
def test_where_two_sentences_come_close_the_verifier_decides_with(
    reader: SpanReader, behind: float, verified: float, chosen: int
) -> None:
    model = reader._model()
    fake = model._replace(
        network=marks(model, {"ann": 5.0, "ben": 5.0 - behind}),
        exact=None,
        verifier=marks(model, {"ann": 0.0, "ben": verified}),
    )
    span = SpanReader(lambda: fake).read("Who?", [passage("ann"), passage("ben")])
    assert span.passage == chosen
    assert span.verified == pytest.approx(verified if chosen else 0.0)
    assert span.lead == pytest.approx(0.0 if chosen else behind)


def test_the_verifier_looks_at_three_sentences_at_most(reader: SpanReader) -> None:
    model = reader._model()
    close = {"ann": 5.0, "ben": 4.9, "tom": 4.8, "dan": 4.7}
    verdicts = {"ann": 0.0, "ben": 0.0, "tom": 2.0, "dan": 9.0}
    fake = model._replace(network=marks(model, close), exact=None, verifier=marks(model, verdicts))
    span = SpanReader(lambda: fake).read("Who?", [passage(name) for name in close])
    assert span.passage == 2


def test_a_sentence_after_the_chosen_one_may_have_the_better_score(reader: SpanReader) -> None:
    model = reader._model()
    fake = model._replace(
        network=marks(model, {"ann": 4.5, "ben": 5.0}),
        exact=None,
        verifier=marks(model, {"ann": 3.0, "ben": 0.0}),
    )
    span = SpanReader(lambda: fake).read("Who?", [passage("ann. ben.", "ann.", "ben.")])
    assert span.end == len("ann")
    assert span.next_lead == pytest.approx(-0.5)


def test_without_a_verifier_the_best_score_is_chosen(reader: SpanReader) -> None:
    model = reader._model()
    network = marks(model, {"ann": 5.0, "ben": 4.0})
    looks = 0

    def counted(rows: Rows) -> np.ndarray:
        nonlocal looks
        looks += 1
        return network(rows)

    fake = model._replace(network=counted, exact=None, verifier=None)
    span = SpanReader(lambda: fake).read("Who?", [passage("ann"), passage("ben")])
    assert span.passage == 0
    assert looks == 3


def test_other_weights_have_no_verifier_and_look_at_the_sentence_themselves() -> None:
    shipped = Path(str(resources.files("index") / "data" / "reader.safetensors"))
    span = SpanReader.packaged(shipped).read("Who built it?", [passage("Ann built it.")])
    assert span.verified == span.margin


def test_it_tells_how_far_the_next_sentence_is_behind(reader: SpanReader) -> None:
    told = ("Ada Thorne built the tower.", "Ben Hale built the tower too.", "A gull sat there.")
    span = reader.read("Who built the tower?", [passage(" ".join(told), *told)])
    assert span.next_lead is not None
    assert span.lead == span.next_lead < 4
    last = reader.read("What sat there?", [passage(" ".join(told), *told)])
    assert last.next_lead is None
    assert span.previous_lead is None
    assert last.previous_lead is not None
    assert last.previous_lead >= last.lead > 0


def test_what_is_too_long_is_cut_as_the_tokenizer_would_cut_it(reader: SpanReader) -> None:
    pairs = [("Who built it?", "Ada built it, and a gull sat there. " * 60), ("When?", "In 1881.")]
    own = reader._model().tokenizer.encode_batch(pairs)
    cutting = Tokenizer.from_str(packaged_tokenizer().to_str())
    cutting.enable_truncation(MAX_TOKENS, strategy="only_second")
    cut = cutting.encode_batch(pairs)
    assert [len(row.ids) for row in own] == [667, 8]
    for found, expected in zip(Rows.of(own, 0, MAX_TOKENS), Rows.of(cut), strict=True):
        assert found.tolist() == expected.tolist()
    assert Rows.of(own[1:], 0, MAX_TOKENS).ids.shape == (1, 8)


def test_a_passage_longer_than_the_network_reads_still_gets_an_answer(reader: SpanReader) -> None:
    text = "word " * 600 + "end."
    passages = [ReadingPassage(text, (Candidate(2900, len(text), 0.4),))]
    span = reader.read("What is at the end?", passages)
    assert (span.start, span.end, span.margin) == (2900, len(text), 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "\u202eevil\u202c text",
        "\u0661\u0662 \u4e2d\u6587",
        "x" * 900,
        "[SEP] [CLS] [MASK]",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ],
)
def test_odd_text_is_read_without_complaint(reader: SpanReader, text: str) -> None:
    passages = [passage(text)]
    span = reader.read(f"What about {text}?"[:200], passages)
    assert 0 <= span.start < span.end <= len(text)


def test_a_reader_without_its_weights_says_what_to_do(tmp_path: Path) -> None:
    broken = SpanReader.packaged(tmp_path / "missing.safetensors")
    with pytest.raises(ModelError, match="set READER to none"):
        broken.read("Who?", [passage("Nobody.")])


def test_any_extractive_model_may_be_named(tmp_path: Path) -> None:
    """A model of another family, with weights of chance: its spans still lie in a sentence."""
    save_small_roberta(tmp_path)
    named = SpanReader.named(str(tmp_path))
    first, second = "Ann built the tower.", "It stands by the sea."
    two = passage(f"{first} {second}", first, second)
    span = named.read("Who built it?", [two])
    assert any(one.start <= span.start < span.end <= one.end for one in two.sentences)
    assert span.margin is not None


def test_what_a_named_model_makes_up_for_is_not_known_so_all_is_read(tmp_path: Path) -> None:
    save_small_roberta(tmp_path)
    named = SpanReader.named(str(tmp_path))
    model = named._model()
    read: list[int] = []

    def counting(rows: Rows) -> np.ndarray:
        read.append(len(rows.ids))
        return model.network(rows)

    named._loaded = model._replace(network=counting, verifier=model.network)
    far = [passage(f"A gull number {n} sat there.", prior=-99.0) for n in range(3)]
    named.read("Who built it?", [passage("Ann built the tower.", prior=99.0), *far])
    assert sum(read) == 4


def test_a_space_that_is_a_token_is_no_answer(tmp_path: Path) -> None:
    save_small_roberta(tmp_path)
    model = SpanReader.named(str(tmp_path))._model()
    question, text = "Who built it?", "Ann built the tower. It stands by the sea."
    encoding = model.tokenizer.encode(question, text)
    pairs = zip(encoding.offsets, encoding.sequence_ids, strict=True)
    spaces = [at for at, ((start, end), of) in enumerate(pairs) if of == 1 and start == end]
    assert spaces

    def network(rows: Rows) -> np.ndarray:
        scores = np.zeros((*rows.mask.shape, 2), dtype=np.float32)
        scores[:, [at for at in spaces if at < scores.shape[1]]] = 9
        return scores

    span = SpanReader(lambda: model._replace(network=network)).read(question, [passage(text)])
    assert span.start < span.end


def test_a_name_that_is_no_extractive_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="give a name or folder"):
        SpanReader.named(str(tmp_path)).read("Who?", [passage("Nobody.")])


def save_small_roberta(folder: Path) -> None:
    words = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words.train_from_iterator(["Ann built the tower by the sea"], special_tokens=special)
    words.save(str(folder / "bpe.json"))
    tokenizer = RobertaTokenizerFast(tokenizer_file=str(folder / "bpe.json"))
    tokenizer.save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=300, type_vocab_size=1,
    )  # fmt: skip
    RobertaForQuestionAnswering(config).save_pretrained(folder)


def test_the_runtime_computes_what_the_trained_network_does(reader: SpanReader) -> None:
    """Padded rows of unequal lengths, against torch in the precision it was trained in."""
    trained = SpanModel.from_embedding(packaged_model())
    trained.load(Path(str(resources.files("index") / "data" / "reader.safetensors")))
    exact = SpanReader.packaged(half=False)
    pairs = [("Who built it?", "Ann built the tower."), ("When?", "Long ago. " * 30)]
    rows = Rows.of(packaged_tokenizer().encode_batch(pairs))
    found, expected = exact._model().network(rows), TorchNetwork(trained)(rows)
    assert np.allclose(found[rows.mask > 0], expected[rows.mask > 0], atol=1e-3)
    fast = reader._model().network(rows)
    assert np.allclose(fast[rows.mask > 0], expected[rows.mask > 0], atol=0.5)


def test_upper_layers_compute_what_they_would_as_part_of_the_whole() -> None:
    shipped = Path(str(resources.files("index") / "data" / "reader.safetensors"))
    trained = _Trained.read(shipped)
    weights = {**trained.layers, **embeddings(packaged_weights())}
    whole, lower = Bert(weights, head=trained.head), Bert(weights, layers=2)
    upper = Upper(trained.layers, 2, trained.head)
    pairs = [("Who built it?", "Ann built the tower."), ("When?", "Long ago. " * 30)]
    rows = Rows.of(packaged_tokenizer().encode_batch(pairs))
    above, scores = upper(lower(rows), rows.mask), whole(rows)
    assert np.allclose(above[rows.mask > 0], scores[rows.mask > 0], atol=1e-3)
