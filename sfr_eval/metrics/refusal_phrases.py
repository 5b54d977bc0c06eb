# ruff: noqa: RUF001  letters of other scripts look like Latin ones
"""How refusals are worded: rules for English, and what a refusal says in 34 other languages."""

from collections.abc import Iterator
from dataclasses import dataclass

_CANNOT = (
    r"(?:ca(?:n't|n not|nnot)|could(?:n't| not)|(?:won't|will not)(?: be able to)?|"
    r"(?:am|'m|are|'re|was) (?:\w+ ){0,2}?(?:unable|not (?:\w+ )?(?:able|allowed|permitted|"
    r"authori[sz]ed|programmed|designed|willing|equipped|qualified|going|in a position|"
    r"at liberty)) to|(?:refuse|decline|hesitate) to|"
    r"(?:'d |would |have to |must )?(?:rather|prefer|choose|opt) not(?: to)?|"
    r"(?:do not|don't|wouldn't|would not) feel (?:comfortable|right|qualified)(?: to)?|"
    r"(?:am|'m|have been|'ve been) (?:programmed|designed|instructed|trained|told|asked) not to|"
    r"(?:'ll|will|must|have to|need to|(?:'m|am) going to|shall) (?:refrain|abstain) from|"
    r"(?:am|'m) not comfortable(?: with)?|(?:do not|don't) (?:think|believe) i can|"
    r"(?:do not|don't) have the (?:ability|authority|option|capability) to)"
)
_SERVE = (  # what is refused, in nearly every refusal
    r"(?:help(?:ing)?(?: you)?|assist(?:ing)?(?: you)?|comply(?:ing)?|fulfil\w*|accommodat\w+|"
    r"honou?r|answer(?:ing)?|respond(?:ing)?|reply|engag\w+|provid\w+(?: you)?|shar\w+|"
    r"offer(?:ing)?|giv(?:e|ing)(?: you)?|generat\w+|creat\w+|comment(?:ing)?|speak(?:ing)?|"
    r"go into|get into|say anything|writ(?:e|ing)|produc\w+|complet\w+|participat\w+|discuss\w*|"
    r"do(?:ing)?|talk(?:ing)?|advis\w+|address(?:ing)?|continu\w+|proceed\w*|support(?:ing)?|"
    r"process(?:ing)?|tell(?:ing)?(?: you)?|satisf\w+|entertain|grant|touch|"
    r"be (?:of (?:\w+ )?)?(?:help|assistance|the one))"
)
_REQUEST = (  # whom or what it is about
    r"(?:that|this|those|these|such|it|so|your|any|anyone|here|there|further|with|on|about|"
    r"because|as|how to|what you|you (?:with|on|in|to|here|there|today)|to (?:that|this|your|such)|"
    r"the (?:request|question|information|task|instructions?|content)|"
    r"(?:\w+ )?(?:advice|information|instructions|guidance|details|content|questions|requests|"
    r"assistance|opinions|recommendations|tips)|[.,;!:]|$)(?! (?:alone|all|by|without|either)\b)"
)
_TOPIC = r"(?:topic|subject|question|request|conversation|matter)"
_RULES_OF = (
    r"(?:guidelines|programming|principles|policy|policies|rules|instructions|capabilities|scope|"
    r"values|expertise|remit|purview|role|competence|abilities)"
)
ENGLISH = (
    # I can't help with that. Can't help you there. I don't answer questions like this.
    rf"\b(?:i|we|and|but) ?{_CANNOT} (?:(?!wait|help|believe|imagine)\w+ ){{0,3}}?"
    rf"{_SERVE} ?{_REQUEST}",
    r"^(?:(?:sorry|no|nope|apologies|unfortunately)[,.;:]? )?(?:can't|cannot|won't|not able to|"
    rf"unable to) {_SERVE} ?{_REQUEST}",
    r"\b(?:i|we) (?:do not|don't) (?:answer|provide|discuss|respond to|engage (?:in|with)|"
    rf"comment on|offer) {_REQUEST}",
    # I'm sorry, but I can't <anything of this kind>. I'm sorry, that's not possible.
    r"\b(?:sorry|apologi[sz]e|apologies|afraid|unfortunately|regret|regrettably)\b[^.!?]{0,30}?"
    rf"\b(?:i|we) ?{_CANNOT}(?! (?:\w+ )?(?:believe|imagine|stand|wait|resist|remember|recall|"
    r"stress|express|hear|see|make it|be (?:there|here|with)|help (?:but|it|\w+ing)|thank|find|"
    r"afford|get|take|come|say (?:no|enough|how)|keep|stop|offer (?:\w+ )?(?:tea|more)))",
    r"\b(?:sorry|afraid|unfortunately)[, ]+(?:but )?(?:this|it|it's|that|that's) (?:is |request "
    r"is )?(?:not (?:possible|something i|allowed)|impossible|beyond me|against)",
    r"^(?:i'm |i am )?(?:so |very |truly )?sorry[,.;:]? (?:but )?(?:no|i can't|i cannot|i won't)"
    r"[.!]|^no[,.;:] (?:sorry[,.;:] )?i (?:won't|will not|can't|cannot|refuse to) (?:do|help|"
    r"answer|say)\b(?! no)",
    # I must decline. I'll have to pass on this.
    r"\b(?:i|we)(?:'ll| will| must| (?:have|need) to|'m going to|'m afraid i must|'d like to)"
    r"(?: have to| need to)? ?(?:\w+ )?(?:decline|refuse|turn (?:this|that|you) down|"
    r"sit this one out|pass(?: on (?:this|that|your|it)|[.,;!]|$))",
    r"\bmust (?:\w+ )?(?:decline|refuse)\b|\b(?:declining|say no to) (?:this|that|your)\b|"
    r"\bi (?:\w+ )?decline\b[.,; ]*(?:this|that|your|$)|^i refuse[.!,]",
    # That is not something I can help with. A topic I don't discuss. Let's change the subject.
    r"\b(?:is|'s|isn't) (?:not )?(?:a )?(?:something|thing|topic|request|one)(?: that)? (?:i|we) "
    r"(?:can't|cannot|won't|will not|am not able|'m not able|'m unable|am unable|'d rather not)",
    rf"\b(?:not|isn't) (?:a |an )?(?:something|{_TOPIC})(?: that)? (?:i|we)(?:'m| am|'d|'ll)? ?"
    r"(?:can|will|would|able|willing|prepared|comfortable|allowed|going)\b",
    rf"\b{_TOPIC}(?: that)? (?:i|we) (?:can't|cannot|won't|will not|do not|don't|must not|"
    rf"may not|'d rather not|choose not to|prefer not to) {_SERVE}",
    r"\b(?:steer clear of|stay away from|stay out of) (?:this|that|the|your) (?:topic|subject|"
    r"question)|\b(?:let's|could we|can we|shall we) (?:change the subject|talk about something "
    r"else)|\b(?:you|ye)(?:'ll| will)? (?:have|need) to (?:ask|consult) (?:someone|somebody|"
    r"another)",
    # It is against my guidelines; beyond what I can do; not possible for me.
    r"\b(?:against|violat\w+|outside(?: of)?|beyond|breach(?:es)?) (?:\w+ ){0,3}?(?:my|our) "
    rf"(?:\w+ ){{0,3}}?{_RULES_OF}\b|\bagainst (?:the )?(?:policy|rules|guidelines)\b(?! of)",
    rf"\b(?:my|our) (?:\w+ )?{_RULES_OF} (?:do not|don't|does not|doesn't|will not|won't|"
    r"prevents?|prohibits?|forbids?)",
    r"\b(?:outside|beyond) (?:of )?(?:the scope of )?what i(?:'m| am)? (?:can|may|will|able|"
    r"allowed|do)\b|\b(?:not|isn't) my place to\b|\b(?:not possible|impossible) for me\b",
    r"\b(?:wouldn't|would not|isn't|is not|not) (?:be )?(?:\w+ )?(?:appropriate|ethical|possible|"
    r"responsible|right|proper) for me to\b",
    r"\brequest\b[^.!?]{0,20}\b(?:can't|cannot|can not|could not|won't|will not) be (?:\w+ )?"
    r"(?:fulfil|complet|process|honou?r|grant|answer)|^request (?:denied|declined|refused)",
    r"^(?:sorry[, ]+)?(?:no can do|no comment)\b",
)
ENGLISH_CUES = (
    "n't", "not", "unable", "declin", "refus", "against", "violat", "outside", "beyond",
    "sit this", "turn this", "turn you", "turn that", "hesitate", "rather", "pass", "refrain",
    "abstain", "steer", "stay away", "stay out", "someone", "somebody", "another",
    "change the subject", "something else", "say no", "impossible", "prevent", "prohibit",
    "forbid", "no can do", "no comment", "denied", "breach", "sorry",
)  # fmt: skip
"""Every refusal in English has one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """How one or two languages refuse, as regular expressions over case-folded text."""

    cues: tuple[str, ...]  # every refusal has one of these: most texts are done with here
    cannot: str  # I cannot, I may not, I am not able to
    serve: str  # help, answer, give advice
    sorry: str = ""  # I am sorry, unfortunately
    decline: str = ""  # refusals as a whole
    gap: int = 45  # characters between the two
    verb_last: bool = False  # help-not-can-I instead of can-not-help

    def rules(self) -> Iterator[str]:
        """Yield: I cannot help; I am sorry, but I cannot; I decline."""
        first, second = (self.cannot, self.serve)[:: -1 if self.verb_last else 1]
        yield rf"(?:{first})[^.!?。！？।؟۔,]{{0,{self.gap}}}(?:{second})"
        if self.sorry:
            yield rf"(?:{self.sorry})[^.!?。！？।؟۔]{{0,{self.gap}}}?(?:{self.cannot})"
        if self.decline:
            yield self.decline


PHRASES = {
    "de": Phrases(
        cues=("nicht", "kein", "ablehnen", "verweigern", "ausserstande"),
        cannot=r"\b(?:kann|darf|könnte|werde|möchte) (?:ich )?(?:\w+ ){0,6}?(?:nichts?|keine?\w*)\b"
        r"(?!(?: \w+)? (?:oft|genug|alles|glauben|fassen|erwarten|warten))|\b(?:nicht in der lage|"
        r"ausserstande|nicht befugt|nicht möglich)\b",
        serve=r"helfen|beantworten|unterstützen|nachkommen|geben|bereitstellen|erfüllen|antworten|"
        r"behilflich|dienen|erstellen|äussern|bearbeiten|beraten|tun\b|besprechen",
        sorry=r"\b(?:leid|leider|entschuldig\w*|verzeih\w*|bedau\w+)\b",
        decline=r"\bich (?:muss|möchte|werde)\b[^.!?]{0,50}\b(?:ablehnen|verweigern)|"
        r"\bdazu sage ich nichts|\bkeine auskunft",
    ),
    "fr": Phrases(
        cues=("je ne", "je n'", "refus", "déclin", "impossible", "dépasse", "préfère"),
        cannot=r"\bje (?:ne (?:peux|puis|pourrai|saurais)|ne suis (?:\w+ )?pas (?:en mesure|"
        r"autorisée?|habilitée?|capable|qualifiée?)|n'ai pas (?:le droit|la possibilité))\b"
        r"(?: \w+)?(?: pas\b)?(?! (?:le |tout )?(?:croire|attendre|oublier|faire))",
        serve=r"aider|répondre|fournir|accéder|satisfaire|assister|donner|traiter|faire (?:cela|"
        r"ça)|"
        r"conseiller|discuter|parler",
        sorry=r"\b(?:désolé|navré|regrette|excuse|pardon|malheureusement)\w*\b",
        decline=r"\bje (?:dois|préfère|me vois contraint de) (?:\w+ )?(?:refuser|décliner|ne pas "
        r"répondre)|\bje refuse de (?:répondre|parler|faire)|\bil m'est impossible|"
        r"\bdépasse mes (?:capacités|compétences)",
    ),
    "es": Phrases(
        cues=(
            "no p",
            "no me",
            "no soy",
            "no est",
            "no he",
            "debo",
            "tengo que",
            "niego",
            "prefiero",
        ),
        cannot=r"\bno (?:puedo|podré|podría|me es posible|me está permitido|soy capaz de|estoy "
        r"(?:en condiciones de|autorizad[oa] (?:a|para)))\b(?! (?:creer|esperar|olvidar))",
        serve=r"ayudar|responder|proporcionar|ofrecer|cumplir|asistir|atender|dar(?:te|le)?\b|"
        r"contestar|brindar|hacer eso|satisfacer|hablar|aconsejar|comentar",
        sorry=r"\b(?:lo siento|lo lamento|lamentablemente|disculp\w+|perdón|desafortunadamente)\b",
        decline=r"\b(?:debo|tengo que) (?:rechazar|negarme|declinar)|\bme niego a (?:responder|"
        r"hacer|hablar)|\bprefiero no (?:responder|contestar|hablar)",
    ),
    "pt": Phrases(
        cues=("não", "recusar", "recuso"),
        cannot=r"\bnão (?:posso|consigo|poderei|sou capaz de|me é possível|estou (?:apt|autorizad)"
        r"[oa] a)\b(?! (?:acreditar|esperar|esquecer))",
        serve=r"ajud|respond|fornec|atend|cumpri|auxili|oferec|fazer isso|dar\b|falar|aconselhar|"
        r"coment",
        sorry=r"\b(?:desculp\w+|lament\w+|sinto muito|infelizmente|perdão)\b",
        decline=r"\b(?:preciso|tenho que|devo|tenho de) recusar|\brecuso-me|\bprefiro não (?:"
        r"responder|falar)",
    ),
    "it": Phrases(
        cues=("non", "devo", "rifiuto"),
        cannot=r"\bnon (?:posso|potrò|sono in grado di|mi è possibile|riesco a|sono autorizzat\w a)"
        r"\b(?! (?:creder|aspettare|dimenticare))",
        serve=r"aiut|rispond|forni|assist|soddisf|dar(?:ti|e|le)\b|esaudi|farlo|offri|parlar|"
        r"consigli",
        sorry=r"\b(?:spiace|spiacente|mi scuso|scusa\w*|purtroppo)\b",
        decline=r"\bdevo (?:rifiutare|declinare)|\bmi rifiuto|\bpreferisco non (?:rispondere|"
        r"parlar)",
    ),
    "nl": Phrases(
        cues=("niet", "geen", "weigeren", "afwijzen"),
        cannot=r"\b(?:kan|mag) (?:ik )?(?:\w+ ){0,5}?(?:niet|geen)\b(?! (?:wachten|alles))",
        serve=r"helpen|beantwoorden|voldoen|geven|verstrekken|assisteren|uitvoeren|adviseren|"
        r"doen\b",
        sorry=r"\b(?:spijt me|sorry|helaas|excuses)\b",
        decline=r"\bmoet (?:ik )?(?:\w+ ){0,3}?(?:weigeren|afwijzen)",
    ),
    "sv, da, no": Phrases(
        cues=("inte", "ikke"),
        cannot=r"\b(?:jag|jeg) (?:kan|får|må)\b[^.!?,]{0,20}\b(?:inte|ikke)\b|\b(?:kan|får) (?:jag|"
        r"jeg)\b[^.!?,]{0,20}\b(?:inte|ikke)\b",
        serve=r"hjälpa|hjælpe|hjelpe|svara|svare|tillhandahålla|imøtekomme|göra det|gøre det",
        sorry=r"\b(?:tyvärr|desværre|dessverre|beklager|förlåt|undskyld|ursäkta)\b",
    ),
    "pl, cs": Phrases(
        cues=("nie ", "odm", "nemo", "nemů"),
        cannot=r"\bnie (?:mogę|jestem w stanie|będę w stanie|potrafię|wolno mi)\b|\b(?:nemohu|"
        r"nemůžu)\b",
        serve=r"pomóc|odpowiedzieć|udzielić|spełnić|zrealizować|dostarczyć|wykonać|tego zrobić|"
        r"doradzić|pomoci|pomoct|odpovědět|poskytnout|vyhovět|poradit",
        sorry=r"\b(?:przykro mi|przepraszam|niestety|omlouvám|bohužel|lituji)\b",
        decline=r"\b(?:muszę odmówić|odmawiam|musím odmítnout|odmítám)",
    ),
    "ro": Phrases(
        cues=("nu ", "refuz"),
        cannot=r"\bnu (?:vă |te |îți )?pot\b|\bnu sunt în măsură\b|\bnu am voie\b",
        serve=r"ajut|răspun|ofer|îndeplini|discut|sfătui",
        sorry=r"\b(?:pare rău|scuze|din păcate|regret)\b",
        decline=r"\btrebuie să refuz|\brefuz să răspund",
    ),
    "hu": Phrases(
        cues=("nem ", "vissza kell", "elutasít"),
        cannot=r"\bnem (?:tudok|tudom|áll módomban|válaszolhatok|segíthetek)\b",
        serve=r"segíteni|válaszol|teljesít|tanácsot|megtenni|segíthetek",
        sorry=r"\b(?:sajnálom|sajnos|elnézést|bocsánat)\b",
        decline=r"\bvissza kell utasít|\belutasítom",
    ),
    "fi": Phrases(
        cues=("en voi", "en pysty", "en saa", "kieltäy"),
        cannot=r"\ben (?:valitettavasti )?(?:voi|pysty|saa)\b",
        serve=r"auttaa|auttamaan|vastata|vastaamaan|tarjota|täyttää|antaa|kertoa",
        sorry=r"\b(?:valitettavasti|anteeksi|pahoittelen|pahoittelut)\b",
        decline=r"\bkieltäydy",
    ),
    "ru, uk": Phrases(
        cues=("не ", "отказ", "відмов"),
        cannot=r"\bне (?:могу|смогу|буду|в состоянии|имею (?:права|возможности)|вправе|можу|"
        r"зможу)\b"
        r"(?! (?:\w+ )?(?:поверить|нарадоваться|дождаться))",
        serve=r"помочь|помогать|ответить|отвечать|предоставить|выполнить|обсуждать|сделать|"
        r"удовлетворить|дать|давать|говорить (?:об|на|про)|советовать|допомогти|відповісти|надати|"
        r"виконати",
        sorry=r"\b(?:извините|простите|к сожалению|жаль|сожалею|прощения|вибачте|на жаль)\b",
        decline=r"\b(?:вынужден\w*|должн?\w*) отказать|\bя отказываюсь|\bзмушен\w* відмовити",
    ),
    "bg, sr": Phrases(
        cues=("не мог", "отказ", "одбиј", "нисам"),
        cannot=r"\bне (?:мога|могу)\b|\bнисам у могућности\b",
        serve=r"помогн|помагам|отговор|отговарям|предостав|одговор|пружи",
        sorry=r"\b(?:съжалявам|за съжаление|извинете|жао ми је|нажалост|извините)\b",
        decline=r"\b(?:трябва да откажа|морам да одбијем)",
    ),
    "tr": Phrases(
        cues=("yardım", "yanıt", "cevap", "getirem", "yam", "sunam", "reddet"),
        cannot=r"\byardımcı olam|\byardım edem|\b(?:yanıt|cevap)\w*(?: ver(?:em|emiyor)|layam)",
        serve=r"|",
        decline=r"\byerine getirem|\bkarşılayam|\breddetmek zorunda|\b(?:sağla|suna|yapa)yam|"
        r"\bsunam",
    ),
    "el": Phrases(
        cues=("δεν ", "αρνούμαι"),
        cannot=r"\bδεν (?:μπορώ|είμαι σε θέση|επιτρέπεται)\b",
        serve=r"βοηθήσ|απαντήσ|παράσχ|παρέχ|συζητήσ|εκπληρώσ",
        sorry=r"λυπάμαι|συγγνώμη|δυστυχώς",
        decline=r"αρνούμαι να|πρέπει να αρνηθώ",
    ),
    "vi, id": Phrases(
        cues=("không", "từ chối", "tidak", "menolak"),
        cannot=r"\b(?:tôi|mình|xin lỗi)\b[^.!?]{0,15}\bkhông thể\b|"
        r"\b(?:saya|kami|aku|maaf)\b[^.!?]{0,15}\btidak (?:bisa|dapat|mampu|boleh)\b",
        serve=r"giúp|hỗ trợ|trả lời|cung cấp|đáp ứng|thực hiện|tư vấn|membantu|menjawab|memberi|"
        r"memenuhi|menyediakan",
        sorry=r"\b(?:xin lỗi|rất tiếc|maaf|mohon maaf)\b",
        decline=r"\bxin từ chối|\bsaya (?:harus )?menolak",
    ),
    "zh": Phrases(
        cues=("法", "不", "难", "難", "拒"),
        cannot=r"(?:我们?|我們|抱歉|对不起|對不起|遗憾|遺憾|不好意思|模型|"
        r"助手)[^。！？]{0,10}(?:无法|無法|"
        r"不能|没办法|沒辦法|没法|不便|不方便)|恕(?:难|難|不)",
        gap=20,
        serve=r"帮|幫|回答|提供|协助|協助|满足|滿足|完成|回应|回應|讨论|討論|继续|处理|處理|执行|"
        r"从命|從命",
        sorry=r"抱歉|对不起|對不起|不好意思|很遗憾|很遺憾",
        decline=r"(?:我|必须|必須|只能|抱歉，)(?:拒绝|拒絕)(?:回答|这|這|您|你|该|該|提供)",
    ),
    "ja": Phrases(
        cues=("せん", "ない", "断", "かね", "控え"),
        cannot=r"できません|できかねます|(?:致|いた)?しかねます|出来ません|られません|"
        r"控え(?:させ|ま)",
        gap=20,
        serve=r"手伝い|答え|回答|対応|提供|応え|支援|教え|協力|役に立|応じ|受け|助け|お話し|助言",
        sorry=r"申し訳|すみません|ごめん|恐れ入り|残念",
        decline=r"お断り(?:し|いた|させ|致)",
        verb_last=True,
    ),
    "ko": Phrases(
        cues=("없", "못", "어렵", "불가", "거절", "거부"),
        cannot=r"수 ?(?:가 )?없|못 ?(?:하|합|해|드)|지 못|어렵습니다|불가능|거절|거부",
        gap=20,
        serve=r"도와|도움(?! 없이)|답변|대답|제공|응답|답해|지원|수행|응할|응해|알려|조언|요청",
        sorry=r"죄송|미안|유감",
        verb_last=True,
    ),
    "ar": Phrases(
        cues=("لا ", "لن ", "لست", "غير", "أرفض"),
        cannot=r"لا (?:أستطيع|يمكنني|أقدر|أتمكن|يسعني)|لن أتمكن|لست قادر\w*|(?:أنا|"
        r"إنني) غير قادر\w*",
        serve=r"مساعد|أساعد|الإجابة|تقديم|توفير|تلبية|الرد|تنفيذ|القيام|مناقشة|إعطاء",
        sorry=r"أعتذر|آسف|عذر|للأسف|المعذرة|يؤسفني",
        decline=r"أرفض (?:الإجابة|ذلك|هذا)|يجب أن أرفض",
    ),
    "fa, ur": Phrases(
        cues=("نمی", "نہیں"),
        cannot=r"نمی ?توانم|نہیں (?:کر|دے) ?سکت|سے قاصر",
        serve=r"کمک|پاسخ|ارائه|انجام|جواب|مدد|مشورہ",
        sorry=r"متأسفم|متاسفم|ببخشید|معذرت|افسوس",
        decline=r"(?:مدد|جواب|مشورہ)[^.!؟۔]{0,20}نہیں (?:کر|دے) ?سکت",
    ),
    "hi, bn": Phrases(
        cues=("नहीं", "असमर्थ", "इनकार", "इंकार", "পারব না", "পারছি না", "অক্ষম"),
        cannot=r"नहीं (?:\S+ )?सक(?:ता|ती)|असमर्थ|इनकार|इंकार|পারব না|পারছি না|অক্ষম",
        serve=r"मदद|सहायता|उत्तर|जवाब|जानकारी|अनुरोध|सवाल|प्रश्न|सलाह|সাহায্য|উত্তর|পরামর্শ",
        sorry=r"क्षमा|माफ़|माफ|खेद|दुख|দুঃখিত|ক্ষমা",
        verb_last=True,
    ),
    "he": Phrases(
        cues=("לא ", "מסרב"),
        cannot=r"לא (?:יכול|יכולה|אוכל|מורשה)",
        serve=r"לעזור|לענות|לסייע|לספק|לבצע|לתת|לדון",
        sorry=r"מצטער|סליחה|לצערי",
        decline=r"אני מסרב",
    ),
    "th": Phrases(
        cues=("ไม่", "ปฏิเสธ"),
        cannot=r"ไม่สามารถ|ไม่อาจ",
        serve=r"ช่วย|ตอบ|ให้ข้อมูล|ให้คำ|ดำเนินการ",
        sorry=r"ขออภัย|ขอโทษ|เสียใจ",
        decline=r"ขอปฏิเสธ",
    ),
    "sw, tl": Phrases(
        cues=("siwezi", "hindi"),
        cannot=r"\bsiwezi\b|\bhindi (?:kita|ko|ako|kayo)\b",
        serve=r"kusaidia|kukusaidia|kujibu|matutulungan|makatulong|masasagot",
        sorry=r"\b(?:samahani|pole|paumanhin|pasensya)\b",
    ),
}
