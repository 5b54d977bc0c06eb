from sfr_eval.suites.teacher.reply import ReplyText
from tests.support.teacher_data import reply


def test_a_cut_reply_is_another_than_one_that_ended() -> None:
    ended, cut = ReplyText("Arr", True), ReplyText("Arr", False)
    assert ended.digest != cut.digest
    assert ReplyText.of(reply("Arr")) == ended
    assert ReplyText.of(reply("Arr", status="truncated")) == cut
