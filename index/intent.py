"""What sort of answer does a question ask for?

Pure: text in, an `Intent` out. Asking of the article as a whole, or of the article as an
object, must be unmistakable: whatever else could be meant is read in the article.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from index.types import Fact


class Wish(StrEnum):
    """FACT: the very words. REASON: up to three sentences. LIST: several things. VERDICT:
    the sentence that decides. WHOLE: the article in short. OBJECT: the article itself.
    """

    FACT = "fact"
    REASON = "reason"
    LIST = "list"
    VERDICT = "verdict"
    WHOLE = "whole"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Intent:
    """``fact`` is what is asked of an OBJECT; ``named`` what a WHOLE or OBJECT is said to be of,
    in lower case, "" where it is just "the article".
    """

    wish: Wish
    fact: Fact | None = None
    named: str = ""


def intent(question: str) -> Intent:
    """The sort of answer that a normalised question asks for."""
    words = re.findall(r"[^\W_]+", re.sub(r"['\u2019`;]", "", question.lower()))
    bare = _POLITE.sub("", " ".join(words))
    if whole := _WHOLE.fullmatch(bare):
        return Intent(Wish.WHOLE, named=_named(whole))
    for fact, pattern in _OBJECT.items():
        if match := pattern.fullmatch(bare):
            return Intent(Wish.OBJECT, fact, _named(match))
    for wish, pattern in _WISHES.items():
        if pattern.match(bare):
            return Intent(wish)
    return Intent(Wish.FACT)


def _named(match: re.Match[str]) -> str:
    return next((text.strip() for text in match.groupdict().values() if text), "")


_POLITE = re.compile(
    r"^(?:(?:hey|hi|hello|so|and|but|ok|okay|well|pls|plz|please|bot|now|just|quick question"
    r"|(?:do|does) (?:you|u|anyone|anybody|someone) (?:know|remember)"
    r"|(?:tell|remind) (?:me|us)(?= (?:who|what|when|where|why|how|which|the|if|whether)\b)"
    r"|(?:i (?:want|need|would like|d like) to know|i wonder|im wondering|wondering|any idea)) "
    r"|(?:can|could|would|will) (?:you|u|someone|anyone|somebody) (?:please |pls |quickly |just )*"
    r"(?=(?:tell|give|say|explain|list|name|summ?[ae]ri[sz]e|describe|show|sum|recap|outline)\b))+"
)

# What an article calls itself, and what people call it.
_IT = (
    r"(?:(?:this|that|the|your|our|whole|entire|full|current|above|below|of|all) )*"
    r"(?:article|articles|text|page|piece|story|post|document|doc|blog ?post|write ?up|thing|news"
    r"|content|contents|paper|it|this|that|everything|all)"
    r"(?: (?:here|above|below|please|pls|plz|thing|page|now|again|bot|then|you have))*"
)
_SUMMARY = (
    r"(?:(?:a|the|an|your|me|us|some|quick|short|brief|rough|small|little|simple|very|good) )*"
    r"(?:summary|sumary|summery|overview|synopsis|abstract|recap|outline|gist|tl ?dr|tldr"
    r"|short version|rundown|run down|nutshell"
    r"|(?:main|key|most important|important|central|core|biggest|major)"
    r" (?:points?|ideas?|takeaways?|messages?|facts|things|topics?|contents?|statements?|arguments?)"
    r"|takeaways?|highlights|essentials|bullet points|bottom line)"
)
_SUMMARISE = (
    r"(?:summ?ari[sz]e|summ?eri[sz]e|sum up|recap|outline|condense|shorten|boil down"
    r"|sum(?= (?:\w+ )*up\b))"
)
_END = r"(?: (?:please|pls|plz|here|for me|for us|thanks|thx|now|again|then|up|in short|briefly))*"
_OF = rf"(?: (?:of|from|in|for|about) (?:{_IT}|(?P<NAME>.+?)))?"
_WHOLE = re.compile(
    "|".join(
        (
            rf"(?:(?:give|show|tell|get|write|make|provide|need|i need|i want|want|gimme)(?: me| us)? )?"
            rf"(?:whats |what is |what are |what were |whatre )?{_SUMMARY}{_OF.replace('NAME', 'a')}{_END}",
            rf"{_SUMMARISE}(?: (?:{_IT}|(?P<b>.+?)))?{_END}",
            rf"(?:so )?(?:whats|what is|what was|what are|wat is|wats) {_IT} (?:all |even |really |actually )?"
            rf"(?:about|saying|on about|talking about){_END}",
            rf"what (?:does|do|did|is) {_IT} (?:say|talk about|cover|discuss|deal with|contain|tell us"
            rf"|talking about|describe|include){_END}",
            rf"what(?:s| is) in {_IT}{_END}|(?:tell (?:me|us) )?what {_IT} is (?:all )?about{_END}",
            rf"(?:what|which) (?:topics?|subjects?|things) (?:does|do|is|are) {_IT}"
            rf" (?:about|cover|discuss|covering|deal with){_END}",
            rf"(?:tell|explain|describe)(?: me| us)?(?: about)? (?:{_IT}){_END}",
            rf"(?:explain|describe) {_IT} (?:in short|briefly|in a few words|in a nutshell){_END}",
            rf"{_IT} in (?:a nutshell|short|brief|a few (?:words|sentences)|one sentence|short words){_END}",
            rf"in (?:short|a nutshell|a few words|brief)(?: what (?:is|does) {_IT} (?:about|say))?{_END}",
            rf"(?:i )?(?:didnt|havent|dont|did not|have not|cant be bothered to|too lazy to)"
            rf" (?:want to |wanna )?read (?:{_IT}|any of (?:{_IT}))(?: (?:yet|yet what is it about"
            rf"|whats it about|what is it about|whats in it|what does it say|whats the gist|tldr"
            rf"|what are the main points))?{_END}",
        )
    )
)

_ARTICLE = (
    r"(?:(?:this|that|the|your|our|whole|entire|current) )*"
    r"(?:article|text|page|piece|story|post|document|doc|blog ?post|write ?up|it|this|that)"
)
_OF_IT = rf"(?: (?:of|for|behind|to|on) (?:{_ARTICLE}|(?P<NAME>.+?)))?"
_OBJECT = {
    Fact.AUTHOR: re.compile(
        rf"(?:who|whos)(?: (?:is|was|are|the|has|actually))*"
        rf" (?:wrote|written|writes|authored|published|posted|made|penned|author|authors|writer|writers)"
        rf"(?: (?:{_ARTICLE}))?{_END}|(?:whats |what is |who is |whos |who are |who was )?"
        rf"the (?:author|authors|writer|writers|byline)s?(?: name)?{_OF_IT.replace('NAME', 'a')}{_END}"
        rf"|(?:by whom|who) (?:is|was) {_ARTICLE} (?:written|published|posted|made|authored)(?: by)?{_END}"
        rf"|(?:does|do) (?:{_ARTICLE}) (?:have|name|say) (?:an?|its|the|who)"
        rf" (?:author|writer|byline|wrote it){_END}"
    ),
    Fact.PUBLISHED: re.compile(
        rf"when (?:is|was|were|did|has|have)"
        rf" (?:{_ARTICLE}) (?:been )?(?:published|written|posted|released|come out|from|made|created"
        rf"|dated|put up|go up|appear|go live|uploaded|published or updated){_END}"
        rf"|(?:whats|what is|what was|whats on) (?:the )?(?:publication |publishing |release )?date"
        rf"{_OF_IT.replace('NAME', 'a')}{_END}"
        rf"|(?:the )?(?:publication|publishing|release) date{_OF_IT.replace('NAME', 'b')}{_END}"
        rf"|how (?:old|recent|new|fresh|current|up to date) is {_ARTICLE}{_END}"
        rf"|(?:what|which) (?:date|day|year|month) (?:is|was) {_ARTICLE}"
        rf" (?:published|written|posted|from|released|made|dated){_END}"
        rf"|(?:on )?(?:what|which) (?:date|day|year|month) (?:did|was|is) {_ARTICLE} (?:come out"
        rf"|published|written|posted|released|appear){_END}"
    ),
    Fact.TITLE: re.compile(
        rf"(?:whats |what is |what was |tell me |give me )?(?:the )?(?:title|headline|heading|name)"
        rf" of {_ARTICLE}{_END}|(?:whats|what is|what was|tell me|give me) (?:the )?(?:title|headline)"
        rf"(?: here)?{_END}|(?:title|headline){_END}"
        rf"|(?:whats|what is|what was|hows|how is) {_ARTICLE} (?:called|titled|named|headlined|the title"
        rf"|the headline){_END}|(?:whats|what is) {_ARTICLE}s? (?:title|headline|name|called){_END}"
        rf"|(?:which|what) (?:article|articles|text|document|documents)"
        rf" (?:is|are) (?:this|that|it|these|they|here|loaded|indexed|there)(?: (?:about|here))?{_END}"
        rf"|(?:what|which) (?:article|articles|documents|texts) (?:do|can|did) (?:you|u)"
        rf" (?:have|know|read|use|answer from)(?: here)?{_END}"
    ),
    Fact.SOURCE: re.compile(
        rf"(?:whats |what is |what was |wheres |where is |give me |show me |send me |tell me )?"
        rf"(?:the |a )?(?:source|link|url|web address|origin|original)"
        rf"(?: (?:of|to|for|behind) {_ARTICLE})?{_END}"
        rf"|(?:where|from where)(?:s| is| was| does| did| do)? (?:{_ARTICLE})"
        rf"(?: (?:come|originally|published|taken|posted|appear|written|stored|copied))*(?: from)?{_END}"
        rf"|where (?:did|do) (?:you|u|this bot) (?:get|find|take|have) {_ARTICLE}(?: from)?{_END}"
        rf"|(?:where|how) can i (?:find|read|see|get|open) (?:the )?(?:original|{_ARTICLE}){_END}"
    ),
    Fact.LENGTH: re.compile(
        rf"how (?:long|big|large|lengthy|short) is {_ARTICLE}{_END}"
        rf"|how many (?:words|pages|characters|paragraphs|sentences|letters|lines)"
        rf"(?: (?:long|are|is|does|do|has|there|in|have|contain|it|{_ARTICLE}))*{_END}"
        rf"|how (?:long|much time) (?:does|will|would|do)"
        rf" (?:it|this|{_ARTICLE}) (?:take)?(?: (?:me|us|you))?(?: to)? read(?: {_ARTICLE})?{_END}"
        rf"|how (?:long|much time)(?: (?:to|does it take to|will it take to|do i need to|would i need to))"
        rf"(?: (?:me to))? read(?: {_ARTICLE})?{_END}"
        rf"|(?:whats |what is )?(?:the )?(?:length|word count|wordcount|reading time|read time|size)"
        rf"(?: (?:of|for) {_ARTICLE})?{_END}"
    ),
}

_AUXILIARY = (
    r"(?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|should|shall|may|might|must"
    r"|isnt|arent|wasnt|werent|dont|doesnt|didnt|hasnt|havent|hadnt|cant|couldnt|wont|wouldnt"
    r"|shouldnt)"
)
_ENDS_SINGULAR = (
    r"(?!\w*(?:ss|us|is)\b|news\b|series\b|always\b|does\b|was\b|has\b|its\b|years?\b|times?\b)"
)
_PLURAL = rf"(?:\w+ ){{0,2}}?{_ENDS_SINGULAR}\w{{2,}}s"
_WISHES = {
    Wish.VERDICT: re.compile(
        rf"(?:{_AUXILIARY} (?!(?:you|u) (?:know|tell)\b)"
        r"|(?:is|was) it (?:true|correct|right|the case)\b|(?:if|whether) )"
    ),
    Wish.REASON: re.compile(
        r"why\b|how come\b|explain\b|describe\b|what (?:happens|happened) (?:if|when|to|after)\b"
        r"|(?:whats|what (?:is|was|are|were)) (?:the )?(?:\w+ )?(?:reasons?|causes?|purpose|point|process"
        r"|procedure|steps?|way)\b|for (?:what|which) reasons?\b|what (?:led to|caused|made)\b"
        r"|what (?:should|must|do|can) (?:i|we|you|one|people|somebody) (?:have to |need to )?do\b"
        r"|how (?:do|does|did|can|could|should|would|will|is|are|was|were|to|has|have|must)\b"
        r"|(?:in )?(?:what|which) ways?\b|(?:tell|say) (?:me |us )?(?:more )?about\b|what about\b"
    ),
    Wish.LIST: re.compile(
        r"(?:list|name|enumerate)\b|(?:who|what|which ones|whore) (?:all )?(?:are|were)\b"
        rf"|(?:which|what) {_PLURAL}\b|(?:what|which|who) (?:else|all)\b"
        r"|(?:between|of|from|with|to|in|for|among) (?:which|what) (?:\w+ )?\w{2,}s\b"
    ),
}
