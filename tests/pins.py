"""Pin the newest versions of everything that any service needs: python -m tests.pins

Writes the service's constraints.txt (one superset for all services) and the template's own, which
agrees with it.
"""

import subprocess
import sys
import tomllib

from tests import harness

PINS = "constraints.txt"


def requirements() -> list[str]:
    """What the services of all combinations ask for, together."""
    found = {"uv"}
    for answers in harness.possible(harness.prompts_of("pyproject.toml")):
        project = tomllib.loads(harness.render_file("pyproject.toml", answers).decode())
        found.update(project["build-system"]["requires"], project["project"]["dependencies"])
        for extra in project["project"]["optional-dependencies"].values():
            found.update(extra)
    return sorted(found)


def compile_pins(wanted: list[str], *options: str) -> list[str]:
    """Resolve `wanted` for every platform and Python; return one name==version for each package."""
    command = ["uv", "pip", "compile", "--universal", "--python-version=3.11", "--fork-strategy=fewest"]
    command += ["--upgrade", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    resolved = subprocess.run(
        [*command, *options, "-"], input="\n".join(wanted), capture_output=True, text=True, check=False
    )
    if resolved.returncode:
        sys.exit(resolved.stderr)
    # A constraint for a package that a platform does not install does no harm there.
    pins = sorted({line.split(";")[0].strip() for line in resolved.stdout.splitlines() if "==" in line})
    names = [pin.split("==")[0] for pin in pins]
    if twice := {name for name in names if names.count(name) > 1}:
        sys.exit(f"No one version of {', '.join(sorted(twice))} suits every Python and platform.")
    return pins


def main() -> None:
    services = harness.TEMPLATE / PINS
    wanted = requirements()
    services.write_text("\n".join(compile_pins(wanted)) + "\n")
    print(f"Pinned {len(services.read_text().splitlines())} packages for the services.")

    tools = tomllib.loads((harness.ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    own = harness.ROOT / PINS
    own.write_text("\n".join(compile_pins([*wanted, *tools], f"--constraint={services}")) + "\n")
    print(f"Pinned {len(own.read_text().splitlines())} packages for the template.")


if __name__ == "__main__":
    main()
