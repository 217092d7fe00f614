"""What generation costs over Cookiecutter itself: python -m benchmarks.generation

The whole process, `cookiecutter --no-input`, on this template and on a template of one file, in turns,
without network where the kernel lets a user have none (unshare).
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 15
GOAL = 1.5


def one_file_template(folder: Path) -> Path:
    (folder / "{{cookiecutter.name}}").mkdir(parents=True)
    (folder / "{{cookiecutter.name}}" / "file.txt").write_text("{{ cookiecutter.name }}\n")
    (folder / "cookiecutter.json").write_text('{"name": "one"}\n')
    return folder


def unplugged() -> list[str]:
    """A prefix that runs a command without network, or nothing where that is not allowed."""
    prefix = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    allowed = (
        shutil.which("unshare") and not subprocess.run([*prefix, "true"], capture_output=True).returncode
    )
    return prefix if allowed else []


def main() -> None:
    network = unplugged()
    with tempfile.TemporaryDirectory() as scratch:
        templates = {"one file": one_file_template(Path(scratch, "one")), "this template": ROOT}
        seconds: dict[str, list[float]] = {name: [] for name in templates}
        for number in range(ROUNDS + 1):
            for name, template in templates.items():
                out = Path(scratch, f"{name} {number}")
                command = [
                    *network,
                    sys.executable,
                    "-m",
                    "cookiecutter",
                    str(template),
                    "--no-input",
                    "-o",
                    str(out),
                ]
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env={**os.environ, "HOME": scratch})
                if number:  # the first round warms the caches
                    seconds[name].append(time.perf_counter() - started)
    base, ours = (statistics.median(times) for times in seconds.values())
    print(f"Generation, whole process, median of {ROUNDS}{', network unplugged' if network else ''}:")
    print(f"  a template of one file  {base:.2f} s  1.00")
    print(f"  this template           {ours:.2f} s  {ours / base:.2f}  (goal: under {GOAL})")


if __name__ == "__main__":
    main()
