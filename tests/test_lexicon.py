from __future__ import annotations

import unicodedata
from collections import Counter
from importlib.resources import files

import pytest

from shilu.lexicon.tables import CITY_COLUMNS, City, cities, city_names, parse_cities

HEAD = "# a table of the test\nhans\thant\tlatin\tcountry\n"

# The codecs tell the scripts apart: GB 2312 holds simplified characters, Big5 traditional ones.
# What either holds of the other script, and what it lacks though it is of no script:
TRADITIONAL_IN_GB2312 = set("乾夥後徵於甯薹麽")
BESIDES_GB2312 = set("峇埼潟")
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
