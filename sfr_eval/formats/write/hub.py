"""Upload of a run to a repository on the Hugging Face Hub, through its own client."""

from typing import Any

from sfr_eval.errors import RunError, UserError, brief_error
from sfr_eval.formats.write.source import ExportSource

RESULTS = ("manifest.json", "results.json", "report.html", "plots/*", "scores/*")
ARTIFACTS = ("samples.parquet",)


def upload(source: ExportSource, *, repo: str | None, artifacts: bool, private: bool = True) -> str:
    """Upload the run, under its folder's name, to the data set repository `repo`.

    The repository is created (private) if it does not exist. Without `artifacts` no reply leaves
    this machine: neither samples.parquet nor the report and the plots. Returns the address of the
    commit.
    """
    if repo is None:
        raise UserError("export --format hub: name the repository with --repo, e.g. --repo me/runs")
    try:
        import huggingface_hub as hub
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    except ImportError as error:
        raise UserError(
            f"export --format hub: needs huggingface_hub ({error}); pip install huggingface_hub"
        ) from None
    import httpx

    name = source.folder.path.resolve().name
    patterns = [*RESULTS, *ARTIFACTS] if artifacts else ["results.json"]
    api: Any = hub.HfApi(library_name="sfr-eval")
    try:
        api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=str(source.folder.path),
            path_in_repo=name,
            allow_patterns=patterns,
            commit_message=f"sfr-eval: {source.model}",
        )
    except HFValidationError as error:
        raise UserError(f"--repo {repo}: {brief_error(error)}") from None
    except OfflineModeIsEnabled:
        raise UserError("export --format hub: HF_HUB_OFFLINE is set; unset it to upload") from None
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise RunError(f"--repo {repo}: not uploaded ({brief_error(error)})") from None
    return str(getattr(commit, "commit_url", commit))
