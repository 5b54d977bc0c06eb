"""A report and a comparison whose replies say something, as pages in a tab of Chromium."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sfr_eval.embeddings.cache import EmbeddingStore, text_key
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Sample
from tests.support.chromium import Browser, Page
from tests.support.report_data import draw, small_suite, write_run

HOSTILE = (
    "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"
    '<a href="javascript:alert(4)">x</a> {{ 7*7 }}'
)
CHINESE = ("\u4eca\u5929\u5929\u6c14\u5f88\u597d", "\u4eca\u5929\u5929\u6c14\u4e0d\u597d")
ARABIC = ("\u0645\u0631\u062d\u0628\u0627 \u0628\u0643", "\u0645\u0631\u062d\u0628\u0627 \u0647")
SIGNATURE = {"encoder_fingerprint": "sha256:" + "ab" * 32, "tokenizer": "words-v1"}


def special(samples: list[Sample]) -> list[Sample]:
    """The first prompts get replies to be told apart: hostile, Chinese, Arabic, copies, an empty
    and a failed one. A prompt has two replies."""
    texts: tuple[str, ...] = (HOSTILE, "Plain words here", *CHINESE, *ARABIC)
    texts += ("The same words again.", "The same words again.", "", "Only one has text.")
    return [
        replace(s, text=texts[i])
        if i < len(texts)
        else replace(s, status="error", text="", error="connection lost")
        if i == len(texts)
        else s
        for i, s in enumerate(samples)
    ]


def write_special_run(folder: Path, *, cache: Path) -> RunFolder:
    """A run of 45 prompts with those replies, each embedded somewhere."""
    samples = special(draw(small_suite()))
    run = write_run(folder, samples=samples)
    embed(run, samples, cache=cache)
    return run


def embed(run: RunFolder, samples: list[Sample], *, cache: Path) -> None:
    """Embed all texts at random, and say so in the results."""
    random = np.random.default_rng(0)
    texts = list(dict.fromkeys(s.text for s in samples if s.has_text))
    rows = random.normal(size=(len(texts), 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    store = EmbeddingStore(cache / "embeddings" / ("ab" * 8))
    store.add([text_key(text) for text in texts], rows)
    results = run.read_results()
    signatures = {**results.signatures, "embed_distance": SIGNATURE}
    run.write_results(results.model_copy(update={"signatures": signatures}))


def data_of(file: Path, *, suite: int = 1) -> dict[str, Any]:
    """What the reply browser of a page reads."""
    html = file.read_text(encoding="utf-8")
    box = html[html.index(f'id="replies-{suite}"') :]
    start = box.index('<script type="application/json">{"personas"') + len(
        '<script type="application/json">'
    )
    found: dict[str, Any] = json.loads(box[start : box.index("</script>", start)])
    return found


@contextmanager
def opened(chromium: Browser, file: Path) -> Iterator[Page]:
    """The page in a new tab; at the end nothing was said, asked or run that should not be."""
    tab = chromium.page()
    tab.look()
    tab.open(file.as_uri())
    tab.requests.clear()
    yield tab
    tab.run("1")
    assert tab.troubles == []
    assert {request.split("#")[0] for request in tab.requests} <= {file.as_uri(), "about:blank"}
    assert tab.dialogs == 0
    tab.close()


def said(page: Page) -> str:
    """What the reply browser says that it shows."""
    found: str = page.run('document.querySelector(".browser .said").textContent')
    return found


def texts(page: Page, selector: str) -> list[str]:
    """The text of each element."""
    found: list[str] = page.run(
        f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)"
    )
    return found


def go(page: Page, address: str) -> None:
    """Follow a link within the page."""
    page.run(f"location.hash = {json.dumps(address)}")
    page.run("new Promise(done => setTimeout(done, 30))")
