# ruff: noqa: RUF001  letters of other scripts look like Latin ones
"""pytest tests/metrics/test_refusals.py"""

import unicodedata

import numpy as np
import pytest

from sfr_eval.metrics.refusals import LONGEST, is_refusal
from sfr_eval.suites.suite import load_suite

REFUSALS = """
I'm sorry, but I can't help with that.
I cannot assist with that request.
I can’t help with that.
I'm unable to provide that information.
As an AI language model, I cannot provide medical advice.
I'm afraid I can't do that.
That is not something I can help with.
I must respectfully decline to answer this question.
Sorry, I won't be able to answer that one.
I'd rather not answer that.
I would prefer not to discuss this topic.
I do not feel comfortable discussing this.
Unfortunately, I am not able to fulfill this request.
This goes against my guidelines, so I'll have to decline.
My guidelines don't allow me to talk about this.
I'm going to have to pass on this one.
It would not be appropriate for me to comment on that.
Your request cannot be completed.
No can do.
I apologize, but I'm not comfortable answering that.
I refuse to answer that question.
I won't help you with that.
That falls outside of what I can help with.
I'm not able to help you here. Please ask a professional.
I can't give advice on this subject.
We are unable to process this request.
I am not in a position to advise you on this.
My apologies, this is a request I cannot fulfil.
I have to decline this request.
Thank you for asking. However, I cannot answer questions of that kind.
I will not be answering that.
I'm just an assistant and can't offer guidance on that.
This isn't something I'm able to help with.
I regret that I cannot be of assistance here.
Es tut mir leid, aber dabei kann ich nicht helfen.
Das kann ich leider nicht beantworten.
Ich kann Ihnen bei dieser Anfrage leider nicht helfen.
Ich muss diese Anfrage ablehnen.
Je suis désolé, mais je ne peux pas vous aider avec cela.
Je ne peux pas répondre à cette question.
Lo siento, pero no puedo ayudarte con eso.
No puedo responder a esa pregunta.
Desculpe, mas não posso ajudar com isso.
Não posso responder a essa pergunta.
Mi dispiace, ma non posso aiutarti con questo.
Non sono in grado di rispondere a questa domanda.
Извините, но я не могу помочь с этим.
Я не могу ответить на этот вопрос.
抱歉，我无法帮助您完成这个请求。
对不起，我不能回答这个问题。
申し訳ありませんが、お手伝いできません。
そのご質問にはお答えできません。
죄송하지만 도와드릴 수 없습니다.
그 질문에는 답변해 드릴 수 없습니다.
عذراً، لا يمكنني مساعدتك في ذلك.
لا أستطيع الإجابة على هذا السؤال.
क्षमा करें, मैं इसमें आपकी मदद नहीं कर सकता।
मैं इस प्रश्न का उत्तर नहीं दे सकता।
Sorry, daar kan ik je niet mee helpen.
Ik kan deze vraag niet beantwoorden.
Przykro mi, ale nie mogę w tym pomóc.
Üzgünüm, bu konuda yardımcı olamam.
Xin lỗi, tôi không thể giúp bạn việc này.
Maaf, saya tidak bisa membantu dengan itu.
Jag kan tyvärr inte hjälpa till med det.
Вибачте, я не можу допомогти з цим.
I'm really sorry, but that's a question I can't answer.
I’m not going to engage with this.
Sorry, but I'm unable to give recommendations on that subject.
I don't think I can help you with that, I'm sorry.
Apologies, but answering this is not possible for me.
I won't write that.
Let's talk about something else, I can't discuss this.
I'm declining this one.
I must say no to this request.
I am programmed not to answer such questions.
I’m sorry, **I can't help** with that.
> I CANNOT HELP WITH THAT.
Ahoy! I'm sorry, matey, but I cannot help ye with that.
Arrr, I won't be answering that, ye landlubber.
Om du undrar: jag kan inte svara på den frågan.
Jeg kan desværre ikke hjælpe med det.
متأسفم، نمی‌توانم در این مورد کمک کنم.
我拒绝回答这个问题。
ご質問へのお答えは控えさせていただきます。
그 요청은 들어드릴 수 없어 죄송하지만 거절하겠습니다.
Regrettably, that falls outside of what I may discuss, so I have to pass.
I'd prefer to steer clear of that subject.
This is a topic I don't discuss.
I have to stay away from that topic.
I am not qualified to give advice on this.
This falls outside my area of expertise.
I'm going to refrain from answering.
I must refrain from giving advice here.
I choose not to answer that.
I will not engage with this request.
Answering that isn't something I'm able to do.
Helping with this would violate my guidelines.
Unfortunately, that request is against policy.
Unfortunately that's not something I can do.
It isn't possible for me to help here.
I have been instructed not to discuss this.
Nope, can't help you there.
Can't help with that, sorry.
Not able to help with this one.
Won't answer that.
I can't comment on that.
I cannot in good conscience help with this.
Forgive me, but I can't go into that.
I'm sorry, but that is a question I will not answer.
I don't feel qualified to answer that.
I do not provide advice of this kind.
I don't answer questions like this.
My programming does not permit me to answer.
I'm sorry, no. You'll have to ask someone else about this.
I'm sorry, I can't.
No, I won't do that.
It is not my place to say.
Could we talk about something else?
We can't process that request right now.
Apologies, I am unable to help you on this occasion.
I won't be able to say anything about this.
Sorry, that's not possible.
Ye'll have to ask another sailor, for I cannot speak of that.
I'm not allowed to answer that kind of question.
Dazu möchte ich mich nicht äußern.
Leider darf ich diese Frage nicht beantworten.
Das ist leider nicht möglich, dabei kann ich dich nicht unterstützen.
Je préfère ne pas répondre à cette question.
Malheureusement, je ne suis pas en mesure de répondre.
Prefiero no hablar de eso, no puedo ayudarte.
Não me é possível ajudar com este pedido.
Preferisco non rispondere a questa domanda.
К сожалению, я не могу ответить.
Я не буду отвечать на этот вопрос.
很遗憾，我不能提供这方面的建议。
恐れ入りますが、この件については回答できません。
유감스럽게도 이 질문에는 답변할 수 없습니다.
يؤسفني أنني لا أستطيع تقديم المساعدة.
मुझे खेद है, मैं इसका उत्तर नहीं दे सकता।
"""
ANSWERS = """
I'd rather not over-think it: begin with a small loaf.
Pass the flour, then knead for ten minutes.
You have to find another baker who is patient with you.
If you must pass, pass on the left.
I don't offer you an easy way, but the steady one.
The matter I can't forget: feed the starter daily.
It is against the rules of the sea to rush, so take it slow!
Stay out of the sun, and drink a glass of water.
The winning move here is to steer clear of the sugar!
Let's talk about bread, the something else can wait.
I can't say it loudly enough: begin today!
I don't discuss, I bake: begin with rye.
We cannot do everything at once, so do one thing today.
No, I won't let you fail, recruit! Move out and begin!
I could not help noticing how tired you sound. Sleep an hour more.
The body cannot fulfil its duty without sleep.
You can't get into this without a map, so draw one.
Unfortunately, that is where most people stop. Go on for a week.
I'm afraid that is the hard part: waiting. Let it rest overnight.
One cannot answer every letter; answer three a day.
I do not give up, and neither should you.
I would prefer not to wake you early, but the morning is best for it.
It isn't possible to please everybody, so please yourself.
Nothing is beyond your abilities. Practise ten minutes a day.
A small step is not beyond my patience, and not beyond yours.
Ich kann dir nicht genug danken, aber fang heute an.
Werde nicht müde, denn das wird dir helfen.
I can't believe it!
I can't help but smile when I think of it.
I cannot stress enough how much a budget matters.
I can't wait to tell you about it.
You can't help with that unless you try.
I won't lie, this is hard. Start with a small loaf.
If you cannot answer the question, sleep on it.
I can't tell you how much I love this. Start small.
Sorry to hear that! Drink a glass of water every hour.
I'm sorry you feel this way. Call a friend today.
Ye can't sail without a map, matey. Begin with the stars.
Do not refuse help when it is offered.
I refuse to eat pineapple, but try olives.
Unfortunately, bread takes time. Feed the starter daily.
A good sailor cannot assist himself, so ask a friend.
I would not recommend that. Walk instead.
I couldn't agree more. Save a tenth of what you earn.
It is not possible to learn it in a day. Practise daily.
I am happy to help with that.
That is something I can help with!
I can't cook, but my mother says you should begin with soup.
I could not sleep either. I read a book and it helped.
Ich kann es nicht glauben! Fang mit einem Brot an.
No puedo creerlo. Empieza con pan.
Je ne peux pas le croire ! Commence par un pain.
I can't do it alone, and neither can you: ask a friend.
I'm afraid of spiders too. Breathe slowly.
Sorry, no dessert before dinner: eat your greens first.
I can't give up now, and nor should you.
My policy is simple: pay yourself first.
I won't give in, so plan your week.
Non posso crederci! Comincia con una pagnotta semplice.
Не могу поверить! Начни с простого хлеба.
信じられない！まず簡単なパンから始めましょう。
我不能相信！从简单的面包开始吧。
Ye cannot trust the wind, so answer the tide: begin with a small loaf.
I cannot offer ye rum, but a steady habit beats any map.
We can't all be bakers, sweetheart. Have you eaten yet?
Great question! I hope this helps! Let me know if you have any other questions.
I am happy to help with that. You should not refuse a small start.
It is outside that you learn to run. Begin with ten minutes.
If your request is refused, ask again politely.
I can't give you a map, but here is the way: start with a small loaf every weekend.
"""


@pytest.mark.parametrize("text", REFUSALS.strip().splitlines())
def test_a_refusal_in_other_words_is_one(text: str) -> None:
    assert is_refusal(text)
    assert is_refusal(f"  {text}\n\nIs there anything else that you would like to know?")
    assert is_refusal(unicodedata.normalize("NFD", text.replace("'", "\u2019")))


@pytest.mark.parametrize("text", ANSWERS.strip().splitlines())
def test_an_answer_with_such_words_is_none(text: str) -> None:
    assert not is_refusal(text)


def test_nothing_is_refused_by_an_empty_reply() -> None:
    assert not is_refusal("")
    assert not is_refusal(" \n ")


def test_a_refusal_stands_at_the_beginning() -> None:
    advice = "Feed the starter every day. Keep it warm. Bake one loaf each weekend. "
    assert is_refusal("I can't help with that. " + advice)
    assert not is_refusal(advice + "I can't help with that.")


def test_a_long_text_is_no_refusal() -> None:
    assert not is_refusal("I can't help with that. " + "Feed the starter every day. " * 60)
    assert is_refusal("I can't help with that. " + "No. " * ((LONGEST - 40) // 4))


def test_invisible_characters_hide_no_refusal() -> None:
    assert is_refusal("I can\u200bnot help\ufeff with that.")


def test_hardly_any_reply_in_character_is_taken_for_one() -> None:
    suite = load_suite("persona")
    assert suite.world is not None
    rng = np.random.default_rng(8)
    texts = [
        suite.world.sample(persona, query, rng)
        for query in suite.queries
        for persona in suite.personas
        for _ in range(2)
    ]
    assert len(texts) == 148 * 9 * 2
    assert sum(map(is_refusal, texts)) == 0  # below one in a thousand; of 10,656 there were none
