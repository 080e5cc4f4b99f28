"""What is stored of a source, to the code point, and what is refused with which words."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from index import SourceError
from index.sources import read

DATA = Path(__file__).parent.parent / "data" / "sources"
MB = 1_000_000


def read_text(text: str, media_type: str = "text/plain", **options):
    return read(text.encode(), media_type=media_type, max_bytes=10 * MB, **options)


def refusal(source, **options) -> str:
    with pytest.raises(SourceError) as caught:
        read(source, **{"max_bytes": 10 * MB, **options})
    return str(caught.value)


def headings(document) -> list[str]:
    return [document.text[start:end] for start, end in document.headings]


# --- Plain text is stored as it is.

readable = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t\x0b\x0c")
)


@given(readable)
@example("a\r\nb\rc\n\u2028d\u2029\x85e")
@example("a\u202eb\u200bc")
@example("a\ufeffb")
def test_plain_text_is_stored_code_point_for_code_point(text):
    assume(any(char.isalnum() for char in text))
    assume(not text.startswith("\ufeff"))
    assert read_text(text).text == text


@given(readable, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_a_byte_order_mark_names_the_encoding_and_is_no_text(text, encoding):
    assume(any(char.isalnum() for char in text))
    data = text.encode(encoding)
    assert read(data, media_type="text/plain", max_bytes=10 * MB).text == text


def test_a_file_keeps_its_line_ends_and_a_few_control_characters(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"First line here\r\nsecond\rthird \x1b[1mbold\x1b[0m\n")
    document = read(path, max_bytes=MB)
    assert document.text == "First line here\r\nsecond\rthird \x1b[1mbold\x1b[0m\n"


@pytest.mark.parametrize(
    "text",
    ["word", "no sentence ends here and none there", "x" * 100_000, "é", "2020"],
    ids=["one word", "no sentence end", "100,000 without a space", "a letter", "a number"],
)
def test_unusual_texts_are_articles_too(text):
    assert read_text(text).text == text


# --- Encodings.


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("caf\u00e9", "cp1252"),
        ("S\u00e3o Paulo is \u201cbig\u201d \u2014 it\u2019s a city.", "cp1252"),
        ("Zażółć gęślą jaźń, a potem idź do domu i śpij spokojnie.", "cp1250"),
        ("Сколько денег потеряли компании в этом году? Очень много.", "cp1251"),
        ("北京市長は誰ですか？これは少し長い文です。", "cp932"),
        ("谁是北京市长？这是一个很长的句子。", "gb18030"),
    ],
)
def test_an_undeclared_encoding_is_recognised(text, encoding):
    assert read(text.encode(encoding), max_bytes=MB).text == text


def test_the_charset_that_comes_with_the_media_type_is_used():
    data = "Привет, мир".encode("koi8-r")
    document = read(data, media_type="text/plain; charset=KOI8-R", max_bytes=MB)
    assert document.text == "Привет, мир"


def test_latin_1_means_windows_1252_as_in_browsers():
    data = "It\u2019s".encode("cp1252")
    document = read(data, media_type="text/plain; charset=iso-8859-1", max_bytes=MB)
    assert document.text == "It\u2019s"


@pytest.mark.parametrize(
    ("data", "media_type", "words"),
    [
        (b"caf\xe9", "text/plain; charset=utf-8", "was sent as 'utf-8'"),
        (b"<html><meta charset=utf-8><p>caf\xe9", None, "declares 'utf-8'"),
        (b"<html><meta charset='klingon'><p>caf\xe9", None, "declares 'klingon'"),
        (b"\xff\xfea\x00\x00\xd8", None, "mark of utf-16-le"),
        (b"words", "text/plain; charset=klingon", "no known encoding"),
        (b"776f", "text/plain; charset=hex", "no known encoding"),
        (b"a-b", "text/plain; charset=punycode", "no known encoding"),
        (b"\\ud800", "text/plain; charset=unicode_escape", "no known encoding"),
        (b"a +2AA-", "text/plain; charset=utf-7", "surrogates"),
        (bytes(range(128, 256)) * 4, None, "no encoding that can be recognised"),
    ],
)
def test_what_does_not_decode_is_refused(data, media_type, words):
    message = refusal(data, media_type=media_type)
    assert words in message
    assert "Save it as UTF-8" in message or "save it as UTF-8" in message


# --- What is not text.


@pytest.mark.parametrize(
    ("data", "seems"),
    [
        (b"PK\x03\x04" + bytes(26) + b"anything", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"\xff\xd8\xff\xe0\0", "a JPEG image"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP image"),
        (b"\0\0\0\x18ftypmp42", "a video file"),
        (b"{\\rtf1 words}", "an RTF document"),
    ],
)
@pytest.mark.parametrize("media_type", [None, "text/plain", "text/html"])
def test_a_binary_file_is_named_and_refused(data, seems, media_type):
    message = refusal(data, media_type=media_type)
    assert f"seems to be {seems}" in message
    assert "Plain text, Markdown, HTML, PDF, Word (.docx) and EPUB are supported." in message


def test_nul_bytes_and_mostly_control_characters_are_binary():
    assert "NUL bytes" in refusal(b"some\0words")
    assert "seems to be binary: 8 of its 12" in refusal(b"\x01\x02\x03\x04\x05\x06\x07\x08 abc")
    assert "seems to be binary" in refusal("a\0bcdefghijklmn".encode("utf-16"))


def test_a_media_type_that_cannot_be_read_is_refused_by_name():
    message = refusal(b"\x89PNG\r\n\x1a\n", media_type="image/png")
    assert "is of type 'image/png', a PNG image, which cannot be read" in message
    assert "is called a PDF file and is none" in refusal(b"words", media_type="application/pdf")


def test_words_that_begin_like_a_binary_file_are_words():
    assert read(b"ID3 is a tag format.", max_bytes=MB).text == "ID3 is a tag format."


# --- Where it comes from.


def test_a_missing_file_is_named(tmp_path):
    message = refusal(str(tmp_path / "nowhere.md"))
    assert message.startswith("There is no file '")
    assert "nowhere.md'. Check the path" in message
    (tmp_path / "file.txt").write_text("words", encoding="utf-8")
    assert "There is no file" in refusal(tmp_path / "file.txt" / "inner.txt")


def test_a_folder_is_no_article(tmp_path):
    assert "is a folder. Give the path of one file in it." in refusal(tmp_path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "", "  ", "\ud800.txt"])
def test_an_impossible_path_is_a_source_error(path):
    assert refusal(path)


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret.txt"
    path.write_text("words", encoding="utf-8")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything, so the system is made to refuse

        def refuse(*_args, **_options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    assert "may not be read by this program" in refusal(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_pipe_or_an_endless_device_does_not_hang(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    for path in (pipe, Path("/dev/zero")):
        assert "is a device or a pipe" in refusal(path)


def test_a_large_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(50 * MB)
    monkeypatch.setattr(Path, "open", None)  # opening it would fail
    message = refusal(path)
    assert "is too large: 50.0 MB, and at most 10.0 MB are read." in message


def test_the_limit_is_exact_for_bytes_and_files(tmp_path):
    path = tmp_path / "ten.txt"
    path.write_bytes(b"ten bytes!")
    assert read(path, max_bytes=10).text == "ten bytes!"
    assert read(b"ten bytes!", max_bytes=10).text == "ten bytes!"
    assert "10 bytes, and at most 9 bytes" in refusal(path, max_bytes=9)
    assert "10 bytes, and at most 9 bytes" in refusal(b"ten bytes!", max_bytes=9)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n", "nothing but white space"),
        (b"\xef\xbb\xbf", "nothing but white space"),
        ("\u3000\u2003".encode(), "nothing but white space"),
        (b"... --- !!!", "has no words"),
        ("\u200b\u200b😀".encode(), "has no words"),
    ],
)
def test_a_source_without_words_is_refused(data, words):
    assert words in refusal(data, media_type="text/plain")


@pytest.mark.parametrize("media_type", ["text/html", "text/markdown"])
@pytest.mark.parametrize(
    "data",
    [b"<!-- nothing -->", b"<script>alert(1)</script>", b"<frameset><frame src=x></frameset>"],
)
def test_markup_without_words_is_refused(data, media_type):
    assert f"has no words to quote once it is read as {media_type}" in refusal(
        data, media_type=media_type
    )


def test_the_source_of_a_file_is_its_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    assert read("../a.txt", max_bytes=MB).source == str(tmp_path / "a.txt")


def test_uploads_are_the_same_source_by_title_or_by_content_and_never_look_like_a_path():
    named = read(b"words", title="notes.txt", max_bytes=MB)
    assert named.source == "upload:notes.txt"
    assert read(b"words", max_bytes=MB).source == read(b"words", max_bytes=MB).source
    assert read(b"words", max_bytes=MB).source != read(b"other words", max_bytes=MB).source
    assert not Path(read(b"words", title="/etc/passwd", max_bytes=MB).source).is_absolute()


# --- The media type.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "text/plain"),
        ("a.md", "text/markdown"),
        ("a.MARKDOWN", "text/markdown"),
        ("a.html", "text/html"),
        ("a.htm", "text/html"),
        ("a.csv", "text/plain"),
        ("README", "text/plain"),
    ],
)
def test_the_suffix_tells_the_type(tmp_path, name, expected):
    (tmp_path / name).write_text("Some words of an article.", encoding="utf-8")
    assert read(tmp_path / name, max_bytes=MB).media_type == expected


def test_a_given_type_overrules_the_suffix_and_unknown_bytes_are_looked_at(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("# Words", encoding="utf-8")
    assert read(path, max_bytes=MB, media_type="text/markdown; charset=utf-8").text == "Words"
    page = b"\n<!DOCTYPE html><html><body><p>Words of a page.</p></body></html>"
    assert read(page, max_bytes=MB).media_type == "text/html"
    assert read(page, max_bytes=MB, media_type="application/octet-stream").media_type == "text/html"
    assert read(b"a < b and <html> is a tag", max_bytes=MB).media_type == "text/plain"
    assert read_text("a,b", media_type="text/csv").media_type == "text/plain"


# --- Titles.


@pytest.mark.parametrize(
    ("text", "title", "heading"),
    [
        ("Bees of the North\n\nThey are small.", "Bees of the North", (0, 17)),
        ("\r\n  Bees of the North \r\n\r\nThey are small.", "Bees of the North", (4, 21)),
        ("Bees\nThe northern bee lives in cold forests.", "Bees", (0, 4)),
        ("Bees are small.\n\nThey hum.", "Untitled", None),
        ("Who are they?\n\nBees.", "Untitled", None),
        ("Only one line", "Untitled", None),
        ("The northern bee lives in cold\nforests and bogs.", "Untitled", None),
        ("The northern bee of the cold North\nEuropean forests is small.", "Untitled", None),
        ("- bees\n\n- wasps", "Untitled", None),
        ("w" * 121 + "\n\nwords", "Untitled", None),
        ("***\n\nwords", "Untitled", None),
    ],
)
def test_a_first_line_is_the_title_only_if_it_reads_like_one(text, title, heading):
    document = read_text(text)
    assert (document.title, document.headings) == (title, (heading,) if heading else ())


def test_the_title_given_comes_first_then_the_text_then_the_file_name(tmp_path):
    path = tmp_path / "northern_bees.txt"
    path.write_text("Bees\n\nThey hum.", encoding="utf-8")
    assert read(path, title="  My \n bees\u202e ", max_bytes=MB).title == "My bees"
    assert read(path, title=" ", max_bytes=MB).title == "Bees"
    path.write_text("They hum.", encoding="utf-8")
    assert read(path, max_bytes=MB).title == "northern_bees"
    assert read_text("words", title="w" * 500).title == "w" * 199 + "…"


# --- Markdown.


def test_markdown_becomes_readable_text():
    document = read(DATA / "bees.md", max_bytes=MB)
    assert document.text == (
        "Northern bees\n\n"
        "The northern bee lives in cold forests and bogs & fens.\n"
        "It is big small, says bee.size, like a vector<int> with wings.\n\n"
        "Food\n\n"
        "• Heather\n"
        "• Willow\n"
        "  in spring\n"
        "  • white willow\n\n"
        "3. Find a flower.\n"
        "4. Drink from it.\n\n"
        "Bees are the best of us.\n\n"
        "Kind | Weight\n"
        "Queen | 0.2 g\n\n"
        'def hum():\n\n    return "bzz"\n\n'
        "More\n"
        "Bees sleep.\n\n"
        "Return\n\n"
        "A bee on a flower"
    )
    assert headings(document) == ["Northern bees", "Food", "Return"]
    assert document.title == "Bees of the North"
    assert document.media_type == "text/markdown"


def test_markdown_without_front_matter_is_called_by_its_first_heading():
    assert read_text("words\n\n## Bees &amp; *wasps*", "text/markdown").title == "Bees & wasps"


def test_prose_between_two_rules_is_no_front_matter():
    text = "---\nNo field here but prose\n---\nwords"
    assert read_text(text, "text/markdown").text == "No field here but prose\n\nwords"


def test_a_table_keeps_to_itself_between_paragraphs_and_an_empty_list_item_is_nothing():
    text = "one\n\n|a|b|\n|-|-|\n|c|`d|`|\n\n-\n- two\n\nthree"
    assert read_text(text, "text/markdown").text == "one\n\na | b\nc | `d\n\n• two\n\nthree"


def test_markdown_nested_beyond_all_reason_is_refused_and_not_cut():
    assert "nested too deeply" in refusal(b">" * 5000 + b" word", media_type="text/markdown")
    nested = ">" * 100 + " word"
    assert read_text(nested, "text/markdown").text == "word"


words = st.lists(st.from_regex(r"[a-zà-öα-ω]{1,8}", fullmatch=True), min_size=1, max_size=8)
marks = st.sampled_from(
    ["{}", "*{}*", "**{}**", "[{}](http://example.org)", "`{}`", "<b>{}</b>", "~~{}~~"]
)
frames = st.sampled_from(
    [
        "{}\n",
        "# {}\n",
        "## {}\n",
        "- {}\n",
        "> {}\n",
        "7. {}\n",
        "{}\n===\n",
        "    {}\n",
        "- > - {}\n",
        "| {} |\n|---|\n",
        "<div>{}</div>\n",
    ]
)


@st.composite
def markdown(draw):
    """Blocks of marked-up words, and the words alone."""
    blocks, said = [], []
    for _ in range(draw(st.integers(1, 6))):
        block = draw(words)
        said += block
        marked = " ".join(draw(marks).format(word) for word in block)
        blocks.append(draw(frames).format(marked))
    return "\n".join(blocks), said


@given(markdown())
def test_markdown_loses_no_word_of_its_prose(made):
    text, said = made
    document = read_text(text, "text/markdown")
    # An indented block is code, and keeps its marks around the words.
    found = re.findall(
        r"[a-zà-öα-ω]+", re.sub(r"\(http://example.org\)|</?b>|</?div>", " ", document.text)
    )
    assert found == said


@given(markdown())
def test_headings_are_spans_of_the_text_in_order(made):
    document = read_text(made[0], "text/markdown")
    at = 0
    for start, end in document.headings:
        assert at <= start < end <= len(document.text)
        assert "\n" not in document.text[start:end]
        at = end


# --- HTML.


def test_html_becomes_the_article_alone():
    document = read(DATA / "bees.html", max_bytes=MB)
    assert document.text == (
        "Bees of the North\n\n"
        "The northern bee lives in cold forests & bogs, see the map.\nIt is small.\n\n"
        "Food\n\n"
        "Bees eat pollen from heather, and in the spring they visit the willow for €5 a head.\n\n"
        "• Heather honey\n"
        "• Willow honey\n"
        "  • from white willow\n\n"
        "1. Find a flower.\n"
        "2. Drink from it.\n\n"
        "Bees are the best of us.\n\n"
        "Kind | Weight\n"
        "Queen | 0.2 g\n\n"
        "Return\n\n"
        "In 1999 the bees came back, almost all of them, and they have stayed ever since that year."
    )
    assert headings(document) == ["Bees of the North", "Food", "Return"]
    assert document.title == "Bees of the North"
    assert document.media_type == "text/html"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>One <b>two</p>three</b>", "One two\n\nthree"),
        ("<h1>Only a title</h1>", "Only a title"),
        (
            "<h1>Bees</h1><p>They <del>sting</del> hum.</p><ol><li>one<li>two</ol>",
            "Bees\n\nThey sting hum.\n\n1. one\n2. two",
        ),
        (
            "<table><caption>Sizes</caption><tr><td>a<table><tr><td>b</table><td>c</table>end",
            "Sizes\n\na b | c\n\nend",
        ),
        (
            "<pre>one\n  two</pre><p>three<br>four</p><li>five",
            "one\n  two\n\nthree\nfour\n\n• five",
        ),
        ("just words", "just words"),
        ("<pre><span>one<br>two</span></pre>", "one\ntwo"),
        (
            "<h1>Con&#31;trol</h1><p>They\x01 hum &#8212; on&#xFFFF; and on.</p>",
            "Control\n\nThey hum — on and on.",
        ),
        ("<html><body><p>word</p></body></html>", "word"),
    ],
)
def test_malformed_and_tiny_pages_are_read(page, text):
    assert read_text(page, "text/html").text == text


elements = st.sampled_from(
    [
        *("<p>{}</p>", "<h2>{}</h2>", "<div>{}</div>", "{}", "<ul><li>{}</li></ul>", "<ol><li>{}"),
        *("<pre>{}</pre>", "<p>a <code>b</code> {}</p>", "<table><tr><td>{}</td></tr></table>"),
        *("<blockquote><p>{}</blockquote>", "<dl><dt>{}</dt></dl>", "<section>{}</section>"),
    ]
)


@given(st.lists(st.tuples(elements, words), min_size=1, max_size=6))
@example([("<p>{}</p>", ["a"]), ("<ol><li>{}", ["a"]), ("<p>a <code>b</code> {}</p>", ["a"] * 8)])
def test_a_bare_page_loses_no_word(blocks):
    page = "".join(element.format(" ".join(block)) for element, block in blocks)
    said = [
        word
        for element, block in blocks
        for word in (["a", "b"] if "<code>" in element else []) + block
    ]
    # Text that no element divides runs on: only the letters are compared.
    found = re.sub(r"[^a-zà-öα-ω]", "", read_text(page, "text/html").text)
    assert found == "".join(said)


def test_a_page_nested_beyond_the_parsers_limit_is_refused_and_not_cut():
    page = b"<div>" * 5000 + b"deep words" + b"</div>" * 5000
    assert "nested too deeply" in refusal(page, media_type="text/html")


def test_a_pages_title_is_used_without_the_name_of_the_site():
    page = "<html><head><title>On bees | The Hive Times</title></head><body><p>They hum.</p></body></html>"
    assert read_text(page, "text/html").title == "On bees"


# --- Whatever comes.

scraps = st.sampled_from(
    [
        "<html>",
        "<p>",
        "</p>",
        "<table><tr><td>",
        "<li>",
        "<!--",
        "-->",
        "<script>",
        "&#xD800;",
        "&#0;",
        "# ",
        "- ",
        "> ",
        "```\n",
        "| a |\n|---|\n",
        "[a](",
        "](b)",
        "![",
        "---\n",
        "title: x\n",
        "<![CDATA[",
        "<!X",
        "<br>",
        "\n\n",
        "word ",
        "<a href='http://[::1'>",
        "<http://[>",
        "\x01",
        "1. ",
        "***",
        "<meta charset=utf-16>",
    ]
)
anything = st.binary(max_size=200) | st.lists(scraps | st.text(max_size=5), max_size=30).map(
    lambda parts: "".join(parts).encode("utf-8", "replace")
)
types = st.sampled_from(
    [
        None,
        "",
        ";",
        "text/plain",
        "text/markdown",
        "text/html",
        "text/html; charset=utf-16",
        "image/png",
    ]
)


@settings(deadline=None, max_examples=300)
@given(anything, types)
def test_any_bytes_of_any_type_are_a_sound_document_or_a_source_error(data, media_type):
    try:
        document = read(data, media_type=media_type, max_bytes=150)
    except SourceError as error:
        complaint, document = str(error), None
    if document is None:
        assert complaint
        return
    assert any(char.isalnum() for char in document.text)
    assert document.title
    (document.title + document.text + document.source).encode()
    at = 0
    for start, end in document.headings:
        assert at <= start < end <= len(document.text)
        at = end


@given(st.text(max_size=300))
def test_any_text_as_a_path_is_a_source_error(path):
    assume(not os.path.exists(path.strip("\0")))  # noqa: PTH110 - Path.exists raises on long names
    assert refusal(path)


def test_a_letter_of_a_pdf_that_means_nothing_is_stored_as_the_mark_for_that():
    meaning = (
        b"1 begincodespacerange <00> <FF> endcodespacerange 2 beginbfrange"
        b" <20> <7d> <0020> <7e> <7e> <0000> endbfrange"
    )
    page = b"BT /F1 12 Tf 72 700 Td (A king~ a queen.) Tj ET"
    data = (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>endobj\n"
        b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>endobj\n"
        b"4 0 obj<</Length %d>>stream\n%s\nendstream endobj\n"
        b"6 0 obj<</Length %d>>stream\n%s\nendstream endobj\n"
        b"trailer<</Root 1 0 R>>\n%%%%EOF" % (len(page), page, len(meaning), meaning)
    )
    assert read(data, max_bytes=MB).text == "A king\ufffd a queen."
