"""Names under their other names: 特朗普 finds 川普 and Trump too.

What the lexicon calls one and the same is looked for together with what was typed; what was found
under another name is shown as such. Only whole names lead to others: neither does a surname lead
to those who bear it, nor a form that several bear to any of them (``lexicon.tables.variants``).
What stands in quotes is never expanded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from shilu.lexicon import tables
from shilu.search.folding import fold_text
from shilu.search.query import And, Named, Node, Not, Or, Phrase, Word
from shilu.search.tokens import is_wide, pieces

_WORDS = 6  # of the longest name that is typed as several words: Mohammed bin Salman Al Saud
_FORMS = 24  # other forms of what was typed that are looked for
_LONGEST = 12  # characters of a name within a word
_PARTS = 3  # names within one word that are put in other forms: 特朗普普京会谈

Forms = Mapping[str, tuple[str, ...]]  # key: other forms as written


@lru_cache(maxsize=1 << 15)  # the lexicon asks for each of its forms many times
def key(text: str) -> str:
    """Return what two ways of writing a name must share to be the same form.

    >>> key("Kim Jong-un"), key("約翰·史密斯")
    ('kim jong un', '约翰 史密斯')
    """
    return " ".join(piece.text for piece in pieces(fold_text(text)))


@cache
def lexicon() -> Forms:
    """Return the other forms of every name of the lexicon that has any."""
    return by_key(tables.variants(key))


def by_key(variants: Mapping[str, Sequence[str]]) -> Forms:
    """Return other forms by key; none that only differs in script, width or case."""
    found: dict[str, dict[str, str]] = {}
    for form, others in variants.items():
        own = key(form)
        if own:
            known = found.setdefault(own, {})
            for other in others:
                if key(other) not in ("", own):
                    known.setdefault(key(other), other)
    return {own: tuple(others.values()) for own, others in found.items() if others}


def expand(root: Node, forms: Forms | None = None) -> Node:
    """Return a query with the words that are names made ``Named``.

    *forms*: other forms of names by ``key``; by default the lexicon's.

    >>> expand(Word("普丁"), {"普丁": ("普京", "Putin")}).forms
    (Phrase(text='普京', place=None), Phrase(text='Putin', place=None))
    """
    known = lexicon() if forms is None else forms
    match root:
        case Word():
            return _word(root, known)
        case And(parts):
            return _all(parts, known)
        case Or(parts):
            return Or(tuple(expand(part, known) for part in parts))
        case Not(part):
            return Not(expand(part, known))
    return root


def _all(parts: tuple[Node, ...], known: Forms) -> Node:
    """Expand what is to be found together: words in a row may be one name."""
    found: list[Node] = []
    at = 0
    while at < len(parts):
        part = parts[at]
        count = 1
        if isinstance(part, Word):
            row = [part]
            for after in parts[at + 1 : at + _WORDS]:
                if not isinstance(after, Word) or after.place != part.place:
                    break
                row.append(after)
            for count in range(len(row), 1, -1):
                others = known.get(key(" ".join(word.text for word in row[:count])))
                if others:
                    found.append(_named(And(tuple(row[:count])), others, part))
                    break
            else:
                count = 1
                found.append(_word(part, known))
        else:
            found.append(expand(part, known))
        at += count
    return found[0] if len(found) == 1 else And(tuple(found))


def _word(word: Word, known: Forms) -> Node:
    folded = key(word.text)
    others = known.get(folded) or _with_names_replaced(folded, known)
    return _named(word, others, word) if others else word


def _named(typed: Node, others: Sequence[str], word: Word) -> Named:
    return Named(typed, tuple(Phrase(form, word.place) for form in others[:_FORMS]))


def _with_names_replaced(word: str, known: Forms) -> list[str]:
    """Return a word of wide characters with the names in it under their other names.

    From the left, the longest name first; names of one character are none.
    """
    if not is_wide(word):
        return []
    ways = [""]
    at = start = replaced = 0
    while at < len(word) and replaced < _PARTS:
        size = next(
            (size for size in range(min(_LONGEST, len(word) - at), 1, -1)
             if word[at : at + size] in known),
            0,
        )  # fmt: skip
        if not size:
            at += 1
            continue
        name = word[at : at + size]
        choices = [name, *(form for form in known[name] if is_wide(fold_text(form)))]
        ways = [way + word[start:at] + form for way in ways for form in choices][: _FORMS + 1]
        at = start = at + size
        replaced += 1
    return [way + word[start:] for way in ways][1:]
