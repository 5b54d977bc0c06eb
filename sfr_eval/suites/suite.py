"""A suite: prompts for the model, and the metrics of its replies."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sfr_eval.config import StudentSees
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.settings import CodeSettings
from sfr_eval.suites import math_problems
from sfr_eval.suites.asked import asked_part
from sfr_eval.suites.fetched import as_lines, fetched_queries
from sfr_eval.suites.math_problems import MathProblems
from sfr_eval.suites.problems import evalplus, humaneval, livecodebench, mbpp
from sfr_eval.suites.problems.problem import ProblemSet
from sfr_eval.suites.spec import PersonaRow, QueryRow, SuiteSpec
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.types import Message, Prompt
from sfr_eval.util.assets import find_suite
from sfr_eval.util.reading import gathered, joined, read_jsonl, read_model, read_yaml_mapping
from sfr_eval.util.untrusted import plain_bytes

SUITE_FILE, QUERIES, PERSONAS = "suite.yaml", "queries.jsonl", "personas.yaml"
"""Names in the folder of a suite; the last two are those of suites without a folder (own.py)."""

_NO_DATA = {SUITE_FILE, "LICENSE", "NOTICE"}

_PROBLEMS: Mapping[str, Callable[[Path, CodeSettings], ProblemSet]] = {
    "mbpp": mbpp.load,
    "livecodebench": livecodebench.load,
    "humaneval": humaneval.load,
    "mbpp-plus": partial(evalplus.load, suite="mbpp-plus"),
    "humaneval-plus": partial(evalplus.load, suite="humaneval-plus"),
}


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite ready to be asked. `queries` maps id to text, in the order of `--limit`."""

    spec: SuiteSpec
    folder: Path
    version: str  # of the spec, plus a hash of all data that it reads
    queries: dict[str, str]
    personas: dict[str, PersonaRow]  # held-out ones only if named explicitly
    world: PersonaWorld | None
    code: ProblemSet | None = None  # problems of a code suite, whose prompts are the queries
    math: MathProblems | None = None  # problems of a math suite, whose prompts are the queries
    other_personas: tuple[str, ...] = ()  # ids of the suite's personas that are not asked
    rows: Mapping[str, QueryRow] = field(default_factory=dict)  # of the queries file, by id
    cards: Mapping[str, PersonaRow] = field(default_factory=dict)  # of all personas, asked or not
    sees: StudentSees = "card"  # what prompts say of a persona; "name" only in teacher suites

    @property
    def id(self) -> str:
        """Name of the suite."""
        return self.spec.id

    def about(self, queries: Iterable[str]) -> str:
        """Say what a number over these queries is of; "" where the title says it all."""
        return self.code.about(queries) if self.code is not None else ""

    @property
    def has_answers(self) -> bool:
        """Whether the right answers of every query are known."""
        return bool(self.rows) and all(row.answers for row in self.rows.values())

    @property
    def facets(self) -> dict[str, Mapping[str, str]]:
        """By what results are sliced: query -> {"category": "Factual"}, or what is known of a
        problem of code or mathematics. Queries of which nothing is known are left out."""
        if problems := self.code or self.math:
            return {id: problem.facets for id, problem in problems.problems.items()}
        return {id: {"category": row.category} for id, row in self.rows.items() if row.category}

    def prompts(self, *, limit: int | None = None) -> list[Prompt]:
        """Return all personas of the first query, then of the second, ..."""
        return [
            Prompt(
                suite=self.id,
                query=query,
                persona=persona,
                messages=self._messages(query, self._head(card)),
            )
            for query in list(self.queries)[:limit]
            for persona, card in self.personas.items() or [("", None)]
        ]

    @property
    def has_teacher(self) -> bool:
        """Whether a frozen language model is the suite's reference distribution."""
        return self.spec.world == "teacher"

    def under_card(self, query: str, persona: str) -> tuple[Message, ...]:
        """Return a query under the full card of any persona: what a teacher reads."""
        return self._messages(query, self.cards[persona].system)

    def _head(self, card: PersonaRow | None) -> str:
        """Return what a prompt says of a persona."""
        if card is None:
            return ""
        return card.brief if self.sees == "name" else card.system

    def _messages(self, query: str, head: str) -> tuple[Message, ...]:
        """Return what the model reads. A persona's card comes before a system message of the
        query, in one message, since templates take only one."""
        row = self.rows.get(query)
        turns = [Message(turn.role, turn.content) for turn in row.messages] if row else []
        turns = turns or [Message("user", self.queries[query])]
        problem = self.code.problems.get(query) if self.code is not None else None
        heads = [head] if head else []
        heads += [problem.system] if problem and problem.system else []
        if turns[0].role == "system":
            heads.append(turns.pop(0).content)
        system = (Message("system", "\n\n".join(heads)),) if heads else ()
        return (*system, *turns)


def load_suite(
    name: str,
    *,
    personas: tuple[str, ...] | None = None,
    code: CodeSettings | None = None,
    sees: StudentSees = "name",
) -> Suite:
    """Load a suite by name or folder. `personas` selects some by id, including held-out ones;
    `code` selects the problems of a code suite and their prompt form; `sees` is what prompts of a
    teacher suite say of a persona."""
    folder = find_suite(name)
    file = folder / "suite.yaml"
    spec = read_model(SuiteSpec, read_yaml_mapping(file), where=str(file))
    if spec.code is not None:
        return _code_suite(spec, folder, (code or CodeSettings()).for_suite(spec.id))
    if spec.math:
        return _math_suite(spec, folder, (code or CodeSettings()).for_suite(spec.id))
    world = PersonaWorld.load(folder) if spec.world == "persona" else None
    rows, cards = _rows_and_cards(spec, folder, world, (code or CodeSettings()).for_suite(spec.id))
    queries = {id: row.question for id, row in rows.items()} or _world_queries(folder, world)
    if personas is None:
        personas = tuple(id for id, card in cards.items() if not card.held_out)
    for persona in personas:
        if persona not in cards:
            raise UserError(
                f"--personas {persona}: not in suite {spec.id}; {did_you_mean(persona, cards)}"
            )
    sees = sees if spec.world == "teacher" else "card"
    if sees == "name":
        _check_briefs(cards.values(), folder=folder)
    fetched = [(QUERIES, as_lines(list(rows.values())))] if spec.prompts is not None else []
    files = [*_data_files(folder), *fetched]
    return Suite(
        spec=spec,
        folder=folder,
        version=f"{spec.version}+{content_hash(spec, files)}{'-name' if sees == 'name' else ''}",
        queries=queries,
        personas={id: card for id, card in cards.items() if id in personas},
        other_personas=tuple(id for id in cards if id not in personas),
        world=world,
        rows=rows,
        cards=cards,
        sees=sees,
    )


def _check_briefs(cards: Iterable[PersonaRow], *, folder: Path) -> None:
    for card in cards:
        if not card.brief:
            raise UserError(
                f"{folder}: persona {card.id}: brief: missing; a teacher suite asks with a line "
                "that only names the persona (or pass --student-sees card)"
            )


def _own_data(spec: SuiteSpec, folder: Path, settings: CodeSettings) -> CodeSettings:
    """Return the settings with the data of a suite that has problems of its own."""
    if settings.data is not None or spec.queries is None:
        return settings
    return settings.model_copy(update={"data": str(inside(folder, spec.queries))})


def _math_suite(spec: SuiteSpec, folder: Path, settings: CodeSettings) -> Suite:
    problems = math_problems.load(folder, _own_data(spec, folder, settings), suite=spec.id)
    digest = hashlib.sha256(_asked(spec) + problems.identity.encode()).hexdigest()[:12]
    return Suite(
        spec=spec,
        folder=folder,
        version=f"{spec.version}+{digest}",
        queries={problem.id: problem.prompt for problem in problems.problems.values()},
        personas={},
        world=None,
        math=problems,
    )


def _code_suite(spec: SuiteSpec, folder: Path, settings: CodeSettings) -> Suite:
    assert spec.code is not None
    problems = _PROBLEMS[spec.code](folder, _own_data(spec, folder, settings))
    asked = _asked(spec) + problems.identity.encode()
    digest = hashlib.sha256(asked).hexdigest()[:12]
    return Suite(
        spec=spec.model_copy(update={"stop": (*(spec.stop or ()), *problems.stop)}),
        folder=folder,
        version=f"{spec.version}+{digest}",
        queries={problem.id: problem.prompt for problem in problems.problems.values()},
        personas={},
        world=None,
        code=problems,
    )


def _rows_and_cards(
    spec: SuiteSpec, folder: Path, world: PersonaWorld | None, settings: CodeSettings
) -> tuple[dict[str, QueryRow], dict[str, PersonaRow]]:
    """Read both files of a suite. Raises UserError that names the mistakes of both."""
    rows: dict[str, QueryRow] = {}
    cards: dict[str, PersonaRow] = {}
    errors = []
    try:
        rows = _rows(spec, folder, settings)
    except UserError as error:
        errors.append(error)
    try:
        cards = _cards(spec, folder, world)
    except UserError as error:
        errors.append(error)
    if errors:
        raise joined(errors, where=str(folder))
    return rows, cards


def _rows(spec: SuiteSpec, folder: Path, settings: CodeSettings) -> dict[str, QueryRow]:
    """Return the rows of the queries file or data set by id; {} if the suite has none."""
    if spec.prompts is not None:
        where = f"--suite {spec.id}"
        rows = fetched_queries(spec.prompts, settings, suite=spec.id, folder=folder)
    elif spec.queries is not None:
        where = str(folder / spec.queries)
        rows = read_jsonl(QueryRow, inside(folder, spec.queries))
    else:
        return {}
    by_id = {row.id: row for row in rows}
    if len(by_id) != len(rows) or not rows:
        what = "holds no query" if not rows else "two queries have the same id"
        raise UserError(f"{where}: {what}")
    return by_id


def _world_queries(folder: Path, world: PersonaWorld | None) -> dict[str, str]:
    if world is None:
        raise UserError(f"{folder / 'suite.yaml'}: queries: missing; name a JSONL file")
    return {query.id: query.text for query in world.queries}


def _cards(spec: SuiteSpec, folder: Path, world: PersonaWorld | None) -> dict[str, PersonaRow]:
    if spec.persona_cards is not None:
        file = inside(folder, spec.persona_cards)
        rows = read_yaml_mapping(file).get("personas")
        if not isinstance(rows, list) or not rows:
            raise UserError(f"{file}: personas: must be a list of {{id, name, system}}")
        steps = (
            partial(read_model, PersonaRow, row, where=f"{file}: persona {number}")
            for number, row in enumerate(rows, start=1)
        )
        cards = gathered(steps, where=str(file))
    elif world is not None:
        cards = [PersonaRow.model_validate(card, from_attributes=True) for card in world.personas]
    else:
        cards = []
    by_id = {card.id: card for card in cards}
    if len(by_id) != len(cards):
        raise UserError(f"{folder / 'suite.yaml'}: persona_cards: two personas have the same id")
    return by_id


def inside(folder: Path, name: str) -> Path:
    """Return the path of a data file named by a suite. Raises UserError if it lies outside the
    suite's folder."""
    try:
        path = (folder / name).resolve()
    except (RuntimeError, OSError, ValueError):  # a link to itself, or no name of a file
        raise UserError(f"{folder / 'suite.yaml'}: {name[:100]!r}: is not a file") from None
    if not path.is_relative_to(folder.resolve()):
        raise UserError(f"{folder / 'suite.yaml'}: {name}: lies outside the suite's folder")
    return path


def _asked(spec: SuiteSpec) -> bytes:
    """Return what of suite.yaml belongs to a suite's identity: what is asked. How it is measured,
    how often it is sampled and what it is called may change without asking again."""
    return spec.model_dump_json(
        include={"id", "version", "world", "code", "queries", "persona_cards"}
    ).encode()


def content_hash(spec: SuiteSpec, files: Iterable[tuple[str, bytes]]) -> str:
    """Return the part of a suite's version that says what it asks. `files` are name and content of
    all data files of its folder, in the order of their names."""
    digest = hashlib.sha256(_asked(spec))
    for name, content in files:
        if name == spec.queries:
            content = b"\n".join(map(asked_part, content.split(b"\n")))
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _data_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.name not in _NO_DATA:
            name = str(path.relative_to(folder))
            yield name, plain_bytes(inside(folder, name))  # refuses a link to elsewhere
