"""Who had a part in an article, and what its makers say of it, told apart from its prose.

==============================================  ==========================================
记者：甲乙　责编：丙丁　网编：戊己                    the credits of a newsroom
(编译 甲乙; 审校 丙丁)                            Reuters Chinese
翻译：甲乙、丙丁 / 译者/甲乙                        translated papers
Reporting by A; Editing by B                    English agencies
甲乙/丙丁（路透社、法新社）                          DW: who wrote it, after whose reports
(本文参考了路透社的报道)                           VOA
编者按：… 更正：… （注：…） Correction: …            notes
==============================================  ==========================================

Nothing is taken out of the text here: lines get their kind, names their role and place. A line
counts only where all of it can be read so; in an interview ``记者：`` begins a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from shilu.extraction.clean import Line
from shilu.lexicon.tables import city_names
from shilu.records import CreditRole

_MAX_NAME = 4  # characters of a Chinese name without dots
_HEAD, _TAIL = 3, 8  # lines of prose within which credits stand at either end
_MAX_LINE = 200  # characters of a line of credits
_MAX_SOURCES_LINE = 100
_MAX_SOURCE = 20  # characters of a name behind 来源：
_NO_SOURCE = frozenset({"不明", "网络", "網絡", "網路", "未知"})
_BRACKETS, _SENTENCE_ENDS = "（(【[", "。！？!?…”」』"

_ROLES: MappingProxyType[CreditRole, str] = MappingProxyType(
    {
        "web_editor": "网编|網編|网络编辑|網絡編輯|網路編輯|网页编辑|網頁編輯|新媒体编辑|新媒體編輯",  # noqa: E501
        "editor": (
            "责任编辑|責任編輯|责任主编|責任主編|值班主编|责编|責編|编辑|編輯|主编|主編|审校|審校|"
            "校对|校對|编审|編審|审核|審核|监制|監製|核稿|Editing by|Edited by|Editors?"
        ),
        "translator": (
            "(?:翻译|翻譯|编译|編譯)[和与與及](?:编辑|編輯|撰写|撰寫|整理)|翻译|翻譯|译者|譯者|编译|編譯|中文翻译|"
            "译|譯|Translated by|Translation by|Translators?"
        ),
        "photographer": "摄影|攝影|摄影师|攝影師|Photographs by|Photos? by|Photography by",
        "reporter": (
            "本报记者|本報記者|特约记者|特約記者|实习记者|實習記者|执笔记者|執筆記者|参与记者|參與記者|"
            "记者|記者|通讯员|通訊員|采写|採寫|采访|採訪|撰文|撰稿|撰写|撰寫|整理|作者|文字|"
            "文[/／、][图圖]|[图圖][/／、]文|文|报道|報道|報導|Reporting by|"
            "Additional reporting by|Written by|Writing by|Reporters?"
        ),
    }
)
_LABEL = "|".join(f"(?P<{role}>{words})" for role, words in _ROLES.items())
_ANY_LABEL = "|".join(_ROLES.values())
_LABELLED = re.compile(rf"(?:{_LABEL})(?P<mark>\s*[:：/／|｜丨]\s*|\s+)")
_NEXT = re.compile(rf"[\s;；,，、|｜。./／]+(?=(?:{_ANY_LABEL})(?:\s*[:：/／|｜丨]|\s+\S))")
_BETWEEN_NAMES = re.compile(
    r"[、,，;；/／|]|\s*\b(?:and)\b\s*|\s+(?:和|与|與|及)\s*|\s{1,}(?=[\u3400-\u9fff])"
)
# Two to four characters, a transcribed name with its dots, or Latin words with capitals.
_NAME = re.compile(
    r"[\u3400-\u9fff]{2,4}|[\u3400-\u9fff]{1,8}(?:[·．‧•][\u3400-\u9fff]{1,8})+"
    r"|[A-ZÀ-Þ][\w'’.-]*(?:\s+[\w'’.-]+){0,4}"
)
_SURNAMES = frozenset(
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾萧蕭肖田"
    "董袁潘于蒋蔣蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范石廖贾賈夏韦韋付方白邹鄒孟熊秦邱江尹薛"
    "闫閻段雷侯龙龍史陶黎贺賀顾顧毛郝龚龔邵万萬钱錢严嚴覃武戴莫孔向汤湯施文洪季凌安倪柯詹管游簡简古申舒岳"
    "温溫庄莊柳章鲁魯葛路齐齊梅阎房裴阮霍翁纪紀祝申殷樊康伍甘毕畢聂聶关關焦娄鲍鮑涂歐欧司上諸诸葛晋晉涛易乔喬"
    "常符苗戚谈談宁寧尚岑屈项項蓝藍闵閔席童颜顏盛刁骆駱樊凌虞柯缪繆解宗宣郁单單左吉邢荀惠曲封芮储儲靳"
    "巫隗宓仲宫宮仇栾欒祖景束蒲鄂卓蔺藺屠蒙池翟贡貢姬冉桑桂边邊燕冀浦农農晏柴瞿茹习艾容戈居耿匡寇蔚隆"
    "巩鞏晁敖辛阚闞饶饒鞠巢查游竺权權桓佘佟仝苑牟岳米邬鄔邸谌諶苟卜兰蘭於"
)

_SECOND_SURNAMES = _SURNAMES - frozenset("上司方白安高常单單解容查易居")
_NO_PERSON = re.compile(r"[吗嗎呢吧啊嘛了么麼呀]$|的")  # an interviewer's short question

_DOUBLE_SURNAMES = frozenset(
    {"欧阳", "歐陽", "司马", "司馬", "上官", "诸葛", "諸葛", "东方", "東方", "夏侯", "皇甫",
     "尉迟", "尉遲", "公孙", "公孫", "慕容", "令狐", "长孙", "長孫", "宇文", "端木", "司徒",
     "张简", "張簡"}
)  # fmt: skip

_AGENCIES = (
    r"路透社?|彭博社?|"
    r"\w{1,6}(?:通讯社|通訊社|新闻社|新聞社|[联聯新华華央同斯中]社)|"
    r"\w{2,4}?社(?![会會区區交群团團论論评評])|"
    r"美国之音|美國之音|德国之声|德國之聲|法广|自由亚洲电台|自由亞洲電台|BBC|CNN|NHK|dpa|epd|KNA|"
    r"AFP|AP|Reuters|Associated Press|Bloomberg|Agence France-Presse|Xinhua|Kyodo|Yonhap|"
    r"《[^《》]{2,16}》|[“「]?\w{2,12}?(?:时报|時報|日报|日報|邮报|郵報|早报|早報|晚报|晚報|电视台|電視台|电台|電台|"
    r"广播公司|廣播公司|周刊|週刊|杂志|雜誌|新闻网|新聞網|新闻|新聞|[^联聯]网|[^聯联]網)[》”」]?"
)
_LIST = (
    rf"(?:{_AGENCIES})(?:(?:\s*[、,，/／和与與及]\s*|\s+)(?:{_AGENCIES}))*\s*(?:等(?:媒体|媒體)?)?"
)
# 甲乙/丙丁（路透社、法新社）
_SIGNED = re.compile(
    rf"(?P<names>(?:[\u3400-\u9fffA-Za-z·]{{2,8}}\s*[/／、]?\s*){{0,4}})"
    rf"[（(]\s*(?P<sources>{_LIST})\s*[）)]?\s*$"
)
_REFERRED = re.compile(
    r"[（(【\[]?\s*(?:本文|本报道|本報道|本報導|此文|此报道|以上报道)?\s*(?:参考|參考|依据|依據|根据|根據|综合|綜合|"
    r"引用|参照|參照|援引|采用|採用)了?\s*(?P<sources>[^。！？]{2,60}?)的?(?:相关|相關|有关|有關|部分)?"
    r"(?:报道|報道|報導|消息|新闻|新聞|内容|內容|资料|資料)(?:写成|撰写|编写|編寫)?[。.]?\s*[）)】\]]?"
)
_SOURCE = re.compile(
    r"[（(【\[]?\s*(?:(?:消息|文章|新闻|新聞|信息|资料|資料|稿件|本文)?(?:来源|來源)|稿源|转自|轉自|Source)"
    r"\s*[:：]\s*(?P<sources>[^。！？:：]{2,40}?)[。.]?\s*[）)】\]]?"
)
_AGENCY = re.compile(_AGENCIES)
_COMPILED = re.compile(
    r"[（(【\[]?\s*(?:综合|綜合)(?:媒体|媒體)?(?:报道|報道|报导|報導|外电|外電)(?:报道|報道|报导|報導)?\s*[）)】\]]?"
)
# 甲乙/丙丁（综合报道）
_SIGNED_COMPILED = re.compile(
    r"(?P<names>(?:[\u3400-\u9fff·]{2,8}\s*[/／、]?\s*){1,4})"
    r"[（(]\s*(?:综合|綜合)(?:报道|報道|报导|報導|外电|外電)\s*[）)]\s*"
)
# 甲、乙对本文有报道贡献。 （某台记者甲、乙和丙对本文亦有贡献） 甲（Latin）亦协助了本篇报导。
_CONTRIBUTED = re.compile(
    r"[（(]?\s*(?:\w{2,8}(?:记者|記者))?(?P<names>[^。，,；;]{2,60}?)\s*"
    r"(?:(?:对|對|为|為)本[文报報篇](?:道|導)?(?:报道|報道|報導)?[亦也均都]?(?:有|做出|作出)了?\w{0,6}?(?:贡献|貢獻)"
    r"|[亦也均]?(?:协助|協助|参与|參與)了?(?:本文|本篇|本报道|此文)的?(?:报道|報道|报导|報導|采访|採訪|研究)?)[。.]?\s*[）)]?"
)
# An outlet or its desk, where a person's name could stand: 翻译：某报中文网
_DESK = re.compile(
    r"[\w·]{2,16}(?:网|網|社|报|報|电台|電台|编辑部|編輯部|翻译组|翻譯組|团队|團隊)|RFI|VOA|BBC|DW|RFA"
)
# …表示关切。（路透社、法新社）
_AFTER_PROSE = re.compile(rf"[。！？!?”」』]\s*[（(]\s*(?P<sources>{_LIST})\s*[）)]\s*$")

_NOTE = re.compile(
    r"[（(【\[*＊]*\s*(?:(?:\w{0,6}?[编編]者按|编按|編按|\w{0,6}?[编編](?:[者辑輯])?[注註]|编者的话|編者的話|更正|更正启事|更正声明|"
    r"更正說明|更正说明|訂正|订正|勘误|勘誤|澄清|注|註|附注|附註|作者注|作者註|译者注|譯者註|译注|譯註|说明|說明|"
    r"Corrections?|Clarification|Editor['’]s note|Author['’]s note|Note)"
    r"\s*(?:[（(][^（()）]{2,16}[）)]\s*)?[:：】\]）)]"
    r"|(?:作者|译者|譯者)(?:简介|簡介)\s*[:：]|[编編]者按\s"
    r"|本文(?:作者|译者|譯者)\s*(?:[:：]|为|為|是|系|係|\S{2,12}(?:是|为|為|系))"
    r"|(?:CDT|本刊|本报|本報|本站)?[编編]者按[，,]"
    r"|本文(?:仅|僅|只)(?:代表|反映)(?:作者|笔者|筆者))"
    r"|[（(]\s*作者\s*(?:系|係|是|为|為|现任|現任|曾任)",
    re.I,
)
# What ends every label of a note, or begins it; most lines have none of it so early.
_NOTE_SIGN = re.compile(r"[:：】\]）)]|本文|[（(]作者|[编編]者按")
# 甲乙（Latin）是某报记者。 below the article: who its author is
_BIO = re.compile(
    r"[（(]?(?P<name>[\u3400-\u9fff·]{2,16}|[A-Z][\w.'’-]+(?: [A-Z][\w.'’-]+){1,3})"
    r"\s*(?:[（(][^（()）]{2,40}[）)])?\s*"
    r"[，,]?\s*(?:是|为|為|系|係|现任|現任|曾任|报道|報道|报导|報導|负责|負責|常驻|常駐|于\d{4}年|於\d{4}年|自\d{4}年)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A name with its role, at its place in a line."""

    role: CreditRole
    name: str
    line: int
    start: int
    end: int


def tell_apart(lines: Sequence[Line], authors: Sequence[str] = ()) -> list[Named]:
    """Give credits and notes their kind; return the names found, in the order of the text.

    *authors* are those a byline named: a line at the end that says who they are is a note.

    >>> lines = [Line("paragraph", "他说。"), Line("paragraph", "记者：王甲、李乙  责编：张丙")]
    >>> [(named.role, named.name) for named in tell_apart(lines)], lines[1].kind
    ([('reporter', '王甲'), ('reporter', '李乙'), ('editor', '张丙')], 'credits')
    """
    found: list[Named] = []
    body = [index for index, line in enumerate(lines) if line.kind != "caption"]
    ends = dict.fromkeys((*body[:_HEAD], *body[-_TAIL:]))
    for index in body:
        line = lines[index]
        if line.kind not in _PROSE_KINDS:
            continue
        head = line.text[:40]
        if _NOTE_SIGN.search(head) and _NOTE.match(head):
            line.kind, line.level = "note", 0
            continue
        if index not in ends:
            continue
        if authors and _is_bio(line.text, authors) and index in body[_HEAD:][-_TAIL:]:
            line.kind, line.level = "note", 0
            continue
        if len(line.text) <= _MAX_LINE:
            named = list(_credits(line.text, index))
            if named or _COMPILED.fullmatch(line.text):
                found += named
                line.kind, line.level = "credits", 0
                continue
        if line.text[-1] not in "）)":
            continue
        after = _AFTER_PROSE.search(line.text, max(0, len(line.text) - _MAX_LINE))
        if after:
            found += _sources(after["sources"], index, after.start("sources"))
    return found


_PROSE_KINDS = frozenset({"paragraph", "item", "cell", "heading", "quote"})


def _is_bio(text: str, authors: Sequence[str]) -> bool:
    """Tell whether a line begins by saying who one of the authors is."""
    match = _BIO.match(text)
    return match is not None and any(
        match["name"] == author or author.startswith(match["name"]) for author in authors
    )


# （編輯：王甲）1130101, 责任编辑：王甲_NB1234
_CODE = re.compile(r"(?<=[）)】\]])\d{6,8}$|[\s_]*[A-Z]{1,4}\d{2,5}$")


def _credits(text: str, index: int) -> Iterator[Named]:
    """Yield the names of a line that is all credits."""
    # Most lines are prose, and the patterns are dear: what ends a sentence ends no credits.
    is_bracketed = text[0] in _BRACKETS
    text = _CODE.sub("", text).rstrip()
    if not text:
        return
    if "本" in text and (contributed := _CONTRIBUTED.fullmatch(text)):
        start = contributed.start("names")
        yield from _names(contributed["names"], index, start, "reporter", is_signed=True) or ()
        return
    if text[-1] in _SENTENCE_ENDS and not is_bracketed and not text.startswith("本"):
        return
    named = _labelled(text, index)
    if not named and ("编" in text or "編" in text) and ("记者" in text or "記者" in text):
        named = _newsroom(text, index)
    if named:
        yield from named
        return
    signed = _SIGNED_COMPILED.fullmatch(text) if text[-1] in "）)" else None
    if signed:
        start = signed.start("names")
        yield from _names(signed["names"], index, start, "reporter", is_signed=True) or ()
        return
    for pattern in (_SIGNED, _REFERRED, _SOURCE):
        if pattern is _SIGNED and text[-1] not in "）)":
            continue
        match = pattern.fullmatch(text) if len(text) <= _MAX_SOURCES_LINE else None
        if not match:
            continue
        offset = match.start("sources")
        sources = list(_sources(match["sources"], index, offset))
        if pattern is _SOURCE:  # what the label names is a source, whatever it is called
            sources = list(_named_sources(match["sources"], index, offset))
        if not sources:
            continue
        if pattern is _SIGNED:
            # Before the sources in brackets stand the signatures of the desk, pen names too.
            names = _names(match["names"], index, match.start("names"), "reporter", is_signed=True)
            if names is None and match["names"].strip():
                continue
            yield from names or ()
        yield from sources
        return


def _labelled(text: str, index: int, *, is_alone: bool = True) -> list[Named]:
    """Return the names of 记者：甲 责编：乙; none when any of the line is something else.

    *is_alone*: nothing before it has shown that this is a line of credits.
    """
    start = 1 if text[:1] in "（(【[" else 0
    end = len(text.rstrip("）)】]。. "))
    has_bracket = start == 1
    position = start
    if _LABELLED.match(text, start, end) is None:  # most lines; the search below is dear
        return []
    found: list[Named] = []
    blank_marks = labels = 0
    # Among several labels a name need not look like one: pen names are signed so.
    is_signed = _NEXT.search(text, start, end) is not None
    while position < end:
        match = _LABELLED.match(text, position, end)
        if match is None:
            return []
        following = _NEXT.search(text, match.end(), end)
        stop = following.start() if following else end
        role = next(role for role in _ROLES if match[role])
        names = _names(text[match.end() : stop], index, match.end(), role, is_signed=is_signed)
        if names is None:
            return []
        found += names
        labels += 1
        blank_marks += not match["mark"].strip()
        position = following.end() if following else end
    # "文 王甲" in a sentence of a few characters: a blank marks a label only among others, in
    # brackets, or where the label says all (Editing by).
    if blank_marks and is_alone and not has_bracket and labels == 1 and text[:1] > "z":
        return []
    return found


_IN_BRACKETS = re.compile(r"\s*[（(][^（()）]{1,8}[）)]\s*$")


def _names(
    text: str, index: int, offset: int, role: CreditRole, *, is_signed: bool = False
) -> list[Named] | None:
    """Return the names in a list of them; None when something in it is no name."""
    found: list[Named] = []
    position = 0
    for piece in (*_BETWEEN_NAMES.finditer(text), None):
        stop = piece.start() if piece else len(text)
        name = _IN_BRACKETS.sub("", text[position:stop])  # 王甲（台北）
        start = position + len(name) - len(name.lstrip())
        name = name.strip(" .。")
        position = piece.end() if piece else stop
        if not name or (found and name in city_names()):  # 记者：王甲 台北
            continue
        if role == "translator" and _DESK.fullmatch(name):
            found.append(Named(role, name, index, offset + start, offset + start + len(name)))
            continue
        if not _NAME.fullmatch(name) or not (is_signed or _may_be_person(name)):
            return None
        found.append(Named(role, name, index, offset + start, offset + start + len(name)))
    return found or None


def _may_be_person(name: str) -> bool:
    if name[0] < "\u3400" or not name.isalpha():  # Latin, or with dots
        return True
    if name[0] not in _SURNAMES or name[1] == name[0] or _NO_PERSON.search(name):
        return False
    # Four characters only with a double surname, or with those of both houses.
    return len(name) < _MAX_NAME or name[:2] in _DOUBLE_SURNAMES or name[1] in _SECOND_SURNAMES


# …电台记者甲 某地报道　责编：乙
_NEWSROOM = re.compile(
    r"(?:[^\W\d_]{2,10}?)?(?:特约|特約|驻\w{2,4}|駐\w{2,4})?(?:记者|記者)\s*[:：]?\s*"
    r"(?P<names>[^\W\d_]{2,4}(?:、[^\W\d_]{2,4})*?)"
    r"(?:[\s，,（(]*(?P<place>(?:(?![报報][道導导])[^\W\d_]){2,8}?)[）)]?)??\s*(?:综合|綜合)?(?:报道|報道|报导|報導)?"
    r"[\s、,，;；|]*(?P<rest>(?:责编|責編|责任编辑|責任編輯|编辑|編輯)(?:\W.*)?)"
)


def _newsroom(text: str, index: int) -> list[Named]:
    """Return the names of 某电台记者甲 某地报道 责编：乙."""
    match = _NEWSROOM.fullmatch(text)
    if not match:
        return []
    start, rest = match.start("names"), match.start("rest")
    names = match["names"]
    if match["place"] and match.start("place") == match.end("names"):
        # 王小明台北报道: the place is known, and what stands before it is the name.
        whole = names + match["place"]
        cut = next((n for n in range(2, len(whole) - 1) if whole[n:] in city_names()), 0)
        names = whole[:cut]
    elif len(names) == _MAX_NAME and names[2:] in city_names():  # 王甲台北报道
        names = names[:2]
    found = [
        Named("reporter", name[0], index, start + name.start(), start + name.end())
        for name in re.finditer(r"[^、]+", names)
        if len(name[0]) < _MAX_NAME or name[0][:2] in _DOUBLE_SURNAMES
    ]
    found += (
        replace(named, start=rest + named.start, end=rest + named.end)
        for named in _labelled(match["rest"], index, is_alone=False)
    )
    return found


def _named_sources(text: str, index: int, offset: int) -> Iterator[Named]:
    for match in re.finditer(r"[^、,，/／|｜;；]+", text):
        name = match[0].strip(" 《》“”「」")
        if 2 <= len(name) <= _MAX_SOURCE and name not in _NO_SOURCE:
            start = offset + match.start() + match[0].index(name)
            yield Named("source", name, index, start, start + len(name))


def _sources(text: str, index: int, offset: int) -> Iterator[Named]:
    for match in _AGENCY.finditer(text):
        name = match[0].strip("《》“”「」").lstrip("和与與及")
        start = offset + match.start() + match[0].index(name)
        yield Named("source", name, index, start, start + len(name))
