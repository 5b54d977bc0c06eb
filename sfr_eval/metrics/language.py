# ruff: noqa: RUF001  letters of other scripts look like Latin ones
"""Which language a text is in: by its script, then by its most frequent words and letters.

Tells 46 languages and scripts apart, without a model. Short or mixed texts have no language.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

MIN_LETTERS = 10
"""Below this many letters, a text has no language; 4 where a character is a syllable or more."""

MIN_WORDS = 5
"""Words that a text needs where several languages share its script."""

MAIN_SCRIPT = 0.6
"""Share of the letters that the most frequent script needs."""

MIN_EVIDENCE, EVIDENCE, LEAD = 1.5, 0.12, 1.25
"""What speaks for the best language: in all, for each word, and as a multiple of the second."""

# A block of Unicode -> a script. Scripts of one language are named by it.
_BLOCKS: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x024F, "latin"), (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "cyrillic"),
    (0x0530, 0x058F, "hy"), (0x0590, 0x05FF, "he"), (0x0600, 0x06FF, "arabic"),
    (0x0750, 0x077F, "arabic"), (0x0900, 0x097F, "hi"), (0x0980, 0x09FF, "bn"),
    (0x0A00, 0x0A7F, "pa"), (0x0A80, 0x0AFF, "gu"), (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"), (0x0C80, 0x0CFF, "kn"), (0x0D00, 0x0D7F, "ml"),
    (0x0D80, 0x0DFF, "si"), (0x0E00, 0x0E7F, "th"), (0x0E80, 0x0EFF, "lo"),
    (0x1000, 0x109F, "my"), (0x10A0, 0x10FF, "ka"), (0x1100, 0x11FF, "ko"),
    (0x1200, 0x137F, "am"), (0x1780, 0x17FF, "km"), (0x1E00, 0x1EFF, "latin"),
    (0x3040, 0x30FF, "kana"), (0x3400, 0x4DBF, "han"), (0x4E00, 0x9FFF, "han"),
    (0xAC00, 0xD7AF, "ko"), (0xF900, 0xFAFF, "han"),
)  # fmt: skip
_DENSE = frozenset({"kana", "han", "ko"})
KANA = 0.1  # share of kana among kana and Chinese characters from which a text is Japanese

_WORDS = {
    "latin": {
        "en": "the of and to a in is it you that he was for on are with as his they be at this "
              "have from or had by but what all were we when your can said there an each which "
              "she do how their if will about them then so these would into has its than who my "
              "no i me not give name write tell should could our because some more",
        "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als "
              "auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie "
              "einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein "
              "wurde ich du wir ihr mir mich dich was wenn kann sehr schon hier dein mein kein "
              "gibt",
        "fr": "le de un une être et à il avoir ne je son que se qui ce dans en du elle au pour "
              "pas vous par sur faire plus dire me on mon lui nous comme mais avec tout y aller "
              "voir les des est sont cette ces leur ou où très bien c'est d'un d'une qu'il n'est "
              "j'ai votre ta tes la peut aux si deux",
        "es": "de la que el en y a los se del las un por con no una su para es al lo como más o "
              "pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también "
              "fue había era muy años hasta desde está mi porque qué sólo han yo hay vez puede "
              "todos así nos ni parte tiene él uno donde bien tu te eso cómo quiero dónde hacer "
              "puedo tengo días cada puedes mis tus estoy",
        "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas "
              "foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo "
              "pela até isso ela entre era depois sem mesmo aos ter seus quem nas me esse eles "
              "você tinha foram essa num nem suas meu às minha têm são pode todos dias hora mesma "
              "quero onde fazer posso isto lhe",
        "it": "di che è e la il un a per non in una mi sono ho ma lo ha le si con ti i da se come "
              "del della al no io ci questo qui hai cosa sei bene tu più mio perché anche solo "
              "così lei gli alla nel dei delle loro quando molto essere dal sua suo può fare "
              "tutto abbiamo nella degli agli dalla un' c'è vorrei ogni dove puoi posso tutti",
        "nl": "de het een en van ik te dat die in je is niet op aan met als voor zijn was er maar "
              "om hem dan zou of wat mijn men dit zo door over ze bij ook tot mij uit der daar "
              "haar naar heb hoe heeft hebben deze u want nog zal me zij nu ge geen iets worden "
              "toch al waren veel meer doen moet kan wordt jouw",
        "sv": "och det att i en jag hon som han på den med var sig för så till är men ett om hade "
              "de av icke mig du henne då sin nu har inte hans honom skulle hennes där min man ej "
              "vid kunde något från ut när efter upp vi dem vara vad över än dig kan här ska "
              "mycket",
        "da": "og i jeg det at en den til er som på de med han af for ikke der var mig sig men et "
              "har om vi min havde ham hun nu over da fra du ud sin dem os op man hans hvor eller "
              "hvad skal selv her alle vil blev kunne ind når være dog noget ville deres efter "
              "ned også av å hva bare blir kan meg deg seg noe",
        "pl": "w i na z do się że nie to o jest jak po a co za od przez dla są jego może tak ale "
              "być ich tego czy tylko był już ma go które który która przed ze także jednak pod "
              "mnie mi tym bardzo kiedy sobie gdy oraz ten ta te jako ją aby bez więc można lub "
              "ci twój",
        "cs": "a je v se na to že s z do o i ve jako za by pro jsem byl když jak už od tak po ale "
              "co k ne si bylo který nebo u jeho ze které jen byla jsou jsme není při má až být "
              "také která můžete než další před podle může mi ten ta ty však kde",
        "ro": "de și în a la cu că pe o să nu un este mai din care pentru ce se sunt ca au lui "
              "sau dar ai era prin am fost după când fără te îți foarte poate face unei unui "
              "aceasta acest îl lor doar fi iar cel cea dacă mult",
        "tr": "ve bir bu da de için ile çok o ne gibi daha ama kadar var olarak olan sonra en ben "
              "sen mi ya her ki değil şey diye bana biz nasıl iyi olduğu zaman yok hem göre bunu "
              "ise veya önce iki böyle kendi senin benim onun artık sadece",
        "hu": "a az és hogy nem is egy ez azt meg már csak de van volt ha mint még el ki én ezt "
              "mert vagy le kell olyan amely lehet minden fel majd sem itt után ő több aki most "
              "mi te nagyon jó így úgy akkor hanem között",
        "fi": "ja on ei se että hän oli ovat mutta en joka kun minä niin kuin mitä myös tai olen "
              "nyt sen sitä jos jo voi ole vain hänen mukaan ollut siitä sekä kanssa tämä tämän "
              "olla mikä sinä hyvin joten kuitenkin ennen kaikki koska sitten voit",
        "vi": "và của là có được cho không trong một người với những các này để khi đã ra đến tôi "
              "bạn như về từ cũng thì nhiều lại làm vào đó ở sẽ nhưng hay phải rất nếu còn năm "
              "điều mà theo hơn mình anh chị",
        "id": "yang dan di untuk dengan dari ini itu pada tidak adalah akan dalam saya anda ke "
              "bisa juga ada dapat karena atau oleh lebih sebagai kita mereka telah sudah bahwa "
              "seperti jika kami agar hanya banyak setiap secara tersebut aku kamu sangat",
        "la": "et in est non ad cum ut sed qui quae quod si ex aut nec esse sunt ab etiam enim "
              "hoc per quam atque ac eius tamen ita autem nunc",
    },
    "cyrillic": {
        "ru": "и в не на я что с он а как это по к но у из за же ты вы так все мы от его она бы "
              "для о если есть уже или только ещё еще быть когда мне вас чтобы до был вот можно "
              "нет очень может этого тебе меня было даже где",
        "uk": "і в не на я що з він а як це по до але у та за ж ти ви так все ми від його вона б "
              "для про якщо є вже або тільки ще бути коли мені вас щоб був ось можна ні дуже може "
              "цього тобі мене було де й",
        "bg": "и в не на да се за от е с че по аз ще като но до са това си ми го как при или те "
              "така има който която ви след може само ако вече още без ти той тя беше към",
        "sr": "и у је да се на не за са од ја што као то су али по из сам би ће или кад ми ти он "
              "она није само још бити шта како него ако већ до без има врло",
    },
    "arabic": {
        "ar": "في من على أن إلى لا ما هذا عن مع هو التي الذي كان هذه أو قد كل لم ثم بعد قبل عند "
              "أنا أنت إذا حتى بين يمكن لك هي ذلك كما غير يكون و يا",
        "fa": "و در به از که این را با است برای آن یک می تا خود بر هم شما من بود ها اما یا شد "
              "باید اگر هر نیست کرد چه ما او کنید همه شود دارد",
        "ur": "کے کی میں ہے اور سے کا کو اس کہ ہیں نے پر یہ آپ ایک تو بھی ہو کر نہیں جو ہم کیا وہ "
              "تھا لیے گا تھی ہوں ان",
    },
}  # fmt: skip
_LETTERS = {
    "de": "ßäöü", "fr": "çèêœëîûù", "es": "ñ¿¡", "pt": "ãõç", "pl": "łąęśżźć", "cs": "řůěšž",
    "tr": "ğışç", "hu": "őű", "ro": "țășâ", "sv": "åäö", "da": "øæå", "fi": "äö",
    "vi": "ơưđạảấầậắằẵẹẻẽếềểễệịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    "ru": "ыэё", "uk": "іїєґ", "sr": "ђћљњјџ", "fa": "پچژگی", "ur": "ٹڈڑےںہھ", "ar": "ةىأإي",
}  # fmt: skip
"""Letters that speak for a language: half as much as one of its frequent words."""

_PIECES = {
    "en": r"th|ing\b|ght|wh|ck|sh|ed\b|ee|oo|ly\b|ful\b",
    "de": r"sch|cht|ung\b|eit\b|ei|tz|lich|est\b|gen\b|zeit|für",
    "fr": r"eau|eux|ez\b|ai|oi|que\b|eur|ette|ouv|ement\b",
    "es": r"ción|ado\b|ar\b|dad\b|ie[nrs]|os\b|as\b|ue|ñ|mente\b",
    "pt": r"ção|ões|ão\b|nh|lh|eir|os\b|ar\b|dade\b|mente\b|ç",
    "it": r"zion|gli|zz|tt|cch|are\b|ere\b|ato\b|etto|mente\b|ggi",
    "nl": r"ij|aa|oe|uu|sch|heid\b|gen\b|ui|aar|elijk",
    "sv": r"ör|är|sk|ning\b|het\b|rna\b|ade\b|gen\b",
    "da": r"øj|æ|ø|hed\b|ede\b|ning\b|lig\b|ene\b",
    "pl": r"rz|sz|cz|ść\b|ów\b|ę|ą|wy|nie\b|esz\b",
    "cs": r"ř|ě|ní\b|ých\b|ov|š|ů|ej\b|te\b",
    "ro": r"ul\b|ească|ță|ți|ii\b|are\b|ește|ului",
    "tr": r"lar\b|ler\b|yor|m[ae]k\b|ı|iniz|dır|ğ",
    "hu": r"sz|gy|ny|ek\b|ok\b|b[ae]n\b|ő|eni\b",
    "fi": r"aa|ää|ii|kk|ss[aä]\b|uu|yy|llä|lla",
    "id": r"meng|kan\b|nya\b|ber|mem|ter|ang\b",
}
"""Pieces of words that are frequent in a language: a third as much as one of its frequent words."""

_WORD_PIECES = {language: re.compile(pieces) for language, pieces in _PIECES.items()}
_KNOWN = {
    script: {
        word: tuple(language for language, known in languages.items() if word in known.split())
        for words in languages.values()
        for word in words.split()
    }
    for script, languages in _WORDS.items()
}
_LANGUAGES = {
    language: (script, frozenset(_LETTERS.get(language, "")))
    for script, languages in _WORDS.items()
    for language in languages
}
_CODE = re.compile(r"```.*?(?:```|\Z)|https?://\S+|\w+\.\w\S*", re.DOTALL)
_DOTTED = re.compile(r"\.\w")  # without it, no word is an address
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def language_of(text: str) -> str | None:
    """Return the ISO code of the language of a text, of the script where only that can be told;
    None if it is too short or mixed. Danish and Norwegian are one ("da"), so are Indonesian and
    Malay ("id"). Fenced code and addresses are not read."""
    if "```" in text or "://" in text or _DOTTED.search(text):
        text = _CODE.sub(" ", text)
    words = _WORD.findall(unicodedata.normalize("NFC", text).casefold())
    if not (joined := "".join(words)):
        return None
    scripts: Counter[str] = Counter()
    if joined.isascii():
        scripts["latin"] = len(joined)
    else:
        for char, count in Counter(joined).items():
            scripts[_script_of(char)] += count
    letters = sum(scripts.values())
    if scripts["kana"] >= KANA * (scripts["kana"] + scripts["han"]) > 0:
        scripts["ja"] = scripts.pop("kana") + scripts.pop("han", 0)
    script, count = max(scripts.items(), key=lambda pair: (pair[1], pair[0]))
    dense = script in _DENSE or script == "ja"
    if count < MAIN_SCRIPT * letters or count < (4 if dense else MIN_LETTERS) or not script:
        return None
    if script == "han":
        return "zh"
    return _by_words(words, script) if script in _WORDS else script


@lru_cache
def frequent_words(language: str) -> tuple[str, ...]:
    """Return the frequent words of a language that shares its script, those of three letters or
    more that are not frequent in English; none for other languages."""
    english = set(_WORDS["latin"]["en"].split())
    words = {name: known for group in _WORDS.values() for name, known in group.items()}
    return tuple(
        word
        for word in words.get(language, "").split()
        if len(word) >= 3 and "'" not in word and (language == "en" or word not in english)
    )


@lru_cache(maxsize=2**16)
def _evidence(word: str, script: str) -> tuple[tuple[str, float], ...]:
    """Return what one word says for which languages of its script: that it is frequent in them,
    else that it has letters, or pieces, of theirs."""
    if languages := _KNOWN[script].get(word, ()):
        return tuple((language, 1 / len(languages)) for language in languages)
    found: list[tuple[str, float]] = []
    if script != "latin" or not word.isascii():
        found += [
            (language, 0.5)
            for language in _WORDS[script]
            if not _LANGUAGES[language][1].isdisjoint(word)
        ]
    if script == "latin":
        similar = [name for name, pieces in _WORD_PIECES.items() if pieces.search(word)]
        found += [(language, 1 / 3 / len(similar)) for language in similar]
    return tuple(found)


def _script_of(char: str) -> str:
    code = ord(char)
    if code < 0x250:  # by far the most frequent
        return "latin"
    return next((name for first, last, name in _BLOCKS if first <= code <= last), "")


def _by_words(words: list[str], script: str) -> str | None:
    """Return the language with the most frequent words and letters of its own. A word of several
    languages counts for each of them in part."""
    if len(words) < MIN_WORDS:
        return None
    evidence = dict.fromkeys(_WORDS[script], 0.0)
    for word in words:
        for language, weight in _evidence(word, script):
            evidence[language] += weight
    (best, most), (_, second) = sorted(evidence.items(), key=lambda pair: -pair[1])[:2]
    if most < max(MIN_EVIDENCE, EVIDENCE * len(words)) or most < LEAD * second:
        return None
    return best
