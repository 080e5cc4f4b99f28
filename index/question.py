"""Is this a question, in words, in a language that the model knows?

Pure: text in, a decision or an error out. It errs on the side of answering. Whatever
could be about an article is searched for; only a whole turn that is nothing but a
greeting, an order to the bot or a hand on the keyboard is `Kind.CHAT` from the start.
`chats` tells small talk from questions among what no article answers.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

from index.errors import LanguageError, QuestionError
from index.languages import classify
from index.types import Kind

# Drawn as nothing at all, though Unicode calls them letters, marks or symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class Checked:
    """A question fit to be searched for, and whether it asks or only chats.

    ``text`` is in NFC, on one line, single-spaced, and free of characters that cannot
    be seen. ``kind`` is `Kind.SPAN` for a question to answer, or `Kind.CHAT`.
    """

    text: str
    kind: Kind


def check(question: str, *, max_chars: int, english_only: bool) -> Checked:
    """Normalise a question and say what kind of turn it is.

    Raises QuestionError for one that is empty, longer than ``max_chars`` once normalised,
    or has neither letter nor digit; LanguageError for one in another language when
    ``english_only``.
    """
    text = normalise(question)
    if not text:
        raise QuestionError("The question is empty. Write what you want to know.")
    if len(text) > max_chars:
        raise QuestionError(
            f"The question has {len(text):,} characters, and at most {max_chars:,} are read."
            " Ask one thing in a sentence or two."
        )
    if not any(char.isalnum() for char in text):
        raise QuestionError(
            f"The question has no words: {text[:40]!r}. Write what you want to know in words."
        )
    if _is_chat(text):
        return Checked(text, Kind.CHAT)
    if english_only and _is_foreign(text):
        raise LanguageError(
            f"This looks like no English: {text[:60]!r}. This model understands only English,"
            " so please ask in English."
        )
    return Checked(text, Kind.SPAN)


def normalise(question: str) -> str:
    """NFC, whitespace collapsed, and no control, bidi or otherwise invisible characters.

    Idempotent, and the result can always be encoded as UTF-8.
    """
    spaced = "".join(" " if char.isspace() else char for char in question)
    seen = "".join(
        char
        for char in spaced
        if char not in _BLANK and unicodedata.category(char) not in _UNSEEN_CATEGORIES
    )
    return " ".join(unicodedata.normalize("NFC", seen).split())


# --- Chat: each pattern must match a whole turn, lower case and without its punctuation.

_ADDRESSEE = (
    r"(?: (?:there|bot|article ?bot|dear|friends?|buddy|mate|man|dude|bro|guys|all|everyone"
    r"|everybody|folks|again|team|sir|chat|you|today|now|doing))*"
)
_PLEASE = r"(?:(?:please|pls|plz|now|ok|okay|hey|bot|just|(?:can|could|will|would) (?:you|u)) )*"
_ADJECTIVE = (
    r"(?:stupid|dumb|useless|ugly|bad|terrible|awful|annoying|boring|an? idiot|idiot|trash|garbage"
    r"|wrong|mean|rude|lame|crap|shit|good|great|nice|smart|cute|cool|awesome|amazing|funny"
    r"|the best|sweet|clever|lovely)"
)
_GREETING = (
    r"(?:(?:hi+|hey+|hello+|hiya|heya|yo+|howdy|greetings|hola|bonjour|hallo|ciao|namaste|sup|gm"
    r"|gn|whats up|good (?:morning|afternoon|evening|night|day)|morning|welcome back)"
    rf"{_ADDRESSEE}(?: |$))+"
)
_HOW_ARE_YOU = (
    rf"(?:(?:hi|hey|hello){_ADDRESSEE} )?(?:how (?:are|r) (?:you|u|ya)|hows (?:it going|life)"
    rf"|how (?:do you|you) do(?:ing)?|how is it going|how have you been){_ADDRESSEE}"
)
_THANKS = (
    r"(?:(?:ok|okay|great|cool|many|no) )?"
    r"(?:thanks|thank (?:you|u)|thx|ty|tysm|cheers|merci|gracias)"
    r"(?: (?:so much|very much|a lot|a million|a bunch|anyway"
    rf"|for (?:the|your|all your|all the) (?:help|answers?|info|information)))*{_ADDRESSEE}"
)
_GOODBYE = (
    r"(?:bye(?: bye)?|good ?bye|cya|see (?:you|ya)|farewell)"
    rf"(?: (?:later|soon|tomorrow|for now))*{_ADDRESSEE}"
)
_INTERJECTION = (
    r"ok|okay|kk?|yes|yeah|yep|no|nope|nah|sure|lol|lmao|rofl|wow|omg|cool|nice|great|awesome"
    r"|perfect|sorry|please|hm+|um+|uh+|ah+|oh+|huh|meh|test|testing|test test|ping|pong|help"
    r"|help me|brb|gg|wtf|never ?mind|got it|i see|oh ok|(?:ha){2,}h?|(?:he){2,}|x+d+"
    r"|lo(?:lo)+l?|blah?(?: ?blah?)*"
)
_ABOUT_THE_BOT = (
    r"(?:(?:so|and|hey) )?(?:who|what)(?: are|re| r) (?:you|u)(?: exactly| anyway)?"
    r"|(?:are|r) (?:you|u) (?:an? |the )?(?:(?:ro|chat)?bot|human|person|real|ai|alive|machine"
    r"|chatgpt|gpt|sentient|ok|okay|there|sure|stupid|dumb|drunk|kidding)(?: person| or not)?"
    r"|what(?: i|)s (?:your|ur) (?:name|age|purpose|favou?rite \w+)"
    r"|(?:who|what) (?:made|created|built|programmed|trained|owns) (?:you|u)"
    r"|(?:what|how) can (?:you|u) (?:do|help)(?: for me| me)?"
    r"|(?:can|could|will) (?:you|u) help(?: me)?(?: please| out)?"
    r"|how old are (?:you|u)|where are (?:you|u) from|do (?:you|u) (?:love|like|hate) me"
    r"|(?:will|would) (?:you|u) (?:marry|date) me"
)
_PRAISE_OR_ABUSE = (
    r"(?:you|u)(?: are|re| r|)(?: (?:so|such|a|an|the|very|really|just|too|pretty))*"
    rf" {_ADJECTIVE}(?: (?:{_ADJECTIVE}|bot|robot|ai|machine|thing))*"
    rf"|(?:what a |such a )?{_ADJECTIVE} (?:ro)?bot|(?:you|u|this bot) sucks?|shut up(?: bot)?"
    r"|(?:fuck|screw|damn) (?:you|u|off|this)|go away"
    r"|i (?:love|hate|like|miss) (?:you|u)(?: bot)?"
)
# Orders open the turn; in the middle of one they are quoted, and may be asked about.
_OVERRIDE = (
    rf"{_PLEASE}(?:ignore|disregard|forget|override|bypass)"
    r"(?: (?:all|any|every|everything|the|your|my|our|of|these|those|this|other|system|in))*"
    r"(?: (?:previous|prior|above|earlier|preceding|past|existing|initial|original))*"
    r" (?:instructions?|prompts?|rules|directions|guidelines|messages|commands|context)\b.*"
    rf"|{_PLEASE}(?:ignore|disregard|forget) (?:everything|all)"
    r"(?: (?:above|before|that|you|i|we|was|were|said|told|know|learned)\b.*)?"
)
_ACT = (
    r"(?:from now on |now )?you are now .*"
    rf"|{_PLEASE}(?:pretend (?:to be|that you|you|youre|that youre)|act (?:as|like) an?"
    r"|role ?play as) .*"
)
_REVEAL = (
    rf"{_PLEASE}(?:reveal|show|print|repeat|output|give|tell|leak)(?: me| us)?"
    r" (?:(?:all )?your|the (?:system|hidden|secret|initial|original))"
    r"(?: (?:system|hidden|secret|initial|original|full))* (?:prompt|instructions)(?: .*)?"
)
_COMPOSE = (
    rf"{_PLEASE}(?:write|compose|create|generate|make|make up|sing|tell|invent)(?: me| us)?"
    r"(?: (?:an?|some|another))?"
    r"(?: (?:short|long|funny|little|good|nice|bad|love|bedtime|scary|sad|rap|new))*"
    r" (?:poems?|songs?|jokes?|story|stories|haikus?|limericks?|raps?|lyrics|riddles?|essays?"
    r"|emails?|code|scripts?|novels?|sonnets?|fairy ?tales?|(?:python |java ?script )?programs?)"
    r"(?: (?:about|for|on|of|that|to|in|with) .*)?"
)
_PERFORM = (
    rf"{_PLEASE}translate .*\b(?:to|into) (?:english|french|spanish|german|italian|portuguese|dutch"
    r"|chinese|mandarin|japanese|korean|russian|arabic|hindi|turkish|polish|swedish|latin|pirate)"
    rf"|{_PLEASE}say (?:hi|hello|cheese|goodbye)(?: .*)?"
    rf"|{_PLEASE}say (?:something|anything)(?: nice| funny| else)?"
    r"|repeat after me .*|do my homework|(?:entertain|amuse) me"
)
_CHAT = tuple(
    re.compile(pattern)
    for pattern in (
        *(_GREETING, _HOW_ARE_YOU, _THANKS, _GOODBYE, _INTERJECTION, _ABOUT_THE_BOT),
        *(_PRAISE_OR_ABUSE, _OVERRIDE, _ACT, _REVEAL, _COMPOSE, _PERFORM),
    )
)


def _is_chat(text: str) -> bool:
    words = re.findall(r"[^\W_]+", re.sub(r"['\u2019`]", "", text.lower()))
    bare = " ".join(words)
    if any(pattern.fullmatch(bare) for pattern in _CHAT) or _is_mash(text):
        return True
    return _is_emoticon(text) or _is_small_talk(words)


# --- Small talk: every word is one that people chat with, and at least one is nothing else.

_LONGEST_SMALL_TALK = 12
"""Words."""


@cache
def _small_talk() -> dict[str, frozenset[str]]:
    raw = tomllib.loads((resources.files("index") / "data" / "small_talk.toml").read_text("utf-8"))
    return {name: frozenset(words.split()) for name, words in raw.items()}


def _is_small_talk(words: list[str]) -> bool:
    """Whether a turn of familiar words only chats; one that asks must ask it of the bot."""
    known = _small_talk()
    if not words or len(words) > _LONGEST_SMALL_TALK or not known["chatting"].intersection(words):
        return False
    if words[0] in known["asks"] and not known["to_the_bot"].intersection(words):
        return False
    return all(word in known["chatting"] or word in known["filling"] for word in words)


_FOREIGN_MATTER = 0.3
"""The share of a question's words that an article holds, below which it is not about it."""


def chats(text: str, coverage: float) -> bool:
    """Whether a turn that no article answers was said to the bot, or says nothing at all.

    ``coverage`` is the share of its words (by weight, 0..1) that the nearest passage holds.
    Only for what is declined anyway: it decides between "the article does not say" and a
    friendly line, never whether to answer.
    """
    known = _small_talk()
    words = re.findall(r"[^\W_]+", re.sub(r"['\u2019`]", "", text.lower()))
    if coverage >= _FOREIGN_MATTER or not words:
        return False
    if known["to_the_bot"].intersection(words):
        return True
    if words[0] in known["asks"]:
        return False
    if words[0] in known["orders"] and words[1:2] and words[1] in known["ordered"]:
        return True
    if (known["chatting"] | known["feeling"]).intersection(words):
        return True
    return not coverage and not known["asks"].intersection(words) and "?" not in text


_EMOTICON = re.compile(r"(?:[:;=x8]['\u2019]?-?[dpo)(3|\\/]+|<3+|[xo^]_+[xo^]|x+d+)", re.IGNORECASE)


def _is_emoticon(text: str) -> bool:
    return all(_EMOTICON.fullmatch(part) for part in text.split())


# Runs along one row of the keyboard that no English word contains. (`wert`, `erty` and
# `trew` are left out for "wertherism", "property" and "strewn"; "qwerty" has a history.)
_WALKS = (
    *("asdf", "sdfg", "dfgh", "fghj", "ghjk", "hjkl", "zxcv", "xcvb", "cvbn", "vbnm"),
    *("fdsa", "gfds", "hgfd", "jhgf", "kjhg", "lkjh", "vcxz", "bvcx", "nbvc", "mnbv"),
    *("rtyu", "tyui", "yuio", "uiop", "poiu", "oiuy", "iuyt", "uytr"),
)
_CONSONANT_RUN = re.compile(r"[bcdfghjklmnpqrstvxz]{6,}")


def _is_mash(text: str) -> bool:
    """Whether every word is a hand on the keyboard; names and abbreviations are not."""
    words = re.findall(r"[^\W\d_]+", text)
    if not words or len(words) > 3 or any(char.isdigit() for char in text):
        return False
    return all(_is_mashed_word(word) for word in words)


def _is_mashed_word(word: str) -> bool:
    lower = word.lower()
    if re.fullmatch(r"(.)\1{4,}", lower) or any(walk in lower for walk in _WALKS):
        return True
    vowels = sum(char in "aeiouyw" for char in lower)
    # "strengths" has five consonants in a row; "knightsbridge" six, but enough vowels.
    return word.islower() and vowels < 0.2 * len(word) and bool(_CONSONANT_RUN.search(lower))


# --- Language.

# Words that English alone has among the languages written with Latin letters: not "is"
# (Dutch), "was" (German), "has" (Spanish), "will" (German), "by" (Danish), "do" (Polish).
_ENGLISH = re.compile(
    r"the|whats?|which|whos?|whose|whom|hows?|why|wheres?|whens?|does|doesnt|did|didnt|dont|were"
    r"|werent|have|havent|with|without|from|about|thats?|this|these|those|theres?|their|they|theyre"
    r"|them|would|could|should|because|much|many|any|you|your|than|into|between|during|after|before"
    r"|tell|give|list"
)
# How questions begin elsewhere. Words that are also names ("Kim", "Chi", "Nani") are left out.
_FOREIGN = re.compile(
    r"qui[eé]n|quienes|cu[aá]nt[oa]s?|cu[aá]ndo|d[oó]nde|cu[aá]l|cuáles|cómo|qué"  # Spanish
    r"|wer|wie|warum|wann|welche[rs]?|wieviel|wurde|ist|sind"  # German
    r"|qui|quel(?:le)?s?|combien|pourquoi|où|quand"  # French
    r"|quando|perch[eé]|quale|quem|quant[oa]s?|onde"  # Italian, Portuguese
    r"|hoeveel|waarom|waar|wanneer|welke"  # Dutch
    r"|vem|hvem|hvor|varför|hvorfor|vad|hvad|hva|når|när"  # Swedish, Danish, Norwegian
    r"|kuka|kuinka|mikä|missä|miksi|milloin"  # Finnish
    r"|kto|ile|dlaczego|gdzie|kiedy|czy|jaki|kdo|kolik|proč|kde|kdy|jaký"  # Polish, Czech
    r"|tko|koliko|gdje|zašto|kas|kiek|kodėl"  # Croatian, Lithuanian
    r"|mennyi|miért|mikor|hány|cine|câți|unde|când|cât"  # Hungarian, Romanian
    r"|kaç|neden|nerede|siapa|berapa|apa|mengapa|kapan|dimana|sino|bakit"  # Turkish, Malay, Tagalog
)
# Nigerian Pidgin reads like English ("Why did Samuel step down?"), and Scots is not told apart.
_READ_AS_ENGLISH = frozenset({"en", "pcm"})


def _is_foreign(text: str) -> bool:
    """Whether a question is surely in another language than English."""
    text = unicodedata.normalize("NFKC", text)  # letters in fancy dress are still Latin ones
    words = re.findall(r"[^\W\d_]+", re.sub(r"['\u2019]", "", text.lower()))
    if any(_ENGLISH.fullmatch(word) for word in words):
        return False
    letters = [char for char in text if char.isalpha()]
    latin = sum(unicodedata.name(char, "").startswith("LATIN") for char in letters)
    if 2 * latin < len(letters):
        return True
    if len(words) < 2:  # one word may be any name
        return False
    return _other_language(text) >= _certainty_needed(text, words)


def _certainty_needed(text: str, words: list[str]) -> float:
    """How probable another language must be; a foreign question word settles most doubts."""
    if "¿" in text or _FOREIGN.fullmatch(words[0]):
        return 0.3
    # "Côte d'Ivoire capital" is 0.78 French: a foreign name weighs much in a short question.
    return 0.5 if any(_FOREIGN.fullmatch(word) for word in words) else 0.92


def _other_language(text: str) -> float:
    """Probability, 0..1, that the likeliest language is the right one; 0 if it is English."""
    language, probability = classify(text)
    return 0.0 if language in _READ_AS_ENGLISH else probability
