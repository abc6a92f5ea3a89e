from __future__ import annotations

import unicodedata
from collections import Counter
from importlib.resources import files

import pytest

from shilu.lexicon.tables import (
    CITY_COLUMNS,
    NAME_COLUMNS,
    City,
    Name,
    cities,
    city_names,
    inside,
    join,
    organisations,
    parse_cities,
    parse_inside,
    parse_names,
    persons,
    places,
    variants,
)

HEAD = "# a table of the test\nhans\thant\tlatin\tcountry\n"
NAMES = "# a table of the test\nid\tcn\ttw\thk\tother\tlatin\tcountry\tshared\n"
WITHIN = "# a table of the test\nhans\thant\tinside\n"

# The codecs tell the scripts apart: GB 2312 holds simplified characters, Big5 traditional ones.
# What either holds of the other script, and what it lacks though it is of no script:
TRADITIONAL_IN_GB2312 = set("乾夥後徵於甯薹麽")
BESIDES_GB2312 = set("峇埼潟")
BESIDES_GB2312_IN_NAMES = BESIDES_GB2312 | set("镕睒堃崐㵢婞廸燊旻憓萩湜暎慜畿")
BESIDES_BIG5_IN_NAMES = set("峯堃崐㵢廸坂曺暎慜乭晗")
SIMPLIFIED_IN_BIG5 = set("万与丰于云价优体党几厂听圣坏夸宁庄异怀怜惊扰据机极构洁离种胜腊荐虫触赶适")

CAPITALS = {
    "AFG": "Kabul", "ARG": "Buenos Aires", "AUS": "Canberra", "BEL": "Brussels",
    "BRA": "Brasília", "CAN": "Ottawa", "CHE": "Bern", "CHN": "Beijing", "CUB": "Havana",
    "DEU": "Berlin", "EGY": "Cairo", "ETH": "Addis Ababa", "FJI": "Suva", "FRA": "Paris",
    "GBR": "London", "IDN": "Jakarta", "IND": "New Delhi", "IRN": "Tehran", "JPN": "Tokyo",
    "KAZ": "Astana", "KEN": "Nairobi", "KOR": "Seoul", "MEX": "Mexico City", "MMR": "Naypyidaw",
    "NGA": "Abuja", "NLD": "Amsterdam", "PAK": "Islamabad", "PHL": "Manila", "PRK": "Pyongyang",
    "PSE": "Ramallah", "RUS": "Moscow", "SAU": "Riyadh", "SGP": "Singapore", "TWN": "Taipei",
    "UKR": "Kyiv", "USA": "Washington", "VNM": "Hanoi", "XKX": "Pristina", "ZAF": "Pretoria",
}  # fmt: skip


def characters(names: tuple[str, ...]) -> set[str]:
    return {character for name in names for character in name if character not in "-·"}


def in_codec(character: str, codec: str) -> bool:
    return character.encode(codec, "ignore") != b""


def test_file_is_utf_8_in_nfc_with_a_comment_and_a_header() -> None:
    raw = files("shilu.lexicon").joinpath("cities.tsv").read_bytes()
    text = raw.decode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert "\r" not in text
    assert text.endswith("\n")
    lines = text.splitlines()
    assert lines[0].startswith("# ")
    assert "written for Shilu from general knowledge" in lines[0]
    assert tuple(lines[1].split("\t")) == CITY_COLUMNS
    assert all(line.count("\t") == len(CITY_COLUMNS) - 1 for line in lines[2:])
    assert len(lines) - 2 == len(cities()) >= 700


def test_no_city_stands_twice() -> None:
    rows = Counter(cities())
    assert [city for city, times in rows.items() if times > 1] == []
    # a name is shared between countries only
    names = Counter((c.country, name) for c in cities() for name in {*c.hans, *c.hant})
    assert [name for name, times in names.items() if times > 1] == []


def test_rows_of_a_country_stand_together() -> None:
    countries = [city.country for city in cities()]
    assert countries == sorted(countries)


def test_each_column_is_in_its_script() -> None:
    faults = []
    for city in cities():
        faults += [
            f"hans {city.hans}: {character}"
            for character in sorted(characters(city.hans))
            if character in TRADITIONAL_IN_GB2312
            or not (in_codec(character, "gb2312") or character in BESIDES_GB2312)
        ]
        faults += [
            f"hant {city.hant}: {character}"
            for character in sorted(characters(city.hant))
            if character in SIMPLIFIED_IN_BIG5 or not in_codec(character, "big5")
        ]
        faults += [
            f"latin {city.latin}: {name}"
            for name in city.latin
            if not all(c in " -.,'" or "LATIN" in unicodedata.name(c) for c in name)
        ]
    assert not faults, "\n" + "\n".join(faults)


def test_capitals_are_there() -> None:
    known = {(city.country, name) for city in cities() for name in city.latin}
    assert CAPITALS.items() <= known


def test_variants_of_every_region_are_there() -> None:
    by_latin = {(city.country, name): city for city in cities() for name in city.latin}
    sydney = by_latin["AUS", "Sydney"]
    assert (sydney.hans, sydney.hant) == (("悉尼", "雪梨"), ("雪梨", "悉尼"))
    assert by_latin["KOR", "Seoul"].hant == ("首爾", "漢城")
    assert "圣地亚哥" in by_latin["CHL", "Santiago"].hans
    assert "圣地亚哥" in by_latin["USA", "San Diego"].hans
    assert {"雪梨", "悉尼", "華府", "台拉维夫", "顿涅茨克", "San Diego"} <= city_names()


def test_rows_are_read() -> None:
    assert parse_cities(HEAD + "洛兰城|洛兰\t洛蘭城\tLoran\tXLO\n", "t.tsv") == (
        City(hans=("洛兰城", "洛兰"), hant=("洛蘭城",), latin=("Loran",), country="XLO"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"t\.tsv:1: no comment line"),
        ("# only this", r"t\.tsv:2: the header is not"),
        ("# a table\nhans\thant\n", r"t\.tsv:2: the header is not"),
        (HEAD + "东京\t東京\tTokyo\n", r"t\.tsv:3: 3 columns, not 4"),
        (HEAD + "东京\t東京\tTokyo\tJPN\n\n", r"t\.tsv:4: 1 columns, not 4"),
        (HEAD + "东京\t東京\tTokyo\tjp\n", r"t\.tsv:3: country is 'jp'"),
        (HEAD + "东京\t\tTokyo\tJPN\n", r"t\.tsv:3: hant has an empty name"),
        (HEAD + "东京|\t東京\tTokyo\tJPN\n", r"t\.tsv:3: hans has an empty name"),
        (HEAD + "东京\t東京\tTokyo \tJPN\n", r"t\.tsv:3: latin has .* blanks"),
        (HEAD + "东京\t東京|東京\tTokyo\tJPN\n", r"t\.tsv:3: hant has a name twice"),
    ],
)
def test_faults_are_named_with_file_and_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_cities(text, "t.tsv")


TABLES = {
    "persons.tsv": (persons, 1_000),
    "organisations.tsv": (organisations, 250),
    "places.tsv": (places, 250),
}


def table(name: str) -> tuple[Name, ...]:
    return TABLES[name][0]()


def told_apart(name: str) -> bool:
    """Tell whether a name is wholly simplified or wholly traditional, not a mixture."""
    besides = BESIDES_GB2312_IN_NAMES | BESIDES_BIG5_IN_NAMES
    left = characters((name,)) - besides
    return all(in_codec(c, "gb2312") for c in left) or all(in_codec(c, "big5") for c in left)


@pytest.mark.parametrize("name", [*TABLES, "inside.tsv"])
def test_name_file_is_utf_8_in_nfc_and_says_its_origin(name: str) -> None:
    text = files("shilu.lexicon").joinpath(name).read_bytes().decode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert "\r" not in text
    assert text.endswith("\n")
    first, header = text.split("\n")[:2]
    assert first.startswith("# ")
    assert first.endswith("written for Shilu from general knowledge")
    if name in TABLES:
        assert tuple(header.split("\t")) == NAME_COLUMNS
        assert len(text.splitlines()) - 2 == len(table(name)) >= TABLES[name][1]


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_names_stand_by_country_and_id(name: str) -> None:
    keys = [(row.country or "zzz", row.id) for row in table(name)]
    assert keys == sorted(keys)
    assert len({row.id for row in table(name)}) == len(keys)


@pytest.mark.parametrize("name", TABLES)
def test_names_are_in_their_script(name: str) -> None:
    faults = []
    for row in table(name):
        faults += [
            f"{row.id} cn: {character}"
            for character in sorted(characters(row.cn))
            if character in TRADITIONAL_IN_GB2312
            or not (in_codec(character, "gb2312") or character in BESIDES_GB2312_IN_NAMES)
        ]
        faults += [
            f"{row.id} tw, hk: {character}"
            for character in sorted(characters((*row.tw, *row.hk)))
            if character in SIMPLIFIED_IN_BIG5
            or not (in_codec(character, "big5") or character in BESIDES_BIG5_IN_NAMES)
        ]
        faults += [f"{row.id} other: {form}" for form in row.other if not told_apart(form)]
        faults += [
            f"{row.id} latin: {form}"
            for form in row.latin
            if not all(
                c in " -.,'&/" or c.isdecimal() or "LATIN" in unicodedata.name(c) for c in form
            )
        ]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize("name", TABLES)
def test_no_form_is_one_character_and_none_stands_in_two_columns(name: str) -> None:
    for row in table(name):
        assert min(map(len, row.forms)) >= 2, row
        assert not set(row.hk) & set(row.tw), row
        assert not set(row.other) & {*row.cn, *row.tw, *row.hk}, row


def test_every_person_has_a_country() -> None:
    assert all(row.country for row in persons())


def test_a_form_of_two_rows_is_marked_as_shared() -> None:
    rows = [row for name in TABLES for row in table(name)]
    owners = Counter(form for row in rows for form in row.forms)
    # a place that stands among the cities too has there the very same names
    owners.update(city_names() - {form for row in places() for form in row.forms})
    unmarked = {
        row.id for row in rows if not row.shared and any(owners[form] > 1 for form in row.forms)
    }
    assert unmarked <= {"djibouti-country"}  # the capital has the country's name


@pytest.mark.parametrize(
    "forms",
    [
        "特朗普 川普 Trump", "普京 普丁 蒲亭 Putin", "泽连斯基 澤倫斯基 澤連斯基 Zelensky",
        "哈里斯 賀錦麗 贺锦丽", "首尔 漢城 首爾 Seoul", "朝鲜 北韓 北朝鮮", "意大利 義大利 Italy",
        "习近平 習近平 Xi_Jinping", "金正恩 Kim_Jong_Un", "内塔尼亚胡 納坦雅胡 尼坦雅胡 Netanyahu",
        "拜登 Biden", "奥巴马 歐巴馬 奧巴馬", "马克龙 馬克宏 馬克龍", "希拉里 希拉蕊 希拉莉",
        "埃尔多安 艾爾多安 艾爾段", "昂山素季 翁山蘇姬 昂山素姬", "杜特尔特 杜特蒂 Duterte",
        "特朗普 唐納·川普", "新西兰 紐西蘭", "沙特 沙烏地阿拉伯", "老挝 寮國", "乍得 Chad",
        "加沙 加薩 迦薩 Gaza", "纳戈尔诺-卡拉巴赫 納戈爾諾-卡拉巴克 納卡", "阿塞拜疆 亞塞拜然",
        "格鲁吉亚 格魯吉亞", "顿巴斯 頓巴斯 Donbas", "突尼斯 突尼西亞 Tunisia", "悉尼 雪梨 Sydney",
        "哈马斯 哈瑪斯 Hamas", "真主党 真主黨", "塔利班 神學士", "台积电 台積電 TSMC",
        "英伟达 輝達 Nvidia", "新华社 新華社 Xinhua", "美联社 美聯社", "北约 北約 NATO",
    ],
)  # fmt: skip
def test_names_of_one_thing_meet(forms: str) -> None:
    names = [form.replace("_", " ") for form in forms.split()]
    for name in names:
        assert set(names) - {name} <= set(variants()[name]), name


@pytest.mark.parametrize(
    ("form", "never"),
    [
        ("小布什", "老布什"), ("小布什", "布什"), ("老布什", "布什"), ("李强", "李克强"),
        ("李克强", "李强"), ("王毅", "王毅捷"), ("特朗普", "小特朗普"), ("小特朗普", "特朗普"),
        ("贺锦丽", "西蒙·哈里斯"), ("习近平", "习仲勋"), ("金正恩", "金与正"), ("朝鲜", "韩国"),
        ("格鲁吉亚", "喬治亞"), ("佐治亚", "喬治亞"), ("刚果共和国", "刚果民主共和国"),
        ("苏丹", "南苏丹"), ("Wilbur Ross", "罗斯"), ("John Kerry", "克里"),
    ],
)  # fmt: skip
def test_names_of_two_things_never_meet(form: str, never: str) -> None:
    assert never not in variants()[form]


@pytest.mark.parametrize(
    "form", ["布什", "布希", "布殊", "Bush", "鲍威尔", "周永康", "喬治亞", "圣地亚哥"]
)
def test_a_name_of_several_joins_nobody(form: str) -> None:
    assert variants()[form] == ()
    assert all(form not in others for others in variants().values())


def test_what_stands_inside_words_is_a_variant_of_nobody() -> None:
    assert inside() & {form for others in variants().values() for form in others} == set()
    assert "威尔伯·罗斯" in variants()["罗斯"]
    known = {form for name in TABLES for row in table(name) for form in row.forms}
    rows = files("shilu.lexicon").joinpath("inside.tsv").read_text("utf-8").splitlines()[2:]
    assert [row for row in rows if known.isdisjoint(row.split("\t")[:2])] == []


def test_rows_are_joined_within_themselves_only() -> None:
    rows = [("甲乙", "Ab"), ("甲乙", "丙丁", "Cd"), ("戊己", "Ef", "Gh")]
    assert join(rows) == {
        "甲乙": (), "Ab": (), "丙丁": ("Cd",), "Cd": ("丙丁",),
        "戊己": ("Ef", "Gh"), "Ef": ("戊己", "Gh"), "Gh": ("戊己", "Ef"),
    }  # fmt: skip


def test_rows_that_agree_keep_what_they_share() -> None:
    rows = [("甲乙", "Ab"), ("Ab", "甲乙")]
    assert join(rows) == {"甲乙": ("Ab",), "Ab": ("甲乙",)}


def test_folding_finds_what_two_rows_share() -> None:
    rows = [("Ab", "甲乙"), ("AB", "丙丁")]
    assert join(rows)["Ab"] == ("甲乙",)
    assert join(rows, fold=str.lower) == {"Ab": (), "甲乙": (), "AB": (), "丙丁": ()}


def test_within_words_a_name_is_offered_to_nobody() -> None:
    assert join([("甲乙", "甲乙丙", "Ab")], ["甲乙"]) == {
        "甲乙": ("甲乙丙", "Ab"), "甲乙丙": ("Ab",), "Ab": ("甲乙丙",),
    }  # fmt: skip


def test_names_are_read() -> None:
    rows = parse_names(NAMES + "a-b\t洛兰|安·洛兰\t洛蘭\t羅蘭\t\tAn Loran\tXLO\tyes\n", "t.tsv")
    assert rows == (
        Name(
            id="a-b", cn=("洛兰", "安·洛兰"), tw=("洛蘭",), hk=("羅蘭",), other=(),
            latin=("An Loran",), country="XLO", shared=True,
        ),
    )  # fmt: skip
    assert rows[0].forms == ("洛兰", "安·洛兰", "洛蘭", "羅蘭", "An Loran")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\t东京\n", r"t\.tsv:3: 2 columns, not 8"),
        ("A\t东京\t東京\t\t\tTokyo\tJPN\t\n", r"t\.tsv:3: id is 'A'"),
        ("a\t\t東京\t\t\tTokyo\tJPN\t\n", r"t\.tsv:3: cn has an empty name"),
        ("a\t东京\t\t\t\tTokyo\tJPN\t\n", r"t\.tsv:3: tw has an empty name"),
        ("a\t东京\t東京\t\t\t\tJPN\t\n", r"t\.tsv:3: latin has an empty name"),
        ("a\t东京\t東京\t|\t\tTokyo\tJPN\t\n", r"t\.tsv:3: hk has an empty name"),
        ("a\t东京\t東京\t\t甲|甲\tTokyo\tJPN\t\n", r"t\.tsv:3: other has a name twice"),
        ("a\t东京\t東京\t\t\tTokyo\tjp\t\n", r"t\.tsv:3: country is 'jp'"),
        ("a\t东京\t東京\t\t\tTokyo\t\t\n", r"t\.tsv:3: country is ''"),
        ("a\t东京\t東京\t\t\tTokyo\tJPN\tno\n", r"t\.tsv:3: shared is 'no'"),
        ("a\t东京\t東京\t\t\tTokyo\tJPN\t\n" * 2, r"t\.tsv:4: the id 'a' stands twice"),
    ],
)
def test_faults_of_names_are_named_with_file_and_line(row: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_names(NAMES + row, "t.tsv", country_required=True)


def test_a_sea_needs_no_country() -> None:
    row = "a\t南海\t南海\t\t\tSouth China Sea\t\t\n"
    assert parse_names(NAMES + row, "t.tsv")[0].country == ""


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("罗斯\t羅斯\t罗斯\n", r"t\.tsv:3: '罗斯' does not stand inside '罗斯'"),
        ("罗斯\t羅斯\t俄国\n", r"t\.tsv:3: '罗斯' does not stand inside '俄国'"),
        ("罗斯\t羅斯\t俄罗斯\n" * 2, r"t\.tsv:4: '罗斯' stands twice"),
    ],
)
def test_faults_of_names_inside_words_are_named(rows: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_inside(WITHIN + rows, "t.tsv")
