"""manifest.json: what a run is, how it was made, and how far it has got."""

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfr_eval.decoders.decoder import NO_FILTERS, OFF, decoder_label
from sfr_eval.errors import UserError
from sfr_eval.store.primary import PrimaryFamily
from sfr_eval.thinking import ThinkTags
from sfr_eval.util.files import write_atomic
from sfr_eval.util.reading import read_model, refuse_unstorable
from sfr_eval.util.untrusted import plain_text, whole_text

FILE, SWEEP = "manifest.json", "sweep.json"
FORMAT = 1
SUITE_ID = r"^[a-z0-9][a-z0-9_-]*$"
"""A suite's id is also the beginning of file names."""

Status = Literal["running", "complete", "partial"]


class Record(BaseModel):
    """Part of a file in a run folder. Every key has a default, since older versions and imports
    write fewer; a key that only a newer version knows is kept, and written back."""

    model_config = ConfigDict(
        frozen=True, extra="allow", populate_by_name=True, ser_json_inf_nan="constants"
    )

    def stored(self) -> dict[str, Any]:
        """Return exactly what the file holds, as JSON has it: no key that a default filled in."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class ModelFacts(Record):
    """Whose replies these are."""

    name: str = ""
    kind: str = ""  # of a checkpoint; `text` for imported generations
    fingerprint: str = "unknown"  # of the weights, or of the imported files
    folder: str | None = None


class Identity(Record):
    """Settings that may not change within one run folder; the keys depend on the engine."""

    engine: str | None = None
    dtype: str | None = None
    chat_template: str | None = None  # `tokenizer`, a hash of another one, or `none`
    chat_template_kwargs: dict[str, Any] | None = None
    template_date: str | None = None  # where the template reads the clock
    prompt_format: str | None = None
    system_role: str | None = None
    seed: int | str | None = None
    suites: dict[str, str] = {}  # id -> version
    sampling: dict[str, dict[str, Any]] | str | None = None  # suite -> field -> value; or "unknown"

    def sampling_of(self, suite: str) -> dict[str, Any]:
        """Return the stated sampling fields of a suite, without temperature; {} if unknown."""
        return self.sampling.get(suite, {}) if isinstance(self.sampling, dict) else {}

    @property
    def decoder(self) -> str:
        """The name of the decoder, "" where no filter is on or none is known; suite by suite if
        they have different ones."""
        labels = {suite: decoder_label(self.sampling_of(suite)) for suite in self.suites}
        if len(set(labels.values())) <= 1:
            return next(iter(labels.values()), "")
        return "; ".join(f"{suite}: {label or NO_FILTERS}" for suite, label in labels.items())

    @property
    def decoder_name(self) -> str | None:
        """The decoder as it is called beside others; None if no filter is known to be on and some
        may be, as in imported generations."""
        stated = all(OFF.keys() <= self.sampling_of(suite).keys() for suite in self.suites)
        return self.decoder or (NO_FILTERS if stated else None)


class PresetFacts(Record):
    """The published protocol that a run follows."""

    name: str = ""
    source: str = ""
    changed: tuple[str, ...] = ()  # settings that are not as it says


class PersonaName(Record):
    """A persona of a suite, as a report names it."""

    id: str
    name: str


class PlannedSuite(Record):
    """The plan for one suite."""

    suite: str
    version: str = ""
    title: str = ""
    prompts: int = 0
    queries: int = 0
    personas: tuple[PersonaName, ...] = ()
    temperatures: tuple[float, ...] = ()
    samples: int = 0  # k, for each prompt and temperature
    primary: PrimaryFamily | None = None  # as the suite declares it
    about: str = ""  # which problems of a code suite

    @field_validator("suite")
    @classmethod
    def _check_suite(cls, value: str) -> str:
        if not re.fullmatch(SUITE_ID, value):
            raise ValueError("is not the id of a suite")
        return value

    @property
    def requests(self) -> int:
        """Number of requests."""
        return self.prompts * len(self.temperatures) * self.samples


class StoredConfig(Record):
    """The settings of the run, flat: fields of RunConfig. Imported generations have a few."""

    model: str | None = None
    suite: tuple[str, ...] = ()  # as the user named them: by id or by folder
    personas: tuple[str, ...] | None = None
    base_url: tuple[str, ...] | None = None
    limit: int | float | None = None  # queries, or a share of them
    think_tags: str | None = None


class ImportFacts(Record):
    """Where imported generations come from, and what their files do not say."""

    format: str = ""
    files: tuple[str, ...] = ()
    origin: dict[str, Any] = {}  # what our own export says of its run
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = Field((), alias="cautions")
    missing: int = 0  # queries of the suite that no reply answers
    fields: dict[str, str] = {}  # option -> field of the rows, as the user named them


class SamplerFacts(Record):
    """The engine's description of itself."""

    template: str | None = None  # hash of the chat template
    cost: float | None = None  # dollars


class Session(Record):
    """The last session that drew something."""

    date: str = ""  # `2026-11-30T18:03Z`: when it began
    samples: int = 0
    completion_tokens: int = 0
    start_seconds: float = 0.0
    sampling_seconds: float = 0.0
    tokens_per_second: float = 0.0


class JudgingRecord(Record):
    """Which judgements count when the run is scored again."""

    judges: tuple[str, ...] = ()
    rubrics: dict[str, str] = {}  # axis -> hash of its rubric
    votes: int = 1
    calibration: str | None = None
    sessions: tuple[dict[str, Any], ...] = ()  # what the judges' servers said of themselves


class ShardFacts(Record):
    """A shard from which this folder was joined."""

    folder: str
    status: Status | None = None
    samples: int | None = None


class Manifest(Record):
    """A run. Change it with `model_copy(update=...)`."""

    format: int = FORMAT
    name: str = ""
    model: ModelFacts = ModelFacts()
    world: str | None = None  # the suite whose synthetic benchmark the model speaks
    world_queries: int | None = None  # how many of its queries a demo model has read about
    identity: Identity = Identity()
    shard: str | None = None  # `i/n` in the folder of a shard
    plan: tuple[PlannedSuite, ...] = ()
    thinking: ThinkTags | None = None
    rendered: dict[str, dict[str, str]] = {}
    """Suite -> id of a prompt -> hash of its token ids, where they are made here."""
    config: StoredConfig = StoredConfig()
    imported: ImportFacts | None = Field(None, alias="import")
    preset: PresetFacts | None = None
    not_applied: dict[str, Any] = {}  # of generation_config, with --sampling model
    determinism: str | None = None
    versions: dict[str, str] = {}
    platform: str = ""
    sampler: SamplerFacts | None = None
    last_session: Session | None = None
    status: Status | None = None
    samples: int | None = None
    sealed: str | None = None  # sha256 of samples.parquet
    judging: JudgingRecord | None = None
    looks: dict[str, tuple[int, ...]] = {}
    """Suite -> the numbers of replies to each prompt at which it was measured, in order."""
    shards: tuple[ShardFacts, ...] = ()  # of a folder that was joined from shards

    @classmethod
    def find(cls, folder: Path) -> "Manifest | None":
        """Read the manifest of a folder; None without one. Raises UserError if it is damaged."""
        file = folder / FILE
        try:
            text = plain_text(file)
            loaded = json.loads(text)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise UserError(f"{folder}: is a file, not a run folder") from None
        except UserError:  # which is a ValueError
            raise
        except (ValueError, RecursionError):
            raise UserError(f"{file}: damaged; restore it or choose another --output") from None
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror})") from None
        refuse_unstorable(text, where=str(file))
        if not isinstance(loaded, dict) or loaded.get("format") != FORMAT:
            raise UserError(f"{file}: not a run of this version of sfr-eval")
        return read_model(cls, loaded, where=str(file))

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read the manifest of a run folder. Raises UserError if there is none."""
        manifest = cls.find(folder)
        if manifest is None and (folder / SWEEP).exists():
            raise UserError(f"{folder}: a sweep; name one of the runs in it")
        if manifest is None and not folder.exists():
            raise UserError(f"{folder}: no such folder")
        if manifest is None:
            raise UserError(f"{folder}: no manifest.json; not a run folder")
        return manifest

    def save(self, folder: Path) -> None:
        """Replace the manifest of a folder, atomically."""
        content = {"format": FORMAT, **self.stored()}
        text = json.dumps(content, indent=2, ensure_ascii=False)
        write_atomic(folder / FILE, whole_text(text))

    def keeping(self, old: "Manifest", *names: str) -> "Manifest":
        """Return this manifest with those of the named fields that `old` has."""
        update = {name: getattr(old, name) for name in names if name in old.model_fields_set}
        return self.model_copy(update=update)

    def looked_at(self) -> "Manifest":
        """Return the manifest with this measurement recorded; scoring equally many replies again
        is not another look."""
        looks = dict(self.looks)
        for part in self.plan:
            if looks.get(part.suite, ())[-1:] != (part.samples,):
                looks[part.suite] = (*looks.get(part.suite, ()), part.samples)
        return self.model_copy(update={"looks": looks})

    def part(self, suite: str) -> PlannedSuite:
        """Return what was planned for a suite."""
        return next(part for part in self.plan if part.suite == suite)
