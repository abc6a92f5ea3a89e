"""Lines and links that are not the article, on the pages of outlets nobody declared.

The forms are those of real outlets; outlets, names and sentences are made up.
"""
# ruff: noqa: E501 - a page is read better on one line

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings

from shilu.extraction import markup, pages, structure
from shilu.extraction.article import extract, extract_entry
from shilu.records import Content, Entry
from shilu.sources.catalog import undeclared
from tests.test_clean import _HTML, signs, visible_signs

BASE = "https://www.beiwan.example/news/2024/1.html"
RULES = undeclared("beiwan.example")

ARTICLE = (
    "<p>北湾渔民周三再次递交请愿书，要求议会恢复冬季的航班。</p>"
    "<p>“他们打了三十通电话，没有人接。”港务长何思敏说。</p>"
    "<p>议会发言人周四回应称，委员会将在下月开会讨论这件事，会议向公众开放。</p>"
)
LINES = 3


def content(html: str, title: str = "") -> Content:
    return extract_entry(Entry(title=title, url=BASE, html=html), RULES, "s")


def kept(html: str) -> list[str]:
    found = content(html)
    return found.text.split("\n") if found.text else []


# --------------------------------------------------------------------------- what lines say

SAID = {
    "copyright": [
        "版权所有，未经授权不得转载",
        "© 2024 北湾报业有限公司 版权所有",
        "【版权声明】本文版权归北湾新闻网所有，未经授权不得转载。",
        "© 2024年北湾之声版权声明：本文所有内容受到著作权法保护，不得擅自使用。",
        "本文系北湾网独家稿件，未经授权，不得转载。",
        "本網站之文字、圖片及影音，非經授權，不得轉載、公開播送或公開傳輸及利用。",
        "本刊載內容版權為北灣傳媒所有，未經編輯部授權，請勿轉載或複製，否則即為侵權。",
        "未經授權請勿轉載",
        "转载请注明出处：北湾网",
        "著作权归作者所有。商业转载请联系作者获得授权，非商业转载请注明出处。",
        "如需转载，请联系北湾网获得授权。",
        "自由北灣版權所有不得轉載© 2020 The Beiwan Times. All Rights Reserved.",
        "Copyright 2024 The Beiwan Post. All rights reserved.",
        "This material may not be published, broadcast, rewritten or redistributed.",
        "This work is licensed under a Creative Commons Attribution 4.0 licence.",
        "本站作品采用知识共享署名 4.0 国际许可协议进行许可。",
        "© 2020 BW",
        "© 2024 Beiwan Media Group",
        "京ICP备12345678号-1 公网安备11010502030000号",
        "凡本网注明“来源：北湾网”的所有作品，版权均属于北湾网，未经本网授权不得转载、摘编。",
        "（本文系作者授权北湾网发表，未经许可，不得转载。）",
        "请勿转载",
        "原创文章，作者：何思敏，如若转载，请注明出处：https://beiwan.example/1",
        "备注：本文内容均为原创，未经授权不得转载。",
        "No part of this publication may be reproduced without permission.",
        "互联网新闻信息服务许可证：11120170001",
        "违法和不良信息举报电话：010-00000000，举报邮箱：jubao@beiwan.example",
    ],
    "disclaimer": [
        "免责声明：本文不代表本站立场。",
        "（本文仅代表作者个人观点，不代表本台立场）",
        "（文章只代表特约评论员个人的立场和观点）",
        "平台声明：该文观点仅代表作者本人，北湾号系信息发布平台，仅提供信息存储空间服务。",
        "特别声明：以上内容为自媒体平台“北湾号”用户上传并发布，本平台仅提供信息存储服务。",
        "Notice: The content above is uploaded and posted by a user of a social media platform.",
        "※本文僅代表作者意見，不代表本報立場。",
        "投资有风险，入市需谨慎。",
        "北湾声明：北湾网登载此文出于传递更多信息之目的，并不意味着赞同其观点。",
        "本文仅供参考",
        "以上内容仅供参考，不构成投资建议。",
        "图片来自网络，如有侵权，请联系删除。",
        "The views expressed in this article are the author's own and do not necessarily reflect "
        "those of The Beiwan Post.",
        "Disclaimer: the information on this site is for reference only.",
        "声明：本文由入驻北湾号的作者撰写，观点仅代表作者本人，不代表北湾号立场。",
        "◎本文為作者投書，不代表本報立場。",
        "以上言論不代表北灣集團立場",
        "风险提示：股市有风险，入市需谨慎",
        "原作者若认为本文侵犯了您的版权，请联系我们，我们会立即删除！",
    ],
    "follow": [
        "欢迎关注我们的微信公众号",
        "更多精彩内容，请关注北湾新闻微信公众号：beiwan2024",
        "想看更多报道？欢迎订阅我们的YouTube频道！",
        "关注公众号：北湾财经",
        "▶ 追蹤我們的 Facebook 粉絲專頁",
        "訂閱我們的頻道",
        "加入北灣新聞LINE好友",
        "北湾中文有Instagram！欢迎搜寻beiwan.chinese，看更多深入浅出的图文与影音报道。",
        "微信公众号：beiwan_news",
        "Follow us on Twitter and Facebook.",
        "Follow The Beiwan Post on Telegram",
        "Find Beiwan News: East of the Bay on Facebook and X. If you have a story, email us.",
        "想看更多報導？請追蹤我們的Instagram",
        "一手掌握渔业脈動 點我訂閱北灣漁業Youtube頻道",
        "點讚追蹤 Facebook 粉絲專頁",
        "北灣娛樂頻道有IG囉: 點這裡",
        "欢迎大家点赞，收藏，关注",
        "更多内容请关注",
        "扫码关注我们",
        "订阅最新文章，欢迎关注我的公众号",
        "關注我們：",
    ],
    "app": [
        "下载北湾新闻APP",
        "點我下載APP 按我看活動辦法",
        "不用抽 不用搶 現在用APP看新聞 保證天天中獎 點我下載APP 按我看活動辦法",
        "海量资讯、精准解读，尽在北湾财经APP",
        "用微信扫码二维码",
        "分享至好友和朋友圈",
        "打开微信，点击底部的“发现”，使用“扫一扫”即可将网页分享至朋友圈",
        "扫一扫，在手机上阅读本文",
        "扫描二维码关注我们",
        "长按识别二维码",
        "手机看新闻",
        "北湾日报客户端下载",
        "下載北灣應用程式追蹤國際時事",
        "Download the Beiwan Post app",
        "下載北灣「一手快報」app，每日新聞不漏接！",
        "打开APP阅读全文",
        "打开北湾新闻，查看更多高清图片",
        "生成图片，分享到微信朋友圈",
        "扫一扫在手机打开当前页",
        "点击「在看」让更多人看到",
    ],
    "contact": ["北湾新闻报料：4009-00-4009", "投稿邮箱：beiwan@beiwan.example"],
    "newsletter": [
        "欢迎订阅北湾每日电子报",
        "點擊訂閱《北灣快訊》電子報",
        "Sign up for our daily newsletter.",
        "Subscribe to our free newsletter and get the news in your inbox every morning",
        "Thanks for reading Beiwan Notes! Subscribe for free to receive new posts.",
        "Subscribe now",
        "Sign up with Facebook",
        "註冊電子報",
    ],
    "donation": [
        "请支持我们",
        "支持独立媒体，请赞助我们",
        "如果您喜欢我们的报道，请捐款支持我们。",
        "每月一杯咖啡的金額，支持優質觀點的誕生，享有更好的閱讀體驗。",
        "请我喝杯咖啡",
        "赞赏作者",
        "Support our journalism from as little as $1.",
        "Buy me a coffee",
        "If you value our work, please consider supporting us.",
        "If you enjoyed this article, please consider subscribing.",
        "Please consider supporting our journalism with a donation.",
        "Our journalism needs your support.",
        "→即刻贊助《北灣評論》←",
        "支持北湾评论，请赞助我们",
        "如果您覺得這個網站有幫助，可以請我喝杯咖啡。",
        "打赏",
    ],
    "share": [
        "分享到：微信 微博 QQ空间",
        "分享 :",
        "一键分享",
        "Share this article",
        "Share on Facebook, Twitter, WhatsApp",
    ],
    "advertisement": [
        "廣告",
        "[廣告] 請繼續往下閱讀...",
        "請繼續往下閱讀...",
        "ADVERTISEMENT",
        "Story continues below advertisement",
        "Sponsored content",
    ],
    "feed_footer": [
        "The post Harbour opens again appeared first on The Beiwan Post.",
        "Powered by RSSHub",
        "This entry passed through the Full-Text RSS service - if this is your content",
        "Let's block ads! (Why?)",
    ],
    "source_link": [
        "原文链接：https://www.beiwan.example/news/2024/1.html",
        "阅读原文",
        "查看原文",
        "原文網址：https://beiwan.example/1",
        "Read the original article",
    ],
    "read_more": [
        "继续阅读",
        "阅读全文",
        "展开全文",
        "查看更多",
        "【详细】",
        "点击进入专题>>",
        "Read more",
        "Continue reading",
        "延伸閱讀",
        "點我看更多北灣新聞＞＞＞",
        "更多北灣網報導：",
        "更多相關報導：",
        "相关新闻",
    ],
    "navigation": [
        "上一篇：冬季航班的前世今生",
        "下一篇：渔港见闻",
        "上一頁 下一頁",
        "返回顶部",
        "回到頂部",
        "返回搜狐，查看更多",
        "当前位置：首页 > 新闻 > 正文",
        "首頁 > 地方 > 北灣",
        "字号：小 中 大",
        "Skip to main content",
        "Back to top",
        "上一篇 下一篇",
        "字号:默认 超大 | 打印 |",
        "您的当前位置：首页>渔业",
    ],
    "tags": ["标签：渔业 航班 议会", "標籤：漁業、航班", "Tags: fishing, flights"],
    "counts": ["阅读 1234 · 点赞 56", "浏览：2,345次", "阅读(88) 评论(3)", "1.2k views"],
    "comments": [
        "评论 (3)",
        "3 条评论",
        "发表评论",
        "共 0 則留言",
        "Leave a comment",
        "暂无评论",
        "共有 3 条评论",
        "留下评论",
        "网友评论",
        "最新评论(3)",
    ],
    "player_fallback": [
        "您的浏览器不支持播放",
        "视频加载中，请稍候",
        "加载中...",
        "Loading...",
        "0:00 / 3:25",
        "聽新聞 0:00 / 0:00",
        "Your browser does not support the audio element.",
        "Please enable JavaScript to view the comments.",
        "Press enter or click to view image in full size",
    ],
    "cookies": [
        "本网站使用cookies来改善您的浏览体验。继续使用即表示您同意我们的隐私政策。",
        "We use cookies to give you the best experience. By continuing you accept our policy.",
        "請同意我們的隱私權規範，才能啟用聽新聞的功能。",
    ],
    "relative_time": ["3 小时前", "5 mins ago", "2 天前"],
}


@pytest.mark.parametrize(
    ("rule", "line"), [(rule, line) for rule, lines in SAID.items() for line in lines]
)
@pytest.mark.parametrize(
    "form", ["<p>{}</p>", "<div><div><strong><span>{}</span></strong></div></div>"]
)
def test_line_that_says_it_is_no_article(rule: str, line: str, form: str) -> None:
    html = ARTICLE + form.format(line)
    found = content(html)
    assert [gone.rule for gone in found.removed] == [f"generic.{rule}"]
    assert len(found.text.split("\n")) == LINES
    assert signs("".join(gone.text for gone in found.removed)) == signs(line)


@pytest.mark.parametrize("rule", ["copyright", "follow", "app", "advertisement", "player_fallback"])
def test_line_between_paragraphs(rule: str) -> None:
    for line in SAID[rule]:
        if line.startswith("© 20") and len(line) < 30:
            continue  # only below the text
        found = content(f"{ARTICLE}<p>{line}</p>{ARTICLE}")
        assert [gone.rule for gone in found.removed] == [f"generic.{rule}"], line


PROSE = [
    # copyright
    "版权所有者认为，平台应当为用户上传的内容承担责任。",
    "版权法修订草案周一提交议会，未经授权不得转载的条款引起争论。",
    "法院认为，未经许可转载他人作品，构成侵权，被告应当赔偿。",
    "本报记者获得的文件显示，未经批准不得使用渔港，转载者亦须负责。",
    "该公司周三发表版权声明：未经授权，任何人不得使用这首歌。",
    "The phrase “all rights reserved” lost its legal force in 2000.",
    "Copyright 2024 was a bad year for, lawyers say, because courts moved slowly.",
    "转载这篇文章的三家网站，都没有注明作者是谁。",
    "本文经授权转载自《北湾评论》。",
    # disclaimer
    "本文作者认为，民调不代表选民的真实看法。",
    "免责声明不能免除平台的责任，律师何思敏说。",
    "他的观点不代表政府，但很多人同意。",
    "外交部发表声明：美方的说法没有根据。",
    "投资建议书周五公布，风险提示只有一页。",
    "The views expressed at the meeting ranged from anger to resignation, one delegate said.",
    # follow, app, newsletter, donation
    "他呼吁粉丝关注他的微信公众号，等待下一步消息。",
    "欢迎关注这一问题的人越来越多，微信群里每天都有人发言，她说。",
    "扫描二维码支付，已经成为北湾人的习惯。",
    "请市民关注天文台的Facebook专页发布的消息。",
    "本报接到爆料：三艘渔船周五没有返港，警方还在搜寻。",
    "下载这个APP的人一周之内超过一百万，议会要求公司解释。",
    "关注渔民生活的人不多。",
    "订阅电子报的读者一年里增加了两成。",
    "Subscribe to a newsletter and you will get ten, researchers found.",
    "Follow the money, the old reporter used to say, and you will find the harbour.",
    "支持我们的人越来越多，市长说。",
    "请支持我们的候选人，他在集会上喊道。",
    "Support independent candidates, he told voters in the harbour.",
    "如果你喜欢这座城市，就得赞助它的球队，他说。",
    # share, ads, feeds
    "分享经济的兴起改变了租车业。",
    "广告法修订草案周一提交议会。",
    "Sponsored athletes must now declare their income, the committee said.",
    "The post office appeared first on the list of buildings to be sold.",
    # read more, navigation
    "更多新闻自由，是他们唯一的要求。",
    "相关报道援引的数字，出自一份旧报告。",
    "阅读全文的人不到一成，调查显示。",
    "上一篇报道说过，渔民在等一个答复。",
    "下一页翻过去，就是新的一年。",
    "返回首页大火现场的居民说，什么都没有了。",
    "关注我们的孩子",
    "作者只想让每个人都听到渔民的意见，哪怕只有一次。",
    # tags, counts, comments, players, cookies
    "标签：一张纸条救了一家店。",
    "阅读1234页的卷宗，法官用了三天。",
    "评论（3）说的是第三章。",
    "浏览器不支持旧的证书，银行客户周一无法登录。",
    "加载中的货船在码头爆炸，三人受伤。",
    "本网站使用cookies追踪用户，法院周二裁定违法。",
    "We use cookies because they taste good, the baker said.",
    "3 小时前的一场大火烧毁了鱼市。",
    # law and censorship: what may not be printed is the news
    "书的扉页上印着一行小字：版权所有，翻印必究。",
    "“版权所有，翻印必究”是那个年代出版社最常用的一句话。",
    "凡涉及渔港事故的文章，一律不得转载，编辑部接到的通知写道。",
    "各网站一律不得转载该文，已转载的立即删除。",
    "所有内容不得直播，不得转载境外媒体稿件。",
    "严禁重新转载过往的渔业旧闻，不炒作，不评论。",
    "任何网站转载渔港事故的消息，须获得主管部门批准。",
    "该公司独家转播的比赛，未经许可被三家网站复制传播。",
    "文章未经作者同意被三家网站转载，侵权者至今没有道歉。",
    "声明要求媒体不得转载未经证实的消息。",
    "第十六条 转载新闻信息，应当注明来源、原作者、编辑真实姓名。",
    "（二）转载者须注明出处和作者姓名；",
    "未经著作权人许可，不得复制、引用其作品。",
    "北湾违法和不良信息举报中心五日说，上月受理举报一千万件，环比增长一成。",
    "网信办约谈了这家未取得互联网新闻信息服务许可证的网站。",
    "新规要求所有应用办理ICP备案手续，否则一律下架。",
    "Articles about the fire may not be published without approval, the directive said.",
    "This work is licensed under a contract with the harbour authority, the lawyer said.",
    "All rights reserved was the name of the band's first record.",
    # opinions and liability
    "文章认为，投资失败只是个人判断的问题，与制度无关。",
    "作者认为民主不是口号，投票权也不只是个人的权利，还是立场的表达。",
    "文章指出，少数人的言论不代表中国网民的观点，更不能代表整个社会。",
    "上述声明不构成新的法律依据，大使馆说。",
    "投资有风险，他却把全部积蓄押在一只股票上。",
    "投资有风险，理财课走进渔村小学",
    "如发现侵权行为，权利人可以通知平台删除有关内容。",
    "如遇侵权，请与消费者协会联系，热线全天开放。",
    "两国此时发表声明，是出于传递善意的考虑。",
    "特别提示：景区实行实名预约，请通过官方平台购票。",
    "信息仅供参考，这样的提示挡不住焦虑的家长。",
    "Disclaimer: I own two of the boats described in this story.",
    # codes and services
    "“扫码关注就送大鹅哦”",
    "扫码时代当心二维码骗局",
    "扫码关注公众号才能点餐，顾客质疑餐厅强制索取个人信息。",
    "扫码后记者发现，点餐要先关注该店的微信公众号才可进行。",
    "扫码点餐问题变本加厉：吃一顿饭竟要关注两个公众号",
    "扫描来历不明二维码的风险",
    "扫描二维码打折优惠促销",
    "用微信扫一扫即可乘车",
    "同时，公司还加入了抖音直播带货的行列。",
    "请求加入我们的人有三百名，工会说。",
    "请关注我们的命运，渔民在公开信里写道。",
    "请加入我们，抗议者在桥上高喊。",
    "请加入我们，在周六上午十点，走上码头。",
    "请支持我们，公开信的最后写道，不要让船沉下去。",
    "敬请关注微信支付的新规：每日限额五百元。",
    "官方微博、微信公众号：北湾举报中心",
    "Like Donald Trump on Twitter, the mayor says what he thinks.",
    "Watch the mayor on Facebook and you see a different candidate.",
    "网友爆料：一辆小车撞上安全岛，车头被架空",
    "知情人爆料：公司早已资不抵债",
    "商务合作：两国签署三项协议",
    "打开“北湾税务”APP，点击首页“年度汇算”",
    "登录北湾铁路客户端，选择“车票改签”",
    "下载“反诈中心”APP，开启来电预警",
    "点击进入“个人中心”",
    "Install the Signal app on your phone",
    # letters, gifts
    "選民登記及郵件投票",
    "北湾电信注册通讯芯片新商标",
    "Get into their inbox and you will own the relationship for free, publishers learned.",
    "“支持我们的理由很简单：我们说到做到。”",
    "赞助我们的是一家地方企业，队长说。",
    "支持独立媒体的基金去年减少了一半。",
    "如果觉得孩子情绪反常，家人的支持和关注很重要。",
    "如果您觉得胸闷，请先停止喝咖啡，并关注血压变化。",
    "每月一杯咖啡的钱，老人攒了十年，捐给了渔港小学。",
    "只靠读者捐款、不收广告的媒体，没有人知道它能存活多久。",
    "Supporting independent media is one of the fund's goals.",
    "Become a member of parliament first, his father told him.",
    "If you value democracy, donate to a local paper, the professor said.",
    # pages
    "新闻链接：去年以来北湾发生的三起火灾",
    "本文链接：一根看不见的线",
    "继续阅读习惯的养成",
    "所在位置：北湾港三号码头",
    "播放量：3200万",
    "请及时更新浏览器和操作系统，专家提醒。",
    "JavaScript is disabled by default in the strictest mode of the browser, researchers note.",
    "我们在浏览器里清除Cookie，再打开网页，隐私设置就被重置。",
    "继续使用该服务即视为同意新的隐私政策，不少用户因此卸载。",
    "By FeedBurner's own count, the blog had ten thousand readers.",
]


@pytest.mark.parametrize("line", PROSE)
@pytest.mark.parametrize("form", ["<p>{}</p>", "<div>{}</div>", "<p><strong>{}</strong></p>"])
def test_prose_about_such_things_stays(line: str, form: str) -> None:
    for html in (ARTICLE + form.format(line), form.format(line) + ARTICLE, form.format(line)):
        assert content(html).removed == ()
        assert line in kept(html)


# A heading with prose of the article below it, an entry of a table or of a list.
PROSE_BELOW = "<p>本月三日，北湾鱼市起火，三人受伤，消防队用了两个小时才把火扑灭。</p>"
OWN = {
    "comments quoted": "<h3>网友评论</h3><p>“终于等到这一天。”一位网友写道。</p>",
    "other news told": f"<h3>相关新闻</h3>{PROSE_BELOW}",
    "background": f"<p><strong>新闻链接</strong></p>{PROSE_BELOW}",
    "profile": f"<p>姓名：秦勤</p><p>标签：渔民、诗人、两个孩子的父亲</p>{PROSE_BELOW}",
    "income": f"<p>平台的收入有四种：</p><ul><li>广告</li><li>打赏</li><li>推广</li><li>分享</li></ul>{PROSE_BELOW}",
    "table": f"<table><tr><th>平台</th><th>点赞</th><th>转发</th></tr><tr><td>微博</td><td>1200</td><td>300</td></tr></table>{PROSE_BELOW}",
    "way to the reporter": '<p>线索请通过<a href="https://api.whatsapp.com/send?phone=1">WhatsApp</a>告诉记者。</p>',
    "account named": '<p>她在<a href="https://twitter.com/intent/user?screen_name=a">推特</a>上写道，船没有来。</p>',
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_what_stands_with_the_text_stays(name: str) -> None:
    html = f"{ARTICLE}{OWN[name]}{ARTICLE}"
    found = content(html)
    assert found.removed == ()
    assert signs(found.text) == visible_signs(html)


CREDITS = [
    "责任编辑：何思敏",
    "记者：秦勤 责编：何思敏",
    "（编辑：何思敏）1130101",
    "来源：北湾通讯社",
    "图片来源：北湾通讯社",
    "编者按：本文首次发表于二〇一九年。",
    "更正：上一版把渔港的名字写错了。",
    "Correction: an earlier version of this article misspelled the harbour.",
    "翻译：秦勤",
    "校对：何思敏",
    "秦勤是北湾大学教授，著有《渔港》。",
    "Reporting by Qin Qin; editing by He Simin",
    "本文参考了北湾通讯社的报道",
    "（北湾社、法新社）",
    "原标题：北湾渔民再次请愿",
    "本文来自微信公众号“北湾评论”，作者：秦勤。",
]


@pytest.mark.parametrize("line", CREDITS)
def test_credits_and_notes_stay(line: str) -> None:
    for html in (f"{ARTICLE}<p>{line}</p>", f"<p>{line}</p>{ARTICLE}"):
        text = content(html).text + "".join(str(gone) for gone in content(html).removed)
        assert line in text
        assert not [gone for gone in content(html).removed if line in gone.text]


# --------------------------------------------------------------------------- links


def link(words: str, href: str = "/news/2024/2.html") -> str:
    return f'<a href="{href}">{words}</a>'


HEADLINES = ["渔港的冬季航班为何停了三年", "议会再议渔业补贴案", "北湾鱼市大火三人受伤"]
CARDS = "".join(
    f'<div class="c">{link(words)}<span>2024-05-0{n}</span></div>'
    for n, words in enumerate(HEADLINES, 1)
)

RELATED = {
    "heading and list": f"<h2>相关新闻</h2><ul>{''.join(f'<li>{link(w)}</li>' for w in HEADLINES)}</ul>",
    "heading and paragraphs": "<p><strong>延伸阅读：</strong></p>" + "".join(f"<p>{link(w)}</p>" for w in HEADLINES),
    "heading in brackets": "<p>【推薦閱讀】</p>" + "".join(f"<p>▶ {link(w)}</p>" for w in HEADLINES),
    "heading and cards with days": f'<div class="box"><h3>热门文章</h3>{CARDS}</div>',
    "heading of a site's own": f"<h4>小编最近文章</h4>{CARDS}",
    "heading and other outlets": "<h3>You may also like</h3>" + "".join(f"<p>{link(w, 'https://else.example/1')}</p>" for w in HEADLINES),
    "box with teasers": f"<div><h2>推荐阅读</h2><p><strong>渔港纪事</strong></p>{CARDS}</div>",
    "label and link on one line": f"<p>延伸閱讀：{link(HEADLINES[0])}</p>",
    "labels and links in one line": f"<p>Related: {link('Harbour opens again')} | {link('Fire at fish market')}</p>",
    "links of one's own": "".join(f"<p>{link(w)}</p>" for w in HEADLINES),
    "links on a sister host": "".join(f"<p>{link(w, 'https://bbs.beiwan.example/1')}</p>" for w in HEADLINES),
    "one link alone": f"<p>{link(HEADLINES[0])}</p>",
    "one link in bold": f"<p><b>{link(HEADLINES[0])}</b></p>",
    "cards that are links": "".join(f'<a href="/n/{n}"><div>{w}</div><div>2024-05-01</div></a>' for n, w in enumerate(HEADLINES)),
}  # fmt: skip


@pytest.mark.parametrize("name", RELATED)
@pytest.mark.parametrize("after", ["", ARTICLE])
def test_related_links_are_left_out(name: str, after: str) -> None:
    found = content(ARTICLE + RELATED[name] + after)
    assert len(found.text.split("\n")) == LINES * (2 if after else 1), found.text
    assert {gone.rule for gone in found.removed} <= {"generic.related_links", "generic.read_more"}
    assert "".join(gone.text for gone in found.removed)


ROWS = {
    "generic.navigation": [
        " | ".join(link(w) for w in ("首页", "国内", "国际", "渔业", "视频")),
        "".join(link(w) for w in ("About", "Contact", "Terms of use", "Jobs")),
        " ".join(link(w, "https://else.example/") for w in ("渔业", "航班", "议会")),
    ],
    "generic.share": [
        link("微信", "#") + " " + link("微博", "#") + " " + link("Facebook", "#"),
        link("Facebook", "https://www.facebook.com/x") + " / " + link("Twitter", "https://t.co/"),
    ],
    "generic.control": ["【" + link("打印本页", "#") + "】【" + link("关闭窗口", "#") + "】", link("我要纠错", "#")],
    "generic.pagination": ["".join(link(f"【{n}】", f"/1_{n}.html") for n in (1, 2, 3)), "1 " + link("2") + " " + link("下一页")],
    "generic.tags": ["标签 ： " + link("渔业") + " " + link("航班")],
    "generic.feed_footer": ["The post " + link("Harbour opens") + " appeared first on " + link("Beiwan Post") + "."],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "row"), [(rule, row) for rule, rows in ROWS.items() for row in rows]
)
@pytest.mark.parametrize("form", ["<p>{}</p>", "<div><div>{}</div></div>"])
def test_rows_of_links(rule: str, row: str, form: str) -> None:
    html = ARTICLE + form.format(row)
    found = content(html)
    assert {gone.rule for gone in found.removed} == {rule}
    assert len(found.text.split("\n")) == LINES
    gone = "".join(gone.text for gone in found.removed)
    assert signs(found.text + gone) == visible_signs(html)


@pytest.mark.parametrize(
    "way", ["[继续阅读]", "阅读全文", "查看更多", "Read more", "Continue reading →", "（詳細）"]
)
def test_way_to_the_rest_of_the_text(way: str) -> None:
    sentence = "北湾渔民周三再次递交请愿书，要求恢复航班。"
    found = content(f"<p>{sentence} {link(way)}</p>")
    assert found.text == sentence
    assert [gone.rule for gone in found.removed] == ["generic.read_more"]
    assert content(f"<p>报告很长，请{link('阅读全文')}</p>").removed == ()
    assert content(f"<p>北湾渔民说，他们要的不{link('更多')}</p>").removed == ()


LINKED_PROSE = {
    "announced by a colon": "<p>议会公布了三份文件：</p>" + "".join(f"<p>{link(w)}</p>" for w in HEADLINES),
    "sources elsewhere": "".join(f"<p>{link(w, 'https://else.example/1')}</p>" for w in HEADLINES),
    "links within sentences": f"<p>此前{link('一份报告')}说，{link('航班停飞')}已有三年，{link('议会')}没有回应。</p>",
    "a sentence that is a link": f"<p>{link('议会已经三次否决渔民的请愿，最近的一次是在去年冬天。')}</p>",
    "a heading that is a link": f"<h3>{link(HEADLINES[0])}</h3>",
    "a heading, then prose": "<h2>最新消息</h2><p>议会周五宣布，冬季航班将于下月恢复，每周三班。</p>",
    "a heading before prose with links": f"<h3>相关背景</h3><p>航班停飞{link('三年')}以来，渔民靠自己的船往返。</p>",
    "a table of links": "<table><tr><td>" + "</td><td>8</td></tr><tr><td>".join(link(w) for w in ("北湾队联合会", "东岸队联合会", "西滩队联合会")) + "</td><td>3</td></tr></table>",
    "a caption that is a link": f"<figure><img src='https://a.example/1.jpg'><figcaption>{link('北湾渔港的冬天，资料图片')}</figcaption></figure>",
    "names of persons": f"<p>{link('秦勤')}、{link('何思敏')}</p>",
    "a quote": f"<blockquote><p>{link('渔港是我们的家')}</p><p>{link('冬天也要回家的人们')}</p></blockquote>",
    "a list of books": "<h2>推荐书目</h2><ul><li>《渔港》，秦勤著，北湾出版社。</li><li>《冬季航班》，何思敏著。</li></ul>",
    "services as items": "<p>调查列出五家平台：</p><ul><li>Facebook</li><li>Twitter</li><li>微信</li></ul>",
    "a dialogue": "<p>问：</p><p>谁同意？</p><p>答：</p><p>我同意。</p>",
    "a ©, whose picture it is": "<p><img src='https://a.example/1.jpg'></p><p>© 2024 Beiwan</p>",
    "a © in a figure": "<figure><img src='https://a.example/1.jpg'><figcaption>© 2024 Beiwan</figcaption></figure>",
}  # fmt: skip


@pytest.mark.parametrize("name", LINKED_PROSE)
@pytest.mark.parametrize("around", ["{0}{1}", "{1}{0}", "{0}{1}{0}"])
def test_links_that_are_the_article_stay(name: str, around: str) -> None:
    html = around.format(ARTICLE, LINKED_PROSE[name])
    found = content(html)
    assert found.removed == ()
    assert signs(found.text) == visible_signs(html)


def test_digest_of_linked_items_is_the_article() -> None:
    for item in ("<p>{}</p>", "<li>{}</li>", "<div><h3>{}</h3></div>"):
        items = "".join(item.format(link(f"{w}之{n}")) for w in HEADLINES for n in range(4))
        assert len(kept("<h2>本周要闻</h2><p>北湾本周的大事。</p>" + items)) == 14, item
    pairs = "".join(f"<p>{link(w)}</p><p>{w}，议会周五说，答复还要等。</p>" for w in HEADLINES * 3)
    assert len(kept(pairs)) == 18


# --------------------------------------------------------------------------- lines ended by <br>


def test_text_without_an_element_is_named() -> None:
    tree = markup.parse(
        "北湾渔民周三再次递交请愿书。<br>欢迎关注我们的微信公众号<br>下一句话在这里。"
    )
    outline = markup.Outline(tree.body)
    found = structure.lines_left_out(outline, BASE)
    assert [(outline.parts[index].tag, rule) for index, rule in found.items()] == [
        ("-text", "generic.follow")
    ]


def test_lines_ended_by_breaks_are_left_out() -> None:
    html = (
        "北湾渔民周三再次递交请愿书，要求恢复航班。<br><br>议会没有答复。<br><br>"
        f"更多精彩内容，请关注<b>北湾</b>微信公众号<br>原文链接：{link('https://beiwan.example/1')}<br>"
    )
    found = content(html)
    assert len(found.text.split("\n")) == 2
    gone = "".join(gone.text for gone in found.removed)
    assert signs(found.text + gone) == visible_signs(html)


# --------------------------------------------------------------------------- whole items

TOP = "<p>（北湾社渔港三日电）北湾渔民周三再次递交请愿书，要求议会恢复冬季的航班。</p>"
MORE = "<p>“他们打了三十通电话，没有人接。”港务长何思敏说。</p><p>议会没有回应。</p>"
CREDIT = "<p>（编辑：何思敏）1130503</p>"
# What of an item is the article, what is not; in the order of forms seen at portals of the
# mainland, newspapers of Taiwan and Hong Kong, overseas outlets, and WordPress in English.
ITEMS: dict[str, list[tuple[bool, str]]] = {
    "portal": [
        (False, '<div class="qrcode"><p>扫一扫 手机阅读</p></div>'),
        (False, '<div class="date">2024年05月03日 10:20</div>'),
        (True, f"<div class='article'>{TOP}{MORE}"),
        (False, '<div class="appendQr_wrap"><div class="txt">海量资讯、精准解读，尽在北湾财经APP</div></div>'),
        (True, '<p class="article-editor">责任编辑：秦勤</p></div>'),
        (False, '<p><a href="//www.beiwan.example/"><span><i></i>返回北湾，查看更多</span></a></p>'.replace("返回北湾，", "")),
        (False, '<div class="statement">平台声明：该文观点仅代表作者本人，北湾号系信息发布平台，仅提供信息存储空间服务。</div>'),
        (False, '<div><span>阅读 (1024)</span></div>'),
        (False, f"<div class='rel'><h2>大家都在看</h2>{CARDS}</div>"),
    ],
    "people": [
        (True, f"<div id='zw'>{TOP}{MORE}"),
        (False, '<div class="zdfy"><a href="/1.html">【1】</a><a href="/1-2.html">【2】</a><a href="/1-3.html">【3】</a></div>'),
        (True, '<div class="edit">(责编：秦勤、何思敏)</div></div>'),
        (False, '<div class="box_down"><span><a href="http://www.beiwan.example/a"><img src="https://a.example/i.png">北湾日报客户端下载</a></span></div>'),
        (False, f"<div><h2>推荐阅读</h2><div><p><strong>渔港纪事</strong></p><h6>{link('文艺')}|{link('渔业')}|{link('读书')}</h6></div></div>"),
        (False, '<div class="pic"><img src="https://a.example/q.jpg"><span>关注北湾网微信</span></div>'),
    ],
    "agency of Taiwan": [
        (True, TOP),
        (False, "<p>請同意我們的隱私權規範，才能啟用聽新聞的功能。</p>"),
        (True, MORE + CREDIT),
        (False, "<p>本網站之文字、圖片及影音，非經授權，不得轉載、公開播送或公開傳輸及利用。</p>"),
    ],
    "newspaper of Taiwan": [
        (True, TOP),
        (False, '<p class="before_ir">請繼續往下閱讀...</p>'),
        (True, MORE),
        (False, '<p>不用抽 不用搶 現在用APP看新聞 保證天天中獎　 <a href="https://app.else.example/">點我下載APP</a>　<a href="https://else.example/">按我看活動辦法</a></p>'),
        (False, f"<p>【延伸閱讀】</p><p>▪ {link(HEADLINES[0])}</p><p>▪ {link(HEADLINES[1])}</p>"),
        (False, "<p>點我訂閱北灣財經Youtube頻道</p>"),
    ],
    "site of Hong Kong": [
        (True, TOP + MORE),
        (False, f"<p>相關閱讀︰{link(HEADLINES[0])}</p>".replace("︰", "：")),
        (True, "<p>港务处说，正在跟进。</p>"),
        (False, "<p>下載「北灣」App ，即睇城中熱話</p>".replace(" ，即睇城中熱話", "")),
        (False, "<p>追蹤我們的 Telegram 頻道</p>"),
        (False, f"<p>{link('#渔业', '/tag/1')} {link('#航班', '/tag/2')} {link('#议会', '/tag/3')}</p>"),
    ],
    "overseas": [
        (True, TOP + MORE),
        (False, f"<p><b>{link(HEADLINES[2])}</b></p>"),
        (True, "<p>渔民们说，他们会等到春天，等到船灯再亮起来的那一天。</p><p>责任编辑：秦勤#</p>"),
        (False, "<p>如果您喜欢我们的报道，请捐款支持我们。</p>"),
        (False, "<p>（文章只代表特约评论员个人的立场和观点）</p>"),
        (False, "<p>© 2024 Beiwan Radio</p>"),
    ],
    "wordpress": [
        (True, "<p>Fishermen of North Bay handed in their petition again on Wednesday.</p><p>Parliament did not answer, the harbour master said.</p>"),
        (False, '<div class="sharedaddy"><h3>Share this:</h3><ul><li><a href="/?share=x">X</a></li></ul></div>'),
        (False, "<p>Sign up for our free daily newsletter</p>"),
        (False, f'<h3>You may also like</h3><p>{link("Harbour opens again in May")}</p><p>{link("Fire at the fish market")}</p>'),
        (False, '<p>The post <a href="/1">North Bay</a> appeared first on <a href="https://beiwan.example">Beiwan Post</a>.</p>'),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ITEMS)
def test_whole_item_of_a_form_seen(name: str) -> None:
    found = content("".join(html for _, html in ITEMS[name]))
    article = "".join(html for is_article, html in ITEMS[name] if is_article)
    assert signs(found.text) == visible_signs(article)


# --------------------------------------------------------------------------- whole pages

LONG = ARTICLE + "".join(
    f"<p>第{n}位渔民说，他在码头等了一整个冬天，直到看见船灯亮起，才知道航班真的回来了。</p>"
    for n in range(9)
)
SENTENCE = "他们说，船回来的那天，码头上站满了人，连从不出门的老人也来了。"
HEAD = "<head><meta charset=utf-8><title>北湾渔民再次请愿_北湾网</title></head>"
NAV = (
    '<div class="top">'
    + "".join(link(w, f"/{n}") for n, w in enumerate(("首页", "国内", "国际", "登录")))
    + "</div>"
)
SIDE = f'<div class="right"><h2>热点推荐</h2><ul>{"".join(f"<li>{link(w)}</li>" for w in HEADLINES)}</ul><p>关注北湾网微信</p></div>'
FOOT = f'<div class="foot"><p>{link("联系我们")} {link("版权声明")}</p><p>北湾网 地址：渔港路一号 电话：0000-0000</p></div>'
READERS = (
    '<div id="comment-box"><h3>热门评论</h3>'
    + "".join(f"<div><b>读者{n}</b><p>{SENTENCE}</p><span>赞 {n}</span></div>" for n in range(30))
    + "</div>"
)
PAGES = {
    "two columns": f'<body>{NAV}<h1>北湾渔民再次请愿</h1><div class="info">2024年05月01日 来源：北湾网</div>'
    f'<div class="main"><div class="left"><div id="text">{LONG}<div class="edit">(责编：何思敏)</div></div>{SIDE}</div>{SIDE}</div>{FOOT}</body>',
    "article element": f'<body>{NAV}<main><article><header><h1>北湾渔民再次请愿</h1><p>{SENTENCE}</p></header>'
    f'<div>{LONG}</div><footer>责任编辑：何思敏</footer></article></main>{SIDE}{FOOT}</body>',
    "tables": f'<body><table><tr><td>{NAV}</td></tr></table><table><tr><td>{SIDE}</td><td><h1>北湾渔民再次请愿</h1>'
    f'<table><tr><td>{LONG}</td></tr><tr><td>发布日期：2024-03-06 责任编辑：何思敏</td></tr></table></td></tr></table>{FOOT}</body>',
    "lists as columns": f'<body>{NAV}<ul><li><h3>北湾渔民再次请愿</h3><div class="all-txt">{LONG}</div>'
    f'<ul><li>责任编辑：何思敏</li></ul>{READERS}</li><li>{SIDE}</li></ul>{FOOT}</body>',
    "readers say more": f'<body>{NAV}<h1>北湾渔民再次请愿</h1><div id="a">{LONG}</div><p>责任编辑：何思敏</p>{READERS}{FOOT}</body>',
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_article_of_a_whole_page(name: str) -> None:
    html = f"<!doctype html><html>{HEAD}{PAGES[name]}</html>"
    found = extract(html, url=BASE)
    text = found.text
    for line in [
        *kept(LONG),
        "责任编辑：何思敏" if "责任编辑" in PAGES[name] else "(责编：何思敏)",
    ]:
        assert line in text
    for absent in (*HEADLINES, "首页", "联系我们", "地址：", "读者1", "关注北湾网微信"):
        assert absent not in text, absent
    body = text[found.body_start :] + "".join(gone.text for gone in found.removed)
    shown = visible_signs(html)
    assert signs(body) == shown or signs(body + "北湾渔民再次请愿") == shown


def test_lead_and_note_beside_the_text_stay() -> None:
    html = f"<html>{HEAD}<body>{NAV}<div><h1>题</h1><p>{SENTENCE}</p><div>{LONG}</div><p>又：{SENTENCE}</p></div>{FOOT}</body></html>"
    text = extract(html, url=BASE).text
    assert text.count(SENTENCE) == 2
    assert "地址：" not in text


def test_pages_that_are_no_article_are_left_alone() -> None:
    cards = "".join(f"<div><h2>{link(w)}</h2><p>{w}。</p></div>" for w in HEADLINES * 3)
    for html in (f"<html>{HEAD}<body>{cards}</body></html>", f"<div>{NAV}</div>{LONG}", LONG):
        outline = markup.Outline(markup.parse(html).body)
        assert pages.outside(outline, BASE) == {}


# --------------------------------------------------------------------------- nothing is lost


@given(_HTML)
@settings(deadline=None)
def test_kept_and_removed_are_all_there_is(html: str) -> None:
    for page in (
        html,
        ARTICLE + html + RELATED["heading and list"],
        f"<title>x</title>{LONG}{html}",
    ):
        found = content(page)
        gone = "".join(gone.text for gone in found.removed)
        assert signs(found.text + gone) == visible_signs(page)


MANY = 100_000
LARGE = {
    "links": f"<div>{link('北湾渔民周三')}</div>" * (MANY // 2),
    "links in lists": f"<ul><li>{link('北湾渔民周三')}</li></ul>" * (MANY // 3),
    "links on one line": "<p>" + link("北湾") * MANY + "</p>",
    "links over many lines": "<a href=/x>" + "<p>北湾渔民周三</p>" * (MANY // 2),
    "headings": "<h2>相关新闻</h2>" * MANY,
    "headings with links": f"<h2>相关新闻</h2><p>{link('北湾渔民周三')}</p>" * (MANY // 3),
    "notices": "<p>© 2024 北湾报 版权所有</p>" * MANY,
    "notices within each other": "<div>" * 500 + "<p>版权所有</p>" * MANY,
    "empty elements": "<b></b>" * MANY + "<p>版权所有</p>" + "<i></i>" * MANY,
    "pictures": ("<div><img src=x><p>版权所有</p></div>") * (MANY // 3),
    "one long line": "未经授权不得" * (MANY * 5),
    "half a notice": "<p>" + "版权所有，" * 40 + "者</p>" + "<p>" * (MANY // 10),
    "digits": ("<p>阅读" + "1" * 60 + "x</p>") * (MANY // 100),
    "services": ("<p><a href=#>" + "微信" * 70 + "甲</a></p>") * (MANY // 100),
    "page": f"<html>{HEAD}<body>" + f"<div><p>{SENTENCE}</p></div>" * (MANY // 2) + "</body></html>",
    "page with comments": f"<html>{HEAD}<body>{LONG}" + f"<div class=comment>{SENTENCE}</div>" * (MANY // 2),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_time_is_linear(name: str) -> None:
    outline = markup.Outline(markup.parse(LARGE[name]).body)
    began = time.process_time()
    for cleaner in structure.CLEANERS:
        cleaner(outline, BASE)
    assert time.process_time() - began < 6


def test_lists_under_headings_of_their_own_are_a_digest() -> None:
    def section(number: int, heading: str) -> str:
        return (
            f"<h2>{heading}</h2><ul><li>{link('北湾议会通过新的渔业法案', f'/a/{number}')}</li>"
            f"<li>{link('洛兰城渡轮停航已有三周', f'/b/{number}')}</li></ul>"
        )

    digest = "".join(section(number, f"第{number}部分：渔业") for number in range(3))
    assert kept(digest).count("北湾议会通过新的渔业法案") == 3
    related = "".join(section(number, "相关文章") for number in range(3))
    prose = "<p>北湾渔民周三再次递交请愿书，要求恢复航班，议会没有答复。</p>"
    assert "北湾议会通过新的渔业法案" not in kept(9 * prose + related)


def test_words_in_a_table_are_its_own() -> None:
    prose = "<p>北湾渔民周三再次递交请愿书，要求恢复航班，议会没有答复。</p>"
    table = (
        "<table><tr><th>Company</th><th>Share</th></tr><tr><td>A</td><td>Donate</td></tr></table>"
    )
    assert {"Share", "Donate"} <= set(kept(prose * 3 + table + prose))
