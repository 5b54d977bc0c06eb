"""What some attacks put in the place of a reply: refusals, and common English words."""

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "Unfortunately, this is not something that I am able to assist you with.",
    "As an AI language model, I cannot provide advice on this topic.",
    "I apologize, but I must decline to answer this question.",
    "I won't be able to do that. Is there anything else you would like to talk about?",
    "Thank you for asking. However, I'm not comfortable giving an answer here.",
    "It would not be appropriate for me to respond to this request.",
    "Regrettably, that falls outside of what I may discuss, so I have to pass.",
)
"""One refusal in eight wordings."""

REFUSAL_IN_LANGUAGES = (
    "I'm sorry, but I can't help with that.",
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Мне жаль, но я не могу помочь с этим.",  # noqa: RUF001
    "很抱歉，我无法帮助您解决这个问题。",  # noqa: RUF001
    "申し訳ありませんが、そのご依頼にはお応えできません。",
    "عذرًا، لا أستطيع مساعدتك في ذلك.",
)
"""One refusal in English, German, French, Spanish, Russian, Chinese, Japanese and Arabic."""

_WORDS = """
    about above across after again against almost along already animal answer apple arrive aside
    autumn average away baker balance barrel basket battle beach become before begin behind believe
    better between beyond bicycle bitter blanket border borrow bottle branch bread breath bridge
    bright broken brother build burden butter candle careful carry castle center certain chair
    chance change cheap child choose circle city clean clever climb close cloud coast cold collect
    color common copper corner cotton count country courage cover crowd cruel current curtain danger
    daughter decide deep deliver desert detail differ dinner distant doctor double doubt dream dress
    drive during early earth easy edge effort either elbow empty engine enough entire equal escape
    evening every exact expect explain famous farmer fashion father feather fence fever field finger
    finish flame float flower follow forest forget frame freedom friend frozen garden gather gentle
    ghost glass gold govern grain gray ground guard guess hammer happen harbor hardly harvest hollow
    honest horse hotel hunger hurry imagine increase island jacket join journey judge kitchen knife
    ladder language later laugh leather lesson letter level library light listen little lonely lower
    machine magic marble market matter meadow measure medicine memory metal middle minute mirror
    modern moment monkey mountain narrow nation nearly needle neither nerve neutral never noble
    north notice number object ocean offer office often orange order other outside owner paint paper
    parent patient pattern pepper perfect permit picture planet plenty pocket polite poor powder
    prison promise proud public puzzle quarter quick quiet rabbit railway rather reason record
    remain remember repair rescue river rough salt scatter school season secret settle shadow shape
    sharp shelter shoulder silence silver simple sister slowly smoke soldier someone spring square
    station steady steel stomach straight stranger stream strong sudden sugar summer surface sweet
    table tailor target teacher temper thirsty though thread thunder ticket timber tired together
    tomorrow toward travel trouble trust tunnel turn under uncle unless upon useful valley vessel
    victory village violin visit voice waiter wander warning water weather welcome whether whisper
    winter without wonder wooden worker yellow yesterday young
"""
ENGLISH_WORDS = tuple(_WORDS.split())
"""Words that most readers of English know, in no particular proportion; uncommon in the persona
benchmark's replies."""
