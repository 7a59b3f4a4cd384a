#!/usr/bin/env python3
"""The repository tests itself: include directions, homes of foreign headers, files that no build names, form.

    tests/unit/layout/layout.py BUILD_FOLDER

Run by ctest as `layout`. Prints one line a finding, with the rule and the remedy; exits 1 if there is one.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# Which library may include which; each may include itself. `bench` and `tests` use everything but are used by nobody
# (the program's command line, `app`, starts the bench commands).
MAY_INCLUDE = {
    "engine/base": [],
    "metrics": ["engine/base"],
    "engine/smtp": ["engine/base"],
    "engine/sasl": ["engine/smtp", "engine/base"],
    "engine/dkim": ["engine/base", "engine/smtp"],
    "engine/runtime": ["engine/base", "metrics"],
    "engine/http": ["engine/base", "engine/runtime", "metrics"],
    "engine/accounts": ["engine/sasl", "engine/smtp", "engine/runtime", "metrics", "engine/base"],
    "dns": ["engine/runtime", "metrics", "engine/base"],
    "queue": ["engine/smtp", "engine/runtime", "metrics", "engine/base"],
    "engine/inbound": ["engine/accounts", "engine/dkim", "engine/smtp", "engine/sasl", "queue", "engine/runtime", "metrics", "engine/base"],
    "engine/outbound": ["engine/smtp", "engine/sasl", "queue", "dns", "engine/runtime", "metrics", "engine/base"],
    "bench": ["engine/base", "engine/dkim", "engine/smtp", "engine/sasl", "engine/runtime", "engine/http", "metrics", "queue", "dns", "engine/inbound",
              "engine/outbound"],
    "engine/app": ["engine/accounts", "engine/dkim", "engine/base", "engine/smtp", "engine/sasl", "engine/runtime", "engine/http", "metrics", "queue", "dns", "engine/inbound",
                   "engine/outbound", "bench"],
}
FOLDERS = [*MAY_INCLUDE, "tests"]

# Where the headers of foreign libraries may appear: only in .cpp files, and only of these folders.
FOREIGN = {
    r"liburing": ["engine/runtime", "bench"],
    r"openssl/": ["engine/runtime", "engine/sasl", "engine/dkim"],
    r"ares": ["dns", "bench"],
    r"rocksdb/": ["queue", "bench"],
    r"toml\+\+/|toml\.hpp": ["engine/app"],
    r"CLI/": ["engine/app", "bench"],
    r"boost/": ["engine/http", "bench"],
    r"gmime/|isa-l/|prometheus/|uv\.h": ["bench"],
    r"nlohmann/": ["engine/app", "queue", "bench"],
    r"spdlog/": ["engine/app"],
    r"xxh": ["queue", "bench", "engine/base"],
}
LINES_AT_MOST = 550
NEEDS_README = [*MAY_INCLUDE, "engine", "tests", "tests/fuzz"]

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def library_of(path: str) -> str | None:
    """The library that a path below the root belongs to; the longest folder that matches."""
    matches = [folder for folder in FOLDERS if path.startswith(folder + "/")]
    return max(matches, key=len, default=None)


def sources() -> list[Path]:
    found = []
    for top in ("engine", "metrics", "dns", "queue", "bench", "tests"):
        found += [p for p in (ROOT / top).rglob("*") if p.suffix in (".cpp", ".hpp")]
    return sorted(found)


def check_includes(path: str, text: str) -> list[str]:
    findings = []
    library = library_of(path)
    for quote, target in INCLUDE.findall(text):
        if quote == '"':
            if not (ROOT / target).exists():
                findings.append(f'{path}: includes "{target}", which is no path from the root; write it from there')
                continue
            other = library_of(target)
            if other in (None, library) or library == "tests":
                continue
            if other not in MAY_INCLUDE[library]:
                allowed = ", ".join(MAY_INCLUDE[library]) or "nothing"
                findings.append(f'{path}: includes "{target}"; {library} may include {allowed}')
        else:
            for pattern, homes in FOREIGN.items():
                if not re.match(pattern, target) or library == "tests":
                    continue
                if path.endswith(".hpp"):
                    findings.append(f"{path}: <{target}> in a header; keep it in the .cpp that wraps it")
                elif library not in homes:
                    findings.append(f"{path}: <{target}> belongs in {', '.join(homes)} only")
    return findings


def check_form(path: str, text: str) -> list[str]:
    findings = []
    lines = text.splitlines()
    # A .cpp is described by its header, a unit test by its name and the file that it mirrors.
    described = path.startswith("tests/unit/") or path.endswith(".cpp") and (ROOT / path).with_suffix(".hpp").exists()
    if not described and (not lines or not lines[0].startswith("//")):
        findings.append(f"{path}: open the file with a comment that says what it is for")
    if path.endswith(".hpp") and "#pragma once" not in lines:
        findings.append(f"{path}: #pragma once is missing")
    if len(lines) > LINES_AT_MOST:
        findings.append(f"{path}: {len(lines)} lines, at most {LINES_AT_MOST}; split it by responsibility")
    return findings


def check_built(build: Path, files: list[Path]) -> list[str]:
    commands = build / "compile_commands.json"
    if not commands.exists():
        return [f"{commands}: missing, so unbuilt files cannot be found; configure with CMake"]
    built = {str(Path(entry["file"]).resolve()) for entry in json.loads(commands.read_text())}
    fuzz = str(ROOT / "tests/fuzz")  # libFuzzer programs: built by clang only
    return [f"{f.relative_to(ROOT)}: in no target; name it in its CMakeLists.txt or remove it"
            for f in files if f.suffix == ".cpp" and str(f) not in built and not str(f).startswith(fuzz)]


def check_format(files: list[Path]) -> list[str]:
    tool = shutil.which("clang-format-19")
    if not tool:
        print("clang-format-19 is not installed: formatting not checked ('make deps-all' installs it)")
        return []
    # One process for all: starting it takes longer than its work. It reports lines, we report files.
    done = subprocess.run([tool, "--dry-run", "-Werror", *files], capture_output=True, text=True, timeout=250)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    if done.returncode and not wrong:
        return [f"{tool} failed: {done.stderr.strip()[:500]}"]
    return [f"{Path(path).relative_to(ROOT)}: not formatted; run 'make format'" for path in wrong]


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 64
    files = sources()
    findings = []
    for path in files:
        text = path.read_text()
        relative = str(path.relative_to(ROOT))
        findings += check_includes(relative, text) + check_form(relative, text)
    findings += check_built(Path(sys.argv[1]), files)
    findings += check_format(files)
    findings += [f"{folder}/README.md: missing; say what lives here, who owns what, how data passes through"
                 for folder in NEEDS_README if not (ROOT / folder / "README.md").exists()]
    for finding in findings:
        print(finding)
    print(f"layout: {len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
