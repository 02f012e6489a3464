"""What a request costs before and around its statements, beside a bare Starlette route, in turns in one run.

    python benchmarks/layers.py [--turns 3] [--seconds 4]

The bare route parses the body and answers; all are asked over 16 connections by one process at a time.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
from pathlib import Path

import orjson

from benchmarks.stage import data_folder, server

REFUSED = """mutation ($i: SaveStateInput!) { saveState(input: $i) {
  __typename ... on SaveStatePayload { state { version } } ... on Error { message } } }"""
MISSING = "exec_00000000000070008000000000000000"
DOCUMENTS: dict[str, tuple[str, dict[str, object]]] = {
    "{ __typename }": ("{ __typename }", {}),
    "a mutation refused before SQL": (REFUSED, {"i": {"executionId": "x", "variablesPatch": {"a": 1}}}),
    "a query for an id that isn't there": (
        "query ($id: ID!) { execution(id: $id) { id status } }",
        {"id": MISSING},
    ),
    "{ health { version } }": ("{ health { version } }", {}),
}


async def _rate(url: str, body: bytes, seconds: float) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", url, "16", str(seconds)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate(body)
    return float(out)


async def measure(folder: Path, turns: int, seconds: float) -> dict[str, float]:
    """Requests a second of each; the median of the turns."""
    found: dict[str, list[float]] = {}
    bare = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.floor"), stdout=subprocess.PIPE
    )
    assert bare.stdout is not None
    address = (await bare.stdout.readline()).decode().strip()
    try:
        with server(folder) as flowkeep:
            for _ in range(turns):
                body = orjson.dumps({"query": "{ __typename }"})
                found.setdefault("a bare route", []).append(await _rate(address, body, seconds))
                for name, (text, variables) in DOCUMENTS.items():
                    body = orjson.dumps({"query": text, "variables": variables})
                    found.setdefault(name, []).append(await _rate(flowkeep.url, body, seconds))
    finally:
        bare.terminate()
        await bare.wait()
    return {name: statistics.median(rates) for name, rates in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    with data_folder() as folder:
        found = asyncio.run(measure(folder, arguments.turns, arguments.seconds))
    for name, rate in found.items():
        print(f"{name:36}{rate:10.0f}/s{rate / found['a bare route']:8.2f}")


if __name__ == "__main__":
    main()
