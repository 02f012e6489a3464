"""How fast traces go in, and whether memory stays flat: `python benchmarks/import_traces.py`.

Makes synthetic traces of 300 steps, imports 50 and then 200 of them with the command itself into a fresh
embedded PostgreSQL (fsync on), and prints steps per second and the importer's peak memory for both.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

STEPS = 300
FLOWKEEP = str(Path(sys.executable).with_name("flowkeep"))


def trace(number: int) -> dict[str, Any]:
    """A trace of three layers: one task, 298 in parallel, one that joins them; five graphs in all."""
    keys = [f"task_{number % 5}_{at:05}" for at in range(STEPS)]
    parents = [[], *([keys[0]] for _ in keys[1:-1]), keys[1:-1]]
    command = {"program": "python", "arguments": ["-m", "analyse", "--shard", "1", "--input", "data.csv"]}
    return {
        "name": f"synthetic {number % 5}",
        "schemaVersion": "1.5",
        "createdAt": "2026-01-01T00:00:00Z",
        "workflow": {
            "specification": {
                "tasks": [
                    {"id": key, "name": key, "parents": above, "inputFiles": ["data.csv"], "outputFiles": []}
                    for key, above in zip(keys, parents, strict=True)
                ],
                "files": [{"id": "data.csv", "sizeInBytes": 1_000_000}],
            },
            "execution": {
                "makespanInSeconds": 3600,
                "executedAt": f"2026-01-{number % 28 + 1:02}T{number % 24:02}:00:{number % 60:02}Z",
                "tasks": [
                    {
                        "id": key,
                        "runtimeInSeconds": 10 + at / 10,
                        "command": command,
                        "avgCPU": 97.5,
                        "memoryInBytes": 52_428_800,
                        "readBytes": 1_000_000,
                        "writtenBytes": 4096 + number,
                    }
                    for at, key in enumerate(keys)
                ],
                "machines": [{"nodeName": "node-1"}],
            },
        },
    }


def main() -> None:
    """Import 50, then 150 more."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        environment = {**os.environ, "FLOWKEEP_DATA_DIR": str(folder / "data")}
        files = [folder / f"{number}.json" for number in range(250)]
        for number, file in enumerate(files):
            file.write_bytes(orjson.dumps(trace(number)))
        subprocess.run([FLOWKEEP, "migrate"], env=environment, check=True)
        for batch in (files[:50], files[50:]):
            done = subprocess.run(
                [FLOWKEEP, "import", "wfformat", *map(str, batch)],
                env=environment,
                check=True,
                text=True,
                capture_output=True,
            )
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            sys.stdout.write(
                f"{len(batch)} traces: {done.stdout.strip()}; peak memory so far {peak:.0f} MB\n"
            )


if __name__ == "__main__":
    main()
