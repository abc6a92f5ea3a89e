"""Blanks, scripts and the key under which two texts count as the same."""

from __future__ import annotations

import re
from string import ascii_letters

# Characters that are not seen and carry nothing; U+200C and U+200D do (Persian, emoji).
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\x00-\x08\x0e-\x1f\x7f]")

# Han, kana, bopomofo, CJK punctuation and full-width forms: scripts and signs that are written
# without blanks between words. Hangul is not among them.
WIDE = "\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
_BLANK_BY_WIDE = re.compile(rf" (?:(?<=[{WIDE}“”‘’…—·] )|(?=[{WIDE}“”‘’…—·]))")
BREAK_IN_WIDE = re.compile(rf"(?<=[{WIDE}])[ \t]*\r?\n\s*(?=[{WIDE}])")


def visible(text: str) -> str:
    """Return *text* without the characters nobody sees.

    >>> visible("军\u200b事\ufeff")
    '军事'
    """
    return text if text.isprintable() else _INVISIBLE.sub("", text)


def single_blanks(text: str) -> str:
    """Return *text* on one line: invisible characters dropped, runs of blanks made one, trimmed.

    >>> single_blanks("  军事\u00a0\u00a0合作\\n ")
    '军事 合作'
    """
    return " ".join(visible(text).split())


def content_key(text: str) -> str:
    """Return what two texts must share to be the same content.

    Blanks beside a wide character carry nothing in Chinese and come and go with the markup;
    between Latin words they are kept as one.

    >>> one, other = "周四 访问\\n白俄罗斯 Richard  Marles", "周四访问 白俄罗斯Richard Marles"
    >>> content_key(one) == content_key(other)
    True
    """
    return _BLANK_BY_WIDE.sub("", single_blanks(text))


def storable(text: str) -> str:
    """Return *text* without lone surrogates, so that it can be written as UTF-8.

    Pairs become the character they stand for, lone ones U+FFFD.

    >>> storable("\\ud83d\\ude00 \\ud800") == "\U0001f600 \ufffd"
    True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


# Characters that belong to one script only, from the hundred most frequent characters in which
# the two differ; enough to tell a paragraph. (Counting, not conversion.)
_HANS_ONLY = frozenset(
    "国会这说对时来为们个发经过还进现长东车开关问间实业产动务员团变权总统选议计记论设证评诉该认让请谈谁调谢"
    "读课战军队阵险验际陈陆随难风飞马验鱼黄龙华单卖历压厂县参双号听启响员围图圆场坏块声处备复头夹奖妇学"
)
_HANT_ONLY = frozenset(
    "國會這說對時來為們個發經過還進現長東車開關問間實業產動務員團變權總統選議計記論設證評訴該認讓請談誰調謝"
    "讀課戰軍隊陣險驗際陳陸隨難風飛馬驗魚黃龍華單賣歷壓廠縣參雙號聽啟響員圍圖圓場壞塊聲處備復頭夾獎婦學"
)
_HANS = re.compile("[" + "".join(_HANS_ONLY - _HANT_ONLY) + "]+")
_HANS_OR_HANT = re.compile("[" + "".join(_HANS_ONLY ^ _HANT_ONLY) + "]+")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_NO_LETTERS = bytes(set(range(128)) - set(ascii_letters.encode()))
_LATIN = re.compile(r"[A-Za-z]+")
_ENGLISH = re.compile(
    r"\b(?:the|of|and|to|in|that|is|was|for|on|with|said|has|have|from|by|at|it|be|are)\b", re.I
)
_SAMPLE = 2000  # characters: the language of an article does not change after its first page


def language_of(text: str) -> str:
    """Return ``zh-Hans``, ``zh-Hant``, ``zh``, ``en`` or ``und``, by counting characters.

    >>> language_of("俄罗斯国防部长访朝鲜"), language_of("沙利文會習近平")
    ('zh-Hans', 'zh-Hant')
    """
    sample = text[:_SAMPLE]
    telling = "".join(_HANS_OR_HANT.findall(sample))
    is_mixed = _KANA_OR_HANGUL.search(sample) is not None
    # Every telling character is Han and every Latin word has a letter: where these bounds decide,
    # as they do on nearly every page, nothing more need be counted.
    letters = len(sample.encode("ascii", "ignore").translate(None, _NO_LETTERS))
    if telling and not is_mixed and len(telling) * 2 >= letters:
        return _script_of(telling)
    han = sum(map(len, _HAN.findall(sample)))
    kana = hangul = 0
    if han and is_mixed:
        kana, hangul = len(_KANA.findall(sample)), len(_HANGUL.findall(sample))
    words = len(_LATIN.findall(sample))
    if han and kana <= han * 0.1 and hangul <= han * 0.2 and han * 2 >= words:
        return _script_of(telling)
    if words and len(_ENGLISH.findall(sample)) >= max(1, words * 0.1):
        return "en"
    return "und"


def _script_of(telling: str) -> str:
    """Return the script of which there are more characters that belong to one only."""
    hans = sum(map(len, _HANS.findall(telling)))
    hant = len(telling) - hans
    if hans == hant:
        return "zh"
    return "zh-Hans" if hans > hant else "zh-Hant"
