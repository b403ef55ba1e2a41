"""Joins the source files into the three self-contained training scripts.

python packages/core/python/source/build.py            writes train_sft.py, train_dpo.py and train_grpo.py
python packages/core/python/source/build.py --check    fails when a built file is not up to date
"""

import ast
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
PARTS = {
    "train_sft.py": ["common.py", "sft.py"],
    "train_dpo.py": ["common.py", "dpo.py"],
    "train_grpo.py": ["common.py", "rewards.py", "grpo.py"],
}
# A remote job receives the script in one environment variable.
SIZE_LIMIT_BYTES = 90 * 1024
DEPENDENCIES = [
    "trl==1.16.0",
    "peft==0.21.2",
    "transformers==5.23.0",
    "datasets==5.2.0",
    "accelerate==1.15.0",
    "torch==2.15.0",
]
HEADER = (
    "# /// script\n"
    '# requires-python = ">=3.11,<3.14"\n'
    "# dependencies = [\n" + "".join(f'#   "{pin}",\n' for pin in DEPENDENCIES) + "# ]\n"
    "# [tool.uv]\n"
    '# exclude-newer = "2026-11-23T00:00:00Z"\n'
    "# ///\n"
)


def without_documentation(content):
    """Leaves out what a job has no use for: the module's description and whole-line comments."""
    first = ast.parse(content).body[0]
    described = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    lines = content.splitlines(keepends=True)[first.end_lineno if described else 0 :]
    shipped = "".join(line for line in lines if not line.lstrip().startswith("#"))
    if ast.dump(ast.parse(shipped)) != ast.dump(ast.parse("".join(lines))):
        raise ValueError("leaving out the comments would change the program")
    return shipped


def build(name):
    parts = PARTS[name]
    pieces = [
        f"# Generated from {', '.join('source/' + part for part in parts)} by source/build.py; edit those. The configuration and the comments are there.\n",
        HEADER,
    ]
    for part in parts:
        content = without_documentation((SOURCE / part).read_text(encoding="utf-8"))
        lines = content.splitlines(keepends=True)
        pieces.append("".join(line for line in lines if "# replaced by the build" not in line).strip("\n") + "\n\n\n")
    pieces.append('if __name__ == "__main__":\n    sys.exit(command_line())\n')
    return "".join(pieces)


def run(check):
    stale = []
    for name in PARTS:
        content = build(name)
        if len(content.encode("utf-8")) > SIZE_LIMIT_BYTES:
            sys.exit(f"{name} has {len(content.encode('utf-8'))} bytes; the limit is {SIZE_LIMIT_BYTES}.")
        target = SOURCE.parent / name
        if check:
            if not target.is_file() or target.read_text(encoding="utf-8") != content:
                stale.append(name)
        else:
            target.write_text(content, encoding="utf-8")
    if stale:
        sys.exit(f"Not up to date: {', '.join(stale)}. Run source/build.py.")


if __name__ == "__main__":
    run(check="--check" in sys.argv[1:])
