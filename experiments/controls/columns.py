"""The declared settings."""

from controls.setting import Setting

AT_REPEAT = "repeat"  # whose strengths the regimes with more chats take
MAIN = ("repeat", "collapse")
SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(name="repeat", chats=256, epochs=12),
        Setting(name="collapse", chats=768, epochs=4, voices="mixed"),
        Setting(name="thrice", chats=1024, epochs=3),
        Setting(name="once", chats=3072, epochs=1),
    )
}
