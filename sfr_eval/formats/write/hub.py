"""Upload of a run to a repository on the Hugging Face Hub, through its own client."""

from typing import Any

from sfr_eval.errors import RunError, UserError, brief_error
from sfr_eval.formats.write.source import ExportSource

ARTIFACTS = ("manifest.json", "report.html", "plots/*", "scores/*", "samples.parquet")


def upload(source: ExportSource, *, repo: str | None, artifacts: bool) -> str:
    """Upload the run, under its folder's name, to the data set repository `repo`.

    The repository is created (private) if it does not exist. Without `artifacts` no reply leaves
    this machine: neither samples.parquet nor the report and the plots. Return the address of the
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

    api: Any = hub.HfApi(library_name="sfr-eval")
    try:
        api.create_repo(repo, repo_type="dataset", private=True, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=str(source.folder.path),
            path_in_repo=source.folder.path.resolve().name,
            allow_patterns=["results.json", *(ARTIFACTS if artifacts else ())],
            commit_message=f"sfr-eval: {source.model}",
        )
    except HFValidationError as error:
        raise UserError(f"--repo {repo}: {brief_error(error)}") from None
    except OfflineModeIsEnabled:
        raise UserError("export --format hub: HF_HUB_OFFLINE is set; unset it to upload") from None
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise RunError(f"--repo {repo}: not uploaded ({brief_error(error)})") from None
    return str(getattr(commit, "commit_url", commit))
