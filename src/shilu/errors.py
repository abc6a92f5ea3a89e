"""What can go wrong, in the reader's language.

Two forms, one table. Expected failures of single records are ``records.Problem`` values; a failure
that ends a command is raised as one of the exceptions below::

    ShiluError
    ├── UsageError          exit 2: the call cannot be carried out as written
    └── ArchiveError        exit 3: the archive is damaged, held by another process, or full
        ├── ArchiveHeld
        └── ArchiveDamaged

Both carry a code from ``MESSAGES``, which holds the reason and the next step in English and
Chinese. Adding an error is adding a row there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from shilu.records import Problem


class Message(NamedTuple):
    """Why it failed and what to do; ``{places}`` are filled from a problem's details."""

    reason_en: str
    action_en: str
    reason_zh: str
    action_zh: str


MESSAGES: Mapping[str, Message] = MappingProxyType(
    {
        # ------------------------------------------------------------------ records, refused
        "record.no_head": Message(
            "it does not begin as a record: no <!--milliseconds--> line, no front matter",
            "its bytes are kept; if it is a record of another form, tell us which mirror it is of",
            "开头不是记录的格式：没有 <!--毫秒--> 行，也没有 front matter",
            "原始字节已保留；若是其他格式的记录，请告知来自哪个镜像",
        ),
        "record.empty": Message(
            "it has neither a title nor any text",
            "nothing to do; bytes that were imported are kept, and 'shilu problems' tells where",
            "既无标题，也无正文",
            "无需处理；导入的原始字节已保留，位置见 “shilu problems”",
        ),
        "record.too_large": Message(
            "it has {size} bytes, more than the limit of {limit}; only digest and origin are kept",
            "raise max_record_bytes in shilu.toml and import again",
            "大小为 {size} 字节，超过上限 {limit}；只记下摘要与来源",
            "在 shilu.toml 中调高 max_record_bytes 后重新导入",
        ),
        "record.unreadable": Message(
            "it cannot be read: {cause}",
            "check its permissions and the disk, then import again",
            "无法读取：{cause}",
            "请检查权限与磁盘，然后重新导入",
        ),
        "record.not_a_file": Message(
            "it is not a regular file but a {kind}",
            "name a folder, a record file or a Git repository",
            "它不是普通文件，而是 {kind}",
            "请指定文件夹、记录文件或 Git 仓库",
        ),
        "git.blob_missing": Message(
            "the repository lacks its bytes (object {object}); it is a partial or damaged clone",
            "clone again without --filter, or run 'git fetch --refetch' there, and import again",
            "仓库缺少它的内容（对象 {object}）；这是部分克隆或已损坏的克隆",
            "请不带 --filter 重新克隆，或在其中运行 “git fetch --refetch”，然后重新导入",
        ),
        "url.invalid": Message(
            "its address is not one of the web: {url}",
            "its bytes are kept; correct the record and import it again",
            "网址无效：{url}",
            "原始字节已保留；改正记录后可重新导入",
        ),
        "article.forgotten": Message(
            "its article was forgotten on {day}: {why}",
            "nothing to do; a forgotten article does not come back",
            "该文章已于 {day} 按要求删除：{why}",
            "无需处理；已删除的文章不会再收入",
        ),
        "extract.failed": Message(
            "the extractor failed on it: {cause}",
            "its bytes are kept and 'shilu rebuild' reads them again; please report this",
            "提取时出错：{cause}",
            "原始字节已保留，“shilu rebuild” 会重新读取；请报告此问题",
        ),
        # ------------------------------------------------------------------ records, kept in doubt
        "record.no_date": Message(
            "its head gives no date ({stamp})",
            "nothing to do; the outlet's own time is used where it prints one",
            "记录头没有日期（{stamp}）",
            "无需处理；若文中印有时间，则以其为准",
        ),
        "record.date_out_of_range": Message(
            "the stamp in its head is no plausible time: {stamp}",
            "nothing to do; the stamp is left out",
            "记录头的时间戳不合理：{stamp}",
            "无需处理；该时间戳不予采用",
        ),
        "record.front_matter": Message(
            "its front matter is not valid YAML; it was read line by line",
            "check title and date",
            "front matter 不是有效的 YAML，已逐行读取",
            "请核对标题与日期",
        ),
        "record.no_title": Message(
            "it has no title",
            "nothing to do; the article stands under its first line",
            "没有标题",
            "无需处理；以首行代替标题显示",
        ),
        "text.invalid_utf8": Message(
            "{count} bytes are not UTF-8 and read as U+FFFD in the text",
            "the bytes themselves are kept; compare with 'shilu show --raw'",
            "有 {count} 个字节不是 UTF-8，文本中以 U+FFFD 代替",
            "原始字节已保留；可用 “shilu show --raw” 对照",
        ),
        "text.nul": Message(
            "it holds {count} NUL characters, left out of the text",
            "the bytes themselves are kept",
            "含有 {count} 个 NUL 字符，文本中已略去",
            "原始字节已保留",
        ),
        "text.none": Message(
            "there is no prose in it, only {what}",
            "nothing to do; the article is kept with what it has",
            "没有正文，只有{what}",
            "无需处理；按现有内容保留",
        ),
        "rule.drift": Message(
            "the rule {rule} fired on {before} of its articles, and on {now} of the last "
            "{captures} (since {since})",
            "the outlet may have changed its layout: look at 'shilu rules {source}' and at "
            "'shilu boilerplate {source}'",
            "规则 {rule} 过去对 {before} 的文章起作用，最近 {captures} 篇（自 {since}）中为 {now}",
            "该媒体可能改了版面：请看 “shilu rules {source}” 与 “shilu boilerplate {source}”",
        ),
        "html.too_deep": Message(
            "its markup is nested {depth} deep; it was read as plain lines",
            "check the text against 'shilu show --raw'",
            "标记嵌套达 {depth} 层，已按纯文本行读取",
            "请与 “shilu show --raw” 对照",
        ),
        "html.overloaded": Message(
            "a tag in it has thousands of attributes; it was read as plain lines",
            "check the text against 'shilu show --raw'",
            "某个标签有数千个属性，已按纯文本行读取",
            "请与 “shilu show --raw” 对照",
        ),
        "date.unreadable": Message(
            "cannot read its date {text}: it matches none of the forms of {source}",
            "add the form to the outlet's TOML",
            "无法读取日期 {text}：与 {source} 的任何格式都不符",
            "请在该媒体的 TOML 中补充格式",
        ),
        # ------------------------------------------------------------------ queries, read in doubt
        "query.quote": Message(
            "the quotation mark is not closed",
            "the quotation was read as going to the end",
            "引号没有闭合",
            "已视为引到末尾",
        ),
        "query.parenthesis": Message(
            "the parenthesis has no counterpart",
            "it was read as if it had one at the end of its part, or was passed over",
            "括号不成对",
            "已视为在所在部分末尾闭合，或略去",
        ),
        "query.operator": Message(
            "the operator lacks something to join",
            "it was passed over",
            "运算符缺少所连接的内容",
            "已略去",
        ),
        "query.field": Message(
            "there is no such field",
            "it was read as {near}:",
            "没有这个字段",
            "已按 {near}: 理解",
        ),
        "query.value": Message(
            "its value {value} cannot be read",
            "it was passed over; docs/search.md lists the values",
            "取值 {value} 无法理解",
            "已略去；可用的取值见 docs/search.md",
        ),
        "query.dates": Message(
            "the first day is after the last",
            "they were exchanged",
            "起始日晚于结束日",
            "已对调",
        ),
        "query.wildcard": Message(
            "the sign * stands for nothing here",
            "any part of a Chinese word is found as it is, and English words in all their forms",
            "此处 * 不作通配符",
            "中文词语的任何部分均可直接查找，英文单词会查找各种词形",
        ),
        "query.nothing": Message(
            "there is no letter, digit or character in it to search for",
            "it was passed over",
            "其中没有可供查找的文字或数字",
            "已略去",
        ),
        # ------------------------------------------------------------------ repositories
        "import.no_records": Message(
            "it is no Git repository and holds no record files",
            "name the mirror's top folder (the one with .git in it), or a folder of .md records",
            "它不是 Git 仓库，也没有记录文件",
            "请指定镜像的顶层文件夹（含 .git 的那个），或存放 .md 记录的文件夹",
        ),
        "git.shallow": Message(
            "the clone is shallow: history before {count} commit(s) is not in it",
            "run 'git fetch --unshallow' there and import again to get the older versions",
            "这是浅克隆：缺少 {count} 个提交之前的历史",
            "在其中运行 “git fetch --unshallow” 后重新导入，即可得到更早的版本",
        ),
        "git.partial": Message(
            "the clone is partial (filter {filter}): objects it lacks cannot be read",
            "clone again without --filter to get everything",
            "这是部分克隆（过滤条件 {filter}）：缺少的对象无法读取",
            "请不带 --filter 重新克隆",
        ),
        "git.damaged": Message(
            "Git cannot walk this repository: {cause}",
            "run 'git fsck' there; what was read before the fault is kept",
            "Git 无法遍历该仓库：{cause}",
            "请在其中运行 “git fsck”；出错前读到的内容已保留",
        ),
        "git.no_commits": Message(
            "the repository has no commits",
            "nothing to import yet",
            "该仓库没有任何提交",
            "暂无可导入的内容",
        ),
        # ------------------------------------------------------------------ wrong use (exit 2)
        "use.no_such_path": Message(
            "there is nothing at this path",
            "check the spelling",
            "该路径不存在",
            "请检查拼写",
        ),
        "use.bad_reference": Message(
            "no article answers to this name",
            "give an id (or its first 6+ digits), source/key, or the article's URL",
            "没有与之对应的文章",
            "请给出 id（至少前 6 位）、媒体/键，或文章网址",
        ),
        "use.ambiguous_reference": Message(
            "{count} articles answer to this name",
            "give more digits of the id, or source/key",
            "有 {count} 篇文章与之对应",
            "请多给几位 id，或用 媒体/键",
        ),
        "use.no_such_version": Message(
            "version {n} does not exist; the article has {count}",
            "choose a number from 1 to {count}",
            "没有第 {n} 版；该文章共有 {count} 版",
            "请选择 1 到 {count}",
        ),
        "use.no_such_piece": Message(
            "piece {n} does not exist; the list has {count}",
            "see the numbers with 'shilu show ARTICLE --removed'",
            "没有第 {n} 段；列表共有 {count} 段",
            "用 “shilu show ARTICLE --removed” 查看编号",
        ),
        "use.no_such_line": Message(
            "{n} names no lines of the list, which has {count}",
            "give numbers of the list joined by commas, or all",
            "{n} 不是列表中的编号；列表共 {count} 行",
            "请给出用逗号分隔的编号，或 all",
        ),
        "use.no_such_rule": Message(
            "source {source} has no rule of this name",
            "see 'shilu rules {source}'; did you mean {near}?",
            "媒体 {source} 没有这个名称的规则",
            "见 “shilu rules {source}”；是否想用 {near}？",
        ),
        "use.no_such_source": Message(
            "no source has this id",
            "see 'shilu sources'; did you mean {near}?",
            "没有这个媒体",
            "请见 “shilu sources”；是否指 {near}？",
        ),
        "query.too_long": Message(
            "the query has {length} characters, more than the limit of {limit}",
            "search for a part of it",
            "查询有 {length} 个字符，超过上限 {limit}",
            "请只用其中一部分查找",
        ),
        "query.cursor": Message(
            "this cursor belongs to another query, or the archive has changed since",
            "ask again from the first page",
            "该游标属于另一个查询，或档案库此后已有变化",
            "请从第一页重新查询",
        ),
        "query.too_deep": Message(
            "its parentheses are nested more than {limit} deep",
            "leave out those that are not needed",
            "括号嵌套超过 {limit} 层",
            "请去掉不必要的括号",
        ),
        "query.too_many_terms": Message(
            "it has more than {limit} terms",
            "search for fewer at a time",
            "查询词超过 {limit} 个",
            "请减少每次的查询词",
        ),
        "use.not_empty": Message(
            "the folder is not empty",
            "choose a new folder",
            "该文件夹不为空",
            "请选择新的文件夹",
        ),
        "use.inside_the_archive": Message(
            "the folder lies within the archive itself",
            "choose a folder elsewhere, better on another disk",
            "该文件夹位于档案库内部",
            "请选择别处的文件夹，最好在另一块磁盘上",
        ),
        "use.output_failed": Message(
            "the output cannot be written: {cause}",
            "make room or choose another place, and run the command again",
            "无法写出结果：{cause}",
            "请腾出空间或另选位置，然后重新运行",
        ),
        "use.not_an_archive": Message(
            "there is no archive here",
            "make one with 'shilu import PATH --archive DIR'",
            "这里没有档案库",
            "用 “shilu import 路径 --archive 目录” 新建",
        ),
        "use.git_missing": Message(
            "the program 'git' is needed to read a repository and is not installed",
            "install Git (2.30 or newer) and try again",
            "读取仓库需要 git 程序，但未安装",
            "请安装 Git（2.30 或更新）后重试",
        ),
        "config.unknown_key": Message(
            "unknown key {key}",
            "did you mean {near}?",
            "未知的键 {key}",
            "是否指 {near}？",
        ),
        "config.bad_value": Message(
            "{key} cannot be {value}: {expected} is expected",
            "correct the value",
            "{key} 不能是 {value}：应为{expected}",
            "请改正该值",
        ),
        "config.unreadable": Message(
            "it is not valid TOML: {cause}",
            "correct the file",
            "不是有效的 TOML：{cause}",
            "请改正该文件",
        ),
        # ------------------------------------------------------------------ the archive (exit 3)
        "archive.newer": Message(
            "the archive has format {found}; this shilu reads formats up to {known}",
            "install a newer shilu; nothing was changed",
            "档案库格式为 {found}；本程序最高支持 {known}",
            "请安装更新的 shilu；未作任何改动",
        ),
        "archive.held": Message(
            "another process is working on the archive",
            "wait until it is done, or stop it; nothing was changed",
            "另一个进程正在使用该档案库",
            "请等它结束或将其停止；未作任何改动",
        ),
        "archive.full": Message(
            "writing failed: {cause}",
            "make room and run the command again; all that was acknowledged is kept",
            "写入失败：{cause}",
            "请腾出空间后重新运行；已确认的内容都已保留",
        ),
        "archive.damaged": Message(
            "it is damaged: {cause}",
            "run 'shilu verify' to see what is affected, then 'shilu rebuild' or restore a backup",
            "已损坏：{cause}",
            "运行 “shilu verify” 查看影响，然后 “shilu rebuild” 或恢复备份",
        ),
        "archive.database_damaged": Message(
            "its database cannot be read: {cause}",
            "run 'shilu rebuild': it makes the database anew from the captures",
            "数据库无法读取：{cause}",
            "运行 “shilu rebuild”，即可由原始捕获重新生成数据库",
        ),
        "archive.index_damaged": Message(
            "the search index cannot be read or written: {cause}",
            "run 'shilu rebuild --index': it makes the index anew",
            "搜索索引无法读写：{cause}",
            "运行 “shilu rebuild --index”，即可重新生成索引",
        ),
        "archive.database_older": Message(
            "its database has the form {found} of an earlier release, this program's is {known}",
            "run 'shilu rebuild': it makes the database anew from the captures",
            "数据库是早先版本的格式 {found}，本程序的格式是 {known}",
            "运行 “shilu rebuild”，即可由原始捕获重新生成数据库",
        ),
        "archive.state_damaged": Message(
            "it cannot be read: {cause}",
            "restore it from a backup, or move it away: mirrors are then read from their start",
            "无法读取：{cause}",
            "请从备份恢复，或将其移走：之后导入会从头读取各镜像",
        ),
        "archive.unwritable": Message(
            "the archive cannot be written here: {cause}",
            "choose another folder with --archive or correct its permissions",
            "无法在此写入档案库：{cause}",
            "请用 --archive 指定其他文件夹，或改正权限",
        ),
    }
)


class ShiluError(Exception):
    """A failure that ends a command; ``str()`` is the full sentence in the user's language."""

    exit_code = 2

    def __init__(self, code: str, subject: object, **details: object) -> None:
        self.problem = Problem(
            code, str(subject), {name: str(value) for name, value in details.items()}, refused=True
        )
        super().__init__(code, str(subject))

    def __str__(self) -> str:
        return sentence(self.problem)


class UsageError(ShiluError):
    """The call cannot be carried out as written (exit code 2)."""


class ArchiveError(ShiluError):
    """The archive is damaged, held, newer or full (exit code 3)."""

    exit_code = 3


class ArchiveHeld(ArchiveError):
    """Another process holds the archive."""


class ArchiveDamaged(ArchiveError):
    """Something in the archive contradicts itself."""


def user_language(environ: Mapping[str, str] = os.environ) -> str:
    """Return ``"zh"`` or ``"en"``: SHILU_LANG, else the locale as POSIX orders its variables."""
    for name in ("SHILU_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name)
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


class _Known(dict[str, str]):
    """Leaves a place that has no detail readable instead of failing inside an error message."""

    def __missing__(self, key: str) -> str:
        return "?"


def explain(problem: Problem, language: str | None = None) -> tuple[str, str]:
    """Return the reason and the next step, as two sentences.

    >>> explain(Problem("record.no_title", "rfi/1"), "en")[0]
    'it has no title'
    """
    message = MESSAGES[problem.code]
    zh = (language or user_language()).startswith("zh")
    reason, action = message[2:] if zh else message[:2]
    details = _Known(problem.details)
    return reason.format_map(details), action.format_map(details)


def sentence(problem: Problem, language: str | None = None) -> str:
    """Return one line: what failed, why, and what to do."""
    reason, action = explain(problem, language)
    zh = (language or user_language()).startswith("zh")
    return (
        f"{problem.subject}：{reason}。{action}。"
        if zh
        else (f"{problem.subject}: {reason}; {action}")
    )
