"""Options of the command line, made from the models of the settings.

The models import pydantic, so a command looks its options up when it is used and not when it is
imported: `sfr-eval --help` does without.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import click

from sfr_eval.commands.aliases import expanded, generation_settings, understood, with_revision
from sfr_eval.errors import UserError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from sfr_eval.settings import JudgeSettings, RequestSettings

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda name: name.replace("_", "-"),  # --max_tokens, too
    "max_content_width": 100,
    "show_default": True,
}
SECTIONS = (
    "Options",
    "Model and engine",
    "Sampling",
    "Suite",
    "Teacher",
    "Metrics",
    "Judges",
    "Output",
    "Scaling",
)
_SHORT = {"model": "-m", "output": "-o", "samples": "-n"}

PATH = click.Path(path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="print JSON to stdout")
images_option = click.option(
    "--images", is_flag=True, help="also each figure in plots/ as PNG (300 dpi) and SVG"
)


def metrics_option(help: str) -> Callable[..., Any]:
    """Return the option --metrics of a command that has no run settings."""
    return click.option(
        "--metrics",
        multiple=True,
        metavar="TEXT",
        callback=lambda _context, _option, values: names(values),
        help=help,
    )


def output_option(help: str, **attributes: Any) -> Callable[..., Any]:
    """Return the option --output of a command that has no run settings."""
    return click.option("-o", "--output", type=PATH, help=help, **attributes)


class SettingOption(click.Option):
    """The option of one setting, in its section of the help."""

    def __init__(self, name: str, field: "FieldInfo", *, section: str, flags: bool) -> None:
        self.section = section
        kind = _bare(field.annotation)
        declaration = [*([_SHORT[name]] if name in _SHORT else []), f"--{_dashed(name)}"]
        many = get_origin(kind) is tuple and _bare(get_args(kind)[0]) not in (int, float)
        how: dict[str, Any] = {"multiple": many, "metavar": _metavar(kind)}
        extra: Any = field.json_schema_extra
        if name == "engine_args":
            many = True
            how |= {"multiple": True, "callback": lambda _c, _o, values: ",".join(values) or None}
        elif many and extra["whole"]:
            how["callback"] = lambda _context, _option, values: tuple(values) or None
        elif many:
            how["callback"] = lambda _context, _option, values: names(values)
        elif get_origin(kind) is tuple:
            how["callback"] = lambda _context, _option, value: value and _unbracketed(value)
        elif kind is bool and flags:
            declaration[-1] += f"/--no-{_dashed(name)}"
            how = {"is_flag": True}
        elif kind is bool:
            how |= {"is_flag": False, "flag_value": "true"}
        text = f"{field.description}{'; repeatable' if many else ''}"
        if not field.is_required() and field.default not in (None, False, ()):
            text += f" [default: {_written(field.default)}]"
        super().__init__([*declaration, name], default=None, help=text, **how)


class SettingsCommand(click.Command):
    """A command that takes settings, as options and with --set. Its function receives those that
    were given as `settings`. `settings` names single settings and groups of RunConfig; "all" are
    all settings of a run."""

    def __init__(self, *arguments: Any, settings: Sequence[str], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._settings = settings
        self.params.append(
            click.Option(
                ["--set", "assign"],
                multiple=True,
                metavar="NAME=VALUE",
                help="any setting, with its value as YAML; repeatable",
            )
        )

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters and the options of its settings."""
        parameters = super().get_params(ctx)
        # A flag that may be followed by its value would swallow an argument.
        flags = any(isinstance(parameter, click.Argument) for parameter in parameters)
        return [*parameters, *self._setting_options(flags)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options and gather the settings among them."""
        from sfr_eval.config import parse_assignments, refuse_unknown

        args, special = expanded(args, self._option_names(ctx))
        rest = super().parse_args(ctx, args)
        names = {str(option.name): option for option in self._setting_options(flags=True)}
        stated = generation_settings(special.get("gen-kwargs", ""))
        refuse_unknown(stated, where="--gen-kwargs", known=names)
        settings = stated | parse_assignments(ctx.params.pop("assign"))
        if self._settings != "all":  # which --config can set as well, so that the loader checks it
            refuse_unknown(settings, where="--set", known=names)
        values = {name: ctx.params.pop(name) for name in names}
        settings |= {name: value for name, value in values.items() if value is not None}
        if "revision" in special:
            settings["model"] = with_revision(settings.get("model"), special["revision"])
        ctx.params["settings"] = settings
        return rest

    def _option_names(self, ctx: click.Context) -> set[str]:
        """Return all options of this command, without their hyphens in front."""
        return {name.lstrip("-") for option in self.get_params(ctx) for name in option.opts}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say which names of other tools are understood."""
        options = self._option_names(ctx)
        if self._settings == "all":
            formatter.write_paragraph()
            formatter.write_text(understood(options))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options section by section."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in SECTIONS}
        for option in self.get_params(ctx):
            if line := option.get_help_record(ctx):
                sections[getattr(option, "section", "Options")].append(line)
        for title, lines in sections.items():
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines)

    def _setting_options(self, flags: bool) -> Iterator[SettingOption]:
        from sfr_eval.config import FIELDS, select

        chosen = FIELDS if self._settings == "all" else select(self._settings)
        for name, (field, kind) in chosen.items():
            extra: Any = field.json_schema_extra
            yield SettingOption(name, field, section=extra["group"] or kind.group, flags=flags)


def judge_settings(settings: dict[str, Any]) -> "tuple[JudgeSettings, RequestSettings]":
    """Return the judge and its limits. Raises UserError for such settings without --judge."""
    from sfr_eval.settings import JudgeSettings, RequestSettings

    if not settings.get("judge"):
        for name in settings:
            if name in JudgeSettings.model_fields or name in RequestSettings.model_fields:
                raise UserError(f"--{_dashed(name)}: needs --judge")
    return JudgeSettings.from_flat(settings), RequestSettings.from_flat(settings)


def names(values: Sequence[str]) -> tuple[str, ...] | None:
    """Return the values of a repeatable option, three for `--x a,b --x c`; None if it is absent. A
    list may be in brackets, as in YAML."""
    parts = [part.strip() for value in values for part in _unbracketed(value).split(",")]
    return tuple(parts) or None


def _unbracketed(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _bare(kind: Any) -> Any:
    """Strip what is around a type: Annotated, and None beside it."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return _bare(next(part for part in get_args(kind) if part is not NoneType))
    return kind


def _metavar(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"[{'|'.join(parts)}]"
    if origin is tuple and parts[-1] is Ellipsis:
        element = _bare(parts[0])
        return _metavar(element) + (",..." if element in (int, float) else "")
    if origin is tuple:
        return ",".join(map(_metavar, parts))
    shown = {bool: "[true|false]", int: "INTEGER", str: "TEXT", dict: "JSON"}
    return shown.get(origin or kind, str(kind.__name__).upper())


def _written(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default).lower()
