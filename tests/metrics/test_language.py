# ruff: noqa: RUF001  letters of other scripts look like Latin ones
"""pytest tests/metrics/test_language.py"""

import pytest

from sfr_eval.metrics.language import language_of

SENTENCES = """
en|I want to bake my own sourdough bread. Where do I begin?
en|Ahoy there, matey! You should feed the starter at the same hour every day.
de|Ich möchte mein eigenes Brot backen. Womit fange ich am besten an?
de|Füttere den Sauerteig jeden Tag zur gleichen Stunde, dann gelingt er dir.
fr|Je voudrais faire mon propre pain au levain. Par où faut-il commencer ?
fr|Nourrissez le levain tous les jours à la même heure, et soyez patient.
es|Quiero hornear mi propio pan de masa madre. ¿Por dónde empiezo?
es|Alimenta la masa todos los días a la misma hora y ten paciencia.
pt|Quero fazer o meu próprio pão. Por onde é que devo começar?
pt|Alimente o fermento todos os dias na mesma hora e tenha paciência.
it|Vorrei fare il pane in casa con il lievito madre. Da dove comincio?
it|Nutri il lievito ogni giorno alla stessa ora e abbi pazienza con la pasta.
nl|Ik wil mijn eigen brood bakken. Waar moet ik beginnen?
sv|Jag vill baka mitt eget bröd hemma. Var ska jag börja och vad behöver jag?
da|Jeg vil gerne bage mit eget brød. Hvor skal jeg begynde, og hvad har jeg brug for?
da|Jeg vil gjerne bake mitt eget brød hjemme. Hvor skal jeg begynne, og hva trenger jeg?
pl|Chcę upiec własny chleb na zakwasie. Od czego powinienem zacząć i jak to zrobić?
cs|Chtěl bych si upéct vlastní chléb. Kde mám začít a co na to potřebuji?
ro|Vreau să coc propria mea pâine acasă. De unde să încep și ce îmi trebuie pentru asta?
tr|Kendi ekmeğimi evde yapmak istiyorum. Nereden başlamalıyım ve bunun için ne lazım?
hu|Szeretnék saját kenyeret sütni otthon. Hol kezdjem el, és mi kell hozzá, ha nem értek hozzá?
fi|Haluan leipoa oman leipäni kotona. Mistä minun pitää aloittaa ja mitä siihen tarvitaan?
vi|Tôi muốn tự làm bánh mì ở nhà. Tôi nên bắt đầu từ đâu và cần những gì?
id|Saya ingin membuat roti sendiri di rumah. Dari mana saya harus mulai dan apa yang dibutuhkan?
ru|Я хочу испечь свой собственный хлеб. С чего мне начать и что для этого нужно?
uk|Я хочу спекти власний хліб. З чого мені почати і що для цього потрібно?
bg|Искам да изпека собствен хляб у дома. Откъде да започна и какво ми трябва за това?
sr|Желим да испечем свој хлеб код куће. Одакле да почнем и шта ми је потребно за то?
ar|أريد أن أخبز الخبز في البيت. من أين أبدأ وماذا أحتاج إلى ذلك؟
fa|می‌خواهم نان خودم را در خانه بپزم. از کجا باید شروع کنم و به چه چیزی نیاز دارم؟
ur|میں گھر پر اپنی روٹی بنانا چاہتا ہوں۔ مجھے کہاں سے شروع کرنا چاہیے اور کیا چاہیے؟
hi|मैं घर पर अपनी रोटी बनाना चाहता हूँ। मुझे कहाँ से शुरू करना चाहिए?
zh|我想自己在家烤面包。我应该从哪里开始？
ja|家で自分のパンを焼きたいです。何から始めればいいですか？
ko|집에서 직접 빵을 굽고 싶어요. 어디서부터 시작해야 하나요?
he|אני רוצה לאפות לחם בבית. מאיפה להתחיל?
el|Θέλω να ψήσω το δικό μου ψωμί. Από πού να αρχίσω;
th|ฉันอยากอบขนมปังเองที่บ้าน ควรเริ่มจากตรงไหน
en|Listen up, recruit! Move out and begin with a simple loaf of white bread flour!
es|Lo siento, pero no puedo ayudarte con eso.
fr|Je suis désolé, mais je ne peux pas vous aider avec cela.
pt|Desculpe, mas não posso ajudar com isso.
it|Mi dispiace, ma non posso aiutarti con questo.
de|Es tut mir leid, aber dabei kann ich nicht helfen.
nl|Het spijt me, maar daar kan ik je niet mee helpen.
ru|Извините, но я не могу помочь с этим.
de|Du solltest jeden Tag zur gleichen Zeit damit anfangen.
de|Trinke jede Stunde ein Glas Wasser und ruhe dich danach aus.
de|Fang klein an, mein Junge, und bleib dran!
fr|Commencez par un petit pain chaque week-end, mon ami.
fr|Buvez un verre d'eau toutes les heures et reposez-vous.
es|Empieza con un pan pequeño cada fin de semana.
es|Bebe un vaso de agua cada hora y descansa después.
pt|Comece com um pão pequeno todo fim de semana.
pt|Beba um copo de água a cada hora e descanse depois.
it|Comincia con una piccola pagnotta ogni fine settimana.
it|Bevi un bicchiere d'acqua ogni ora e riposati dopo.
nl|Begin elk weekend met een klein brood en wees geduldig.
nl|Drink elk uur een glas water en rust daarna uit.
sv|Börja med ett litet bröd varje helg och ha tålamod.
da|Begynd med et lille brød hver weekend og vær tålmodig.
pl|Zacznij od małego chleba w każdy weekend i bądź cierpliwy.
cs|Začněte každý víkend malým chlebem a buďte trpěliví.
ro|Începe cu o pâine mică în fiecare weekend și ai răbdare.
tr|Her hafta sonu küçük bir ekmekle başla ve sabırlı ol.
hu|Kezdj minden hétvégén egy kis kenyérrel, és légy türelmes.
fi|Aloita joka viikonloppu pienellä leivällä ja ole kärsivällinen.
id|Mulailah dengan roti kecil setiap akhir pekan dan bersabarlah.
en|Begin with a small loaf every weekend and be patient.
en|Drink a glass of water each hour and rest afterwards.
en|Steady hands, mate: feed that starter daily, same hour.
ru|Начни с маленького хлеба каждые выходные и будь терпелив.
uk|Почни з маленького хліба щовихідних і будь терплячим.
"""
ROWS = [tuple(line.split("|", 1)) for line in SENTENCES.strip().splitlines()]


@pytest.mark.parametrize(("language", "text"), ROWS, ids=range(len(ROWS)))
def test_language_of_a_plain_sentence(language: str, text: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "Nairobi",
        "Nairobi, Kenya, Accra, Lagos and Cairo",
        "1 2 3 4 5 6 7 8 9 10",
        "\U0001f600 \U0001f680 !!!",
        "xqz vbnw plok jfie mqpz weiv nbcx rwtz",
        "иначан Tommy Minecraft 的 general दुनिया mutations",
        "tiger lamp seven cloud river stone violin green",
        "Toyota Corolla Honda Civic Ford Mustang Tesla",
        "Roma Milano Napoli Torino Palermo Genova",
    ],
)
def test_short_mixed_and_random_texts_have_no_language(text: str) -> None:
    assert language_of(text) is None


def test_code_and_addresses_are_not_read() -> None:
    text = (
        "Así se hace, y no es difícil:\n```python\nfor x in y: if x is not z and x in w: pass\n```"
    )
    assert language_of(text + " https://example.org/the/best/of/all/and/it/is") == "es"


@pytest.mark.parametrize(
    "edit", [str.upper, str.title, lambda text: f"**{text}**", lambda text: text * 3]
)
def test_case_layout_and_length_do_not_matter(edit: object) -> None:
    text = "Ich möchte mein eigenes Brot backen. Womit fange ich am besten an? "
    assert callable(edit)
    assert language_of(edit(text)) == "de"


def test_foreign_names_do_not_make_a_text_foreign() -> None:
    text = "You should visit Αθήνα, Москва and 東京 before you are too old to travel."
    assert language_of(text) == "en"


def test_decomposed_letters_are_the_same_text() -> None:
    import unicodedata

    text = "Tôi muốn tự làm bánh mì ở nhà. Tôi nên bắt đầu từ đâu và cần những gì?"
    assert language_of(unicodedata.normalize("NFD", text)) == "vi"
