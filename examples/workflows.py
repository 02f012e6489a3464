"""Four small workflows for the demonstration: what their steps run, and after what."""

from typing import Any

Definition = dict[str, Any]


def _step(key: str, *after: str, retries: int = 0, **run: Any) -> Definition:
    """A step; `run` is `python` or `shell`, anything else its `with`."""
    kinds = {kind: run.pop(kind) for kind in ("python", "shell") if kind in run}
    step: Definition = {"key": key, "run": kinds, "dependsOn": list(after), "retries": retries}
    return {**step, "with": run} if run else step


# Fans out to three regions and back in, with one step that only succeeds at its third attempt.
NIGHTLY_SALES: Definition = {
    "steps": [
        _step("prepare", shell="echo preparing for $FLOWKEEP_EXECUTION; sleep 0.3"),
        *(_step(f"extract_{region}", "prepare", python="numbers", count=20) for region in ("asia", "europe")),
        _step("extract_americas", "prepare", python="numbers", count=40),
        _step("fetch_rates", "prepare", python="flaky", succeedsAt=3, retries=4),
        _step("add_up", "extract_asia", "extract_europe", "extract_americas", python="total"),
        _step("report", "add_up", "fetch_rates", shell="cat; echo 'report is out' >&2; sleep 0.4"),
    ]
}

# Ten alike, side by side.
THUMBNAILS: Definition = {
    "steps": [
        _step("list_images", shell="echo '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]'"),
        *(_step(f"resize_{number}", "list_images", python="wait", seconds=0.7) for number in range(1, 11)),
        _step("publish", *(f"resize_{number}" for number in range(1, 11)), shell="sleep 0.3; echo 10"),
    ]
}

# One after the other, by the shell alone.
CLEAN_UP: Definition = {
    "steps": [
        _step("measure", shell="df -k / | tail -n 1"),
        _step("find_old", "measure", shell="sleep 0.5; echo '{\"files\": 12}'"),
        _step("remove_old", "find_old", shell="sleep 0.5; cat"),
    ]
}

# Fails, since its step would succeed at the third attempt and may be tried twice: a recovery helps.
WAREHOUSE: Definition = {
    "steps": [
        _step("extract", python="numbers", count=200),
        _step("load", "extract", python="flaky", succeedsAt=3, retries=1),
        _step("publish", "load", shell="echo published"),
    ]
}

WORKFLOWS = {
    "nightly-sales": NIGHTLY_SALES,
    "thumbnails": THUMBNAILS,
    "clean-up": CLEAN_UP,
    "warehouse": WAREHOUSE,
}
