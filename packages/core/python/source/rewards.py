# ---- declared rewards ----------------------------------------------------------------------------------------------
#
# A reward is data: {"kind", "column", "weight", ...}. `column` names the row's column with the right answer. Each kind
# gives a number from 0 to 1; GRPO adds them up by weight. Common option: "max_characters" (default 20000, counted in
# Unicode code points): a longer completion gets 0.
#
#   numeric      The column holds a number, or a solution that ends in "#### number". The completion's answer is the one
#                in \boxed{}, else after "####", else the last number of the last line with the word "answer". Right 1,
#                wrong or none 0. Different answers in several boxes or after several "####" count as none. What was
#                copied from the prompt does not count. Option "format_reward" (0 to 0.2, default 0): given for a
#                readable wrong answer.
#   exact        1 when the completion equals the column. Options "trim" (default true), "ignore_case" (default false).
#   json-schema  The schema is in the column, or in the option "schema" (then no column). Valid 1, JSON but not valid
#                0.1, else 0; a completion that stands word for word in the prompt 0. Only the keywords of
#                SCHEMA_KEYWORDS; others are refused, for a rule that is not checked would be rewarded.
#   tool-call    The column holds the right call or list of calls. JSON 0.1, + 0.2 well-formed (with the option
#                "tools_column": also valid for the tool's parameters), + 0.3 the right tool, + 0.4 x the share of right
#                arguments. Another number of calls than expected: 0.1. A copy from the prompt is right or worth 0.
#   code-tests   The column holds tests: `assert f(2) == 4` (one per string or line) or {"call": "f(2)", "expected": 4}.
#                0.5 x share passed + 0.5 when all pass. Options "timeout_seconds" (default 5), "memory_mib" (default
#                512). The code runs in a child process with an empty environment, limits and an empty folder; the
#                expected values stay in this process, so no printed verdict or changed comparison can pass a test. It
#                is a fence against cheating, not against an attacker: train on code of strangers in a container.

DEFAULT_MAX_CHARACTERS = 20_000
REWARD_OPTIONS = {
    "numeric": {"format_reward": number(minimum=0, maximum=0.2)},
    "exact": {"trim": boolean, "ignore_case": boolean},
    "json-schema": {"schema": lambda value: None if isinstance(value, dict) else "must be an object"},
    "tool-call": {"tools_column": text},
    "code-tests": {"timeout_seconds": number(above=0, maximum=60), "memory_mib": whole(64)},
}


def reward_spec_problems(specs):
    """What is wrong with the declared rewards."""
    problems = []
    for index, spec in enumerate(specs or []):
        path = f"rewards[{index}]"
        kind = spec.get("kind")
        if kind not in REWARD_OPTIONS:
            problems.append(f"{path}.kind: must be one of {', '.join(REWARD_OPTIONS)}")
            continue
        known = {
            "kind": text,
            "column": nullable(text),
            "weight": number(above=0),
            "max_characters": whole(1),
            **REWARD_OPTIONS[kind],
        }
        for name, value in spec.items():
            if name not in known:
                problems.append(f"{path}.{name}: unknown key (known for {kind}: {', '.join(sorted(known))})")
            elif known[name](value):
                problems.append(f"{path}.{name}: {known[name](value)}")
        if kind == "json-schema" and (spec.get("column") is None) == (spec.get("schema") is None):
            problems.append(f"{path}: give either column or schema")
        elif kind != "json-schema" and spec.get("column") is None:
            problems.append(f"{path}.column: is missing")
        if isinstance(spec.get("schema"), dict):
            problem = schema_problem(spec["schema"])
            if problem:
                problems.append(f"{path}.schema: {problem}")
        if kind == "code-tests" and os.name != "posix":
            problems.append(f"{path}: code-tests need Linux or macOS")
    return problems


def gold_problem(spec, row):
    """Why the row's right answer cannot be used, or None."""
    column = spec.get("column")
    if column is None:
        return None
    if row.get(column) is None:
        return "is missing"
    value = row[column]
    try:
        if spec["kind"] == "numeric":
            return None if gold_number(value) is not None else "holds no single number (alone or after ####)"
        if spec["kind"] == "exact":
            return None if isinstance(value, str) and value.strip() else "must be a non-empty string"
        if spec["kind"] == "json-schema":
            return schema_problem(as_json(value))
        if spec["kind"] == "tool-call":
            calls = expected_calls(value)
            return None if calls and all(calls) else "holds no tool call (a name and an object of arguments)"
        parse_tests(value)
        return None
    except (ValueError, RecursionError) as error:
        return str(error)


def reward(spec, completion, prompt, row):
    """Reward of one completion (a string, or a list of messages) from 0 to 1."""
    content = plain_text(completion)
    if len(content) > spec.get("max_characters", DEFAULT_MAX_CHARACTERS):
        return 0.0
    prompt_text = plain_text(prompt)
    return round(float(SCORERS[spec["kind"]](spec, content, prompt_text, row, completion)), 6)


def plain_text(value):
    if isinstance(value, list):
        return "\n".join(message["content"] for message in value if isinstance(message.get("content"), str))
    return value or ""


# Numbers: compared as fractions, so 0.5 = 1/2 = 50%.
NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])[-+]?[$€£]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+|(?=\.[0-9]))(?:\.[0-9]+)?"
    r"(?:[eE][-+]?[0-9]{1,2}(?![0-9]))?(?:/[0-9]+(?:\.[0-9]+)?)?%?"
)
LONGEST_NUMBER = 60


def plain_numbers(content):
    """The text with LaTeX and typographic forms of numbers written plainly."""
    content = content.replace("\u2212", "-").replace("{,}", ",").replace("\\,", "").replace("\\!", "")
    content = content.replace("\\$", "$").replace("\\%", "%")
    return re.sub(r"\\[dt]?frac\{([0-9.]{1,30})\}\{([0-9.]{1,30})\}", r"\1/\2", content)


def parse_number(token):
    """(fraction, is a percentage) or None."""
    from fractions import Fraction

    if len(token) > LONGEST_NUMBER:
        return None
    percent = token.endswith("%")
    plain = token.rstrip("%").replace(",", "").translate({ord(sign): None for sign in "$€£"})
    above, _, below = plain.partition("/")
    try:
        value = Fraction(above) / Fraction(below or "1")
    except (ValueError, ZeroDivisionError):
        return None
    return (value / 100 if percent else value), percent


def only_number(content):
    """The single number of a short text such as "$1,200" or "18 dollars", or None."""
    tokens = NUMBER.findall(plain_numbers(content))
    return parse_number(tokens[0]) if len(tokens) == 1 else None


def gold_number(value):
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return only_number(repr(value))
    if not isinstance(value, str):
        return None
    return only_number(value.rpartition("####")[2].strip().partition("\n")[0])


def boxed_contents(content):
    contents, start = [], content.find("\\boxed{")
    while start != -1:
        position = start + len("\\boxed{")
        depth, end = 1, position
        while end < len(content) and depth:
            depth += {"{": 1, "}": -1}.get(content[end], 0)
            end += 1
        contents.append(content[position : end - 1] if depth == 0 else "")
        start = content.find("\\boxed{", end)
    return contents


def answered_number(content):
    """The number that a completion gives as its answer, or None when there is none or more than one."""
    marked = boxed_contents(content) or [part.partition("\n")[0] for part in content.split("####")[1:]]
    if marked:
        numbers = [only_number(part) for part in marked]
        return numbers[0] if all(number == numbers[0] for number in numbers) else None
    lines = [line for line in content.split("\n") if re.search(r"\banswer\b", line, re.IGNORECASE)]
    if not lines:
        return None
    tokens = NUMBER.findall(plain_numbers(re.split(r"\banswer\b", lines[-1], flags=re.IGNORECASE)[-1]))
    return parse_number(tokens[-1]) if tokens else None


def own_part(content, prompt):
    """The completion without the prompt and without lines with an answer that stand in the prompt."""
    if prompt.strip():
        content = content.replace(prompt.strip(), "")
    copied = {line.strip() for line in prompt.split("\n")}
    marker = re.compile(r"\\boxed\{|####|\banswer\b", re.IGNORECASE)
    return "\n".join(line for line in content.split("\n") if not (line.strip() in copied and marker.search(line)))


def score_numeric(spec, content, prompt, row, completion):
    gold, answer = gold_number(row[spec["column"]]), answered_number(own_part(content, prompt))
    if gold is None or answer is None:
        return 0.0
    same = gold[0] == answer[0]
    if gold[1] != answer[1]:
        # "50%" and "50" are the same answer when a percentage was asked for.
        same = same or gold[0] * (100 if gold[1] else 1) == answer[0] * (100 if answer[1] else 1)
    return 1.0 if same else spec.get("format_reward", 0)


def score_exact(spec, content, prompt, row, completion):
    wanted, given = row[spec["column"]], content
    if not isinstance(wanted, str) or not wanted.strip():
        return 0.0
    if spec.get("trim", True):
        wanted, given = wanted.strip(), given.strip()
    if spec.get("ignore_case", False):
        wanted, given = wanted.lower(), given.lower()
    return 1.0 if wanted == given else 0.0


# JSON: strict, alone or in one code fence.
INVALID = object()
DEEPEST_JSON = 100


def parse_json(content):
    content = content.strip()
    fence = re.fullmatch(r"```(?:json)?[ \t]*\n(.*?)\n?```", content, re.DOTALL)
    try:
        value = json.loads(fence.group(1) if fence else content, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return INVALID
    level = [value]
    for _ in range(DEEPEST_JSON):
        level = [
            item
            for part in level
            if isinstance(part, (dict, list))
            for item in (part.values() if isinstance(part, dict) else part)
        ]
    return INVALID if level else value


def as_json(value):
    """A column that holds JSON, as a value or as text."""
    if not isinstance(value, str):
        return value
    parsed = parse_json(value)
    if parsed is INVALID:
        raise ValueError("is not JSON")
    return parsed


def json_equal(left, right):
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(json_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(json_equal(left[name], right[name]) for name in left)
    return type(left) is type(right) and left == right


ANNOTATIONS = ("title", "description", "default", "examples", "$schema", "$comment", "$id")
SCHEMA_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
SCHEMA_KEYWORDS = ("type", "enum", "const", "properties", "required", "additionalProperties", "items", "uniqueItems")
SCHEMA_KEYWORDS += (*COUNTS, *BOUNDS, "anyOf", "oneOf", "allOf", "not")


def schema_problem(schema):
    """Why the schema cannot be checked, or None."""
    if isinstance(schema, bool):
        return None
    if not isinstance(schema, dict):
        return "a schema must be an object"
    for name, value in schema.items():
        if name in ANNOTATIONS:
            continue
        nested = []
        if name not in SCHEMA_KEYWORDS:
            return f'the keyword "{name}" is not supported (supported: {", ".join(SCHEMA_KEYWORDS)})'
        if name == "type":
            types = value if isinstance(value, list) else [value]
            good = bool(types) and all(item in SCHEMA_TYPES for item in types)
        elif name in ("enum", "anyOf", "oneOf", "allOf"):
            good = isinstance(value, list) and bool(value)
            nested = value if good and name != "enum" else []
        elif name == "properties":
            good = isinstance(value, dict)
            nested = list(value.values()) if good else []
        elif name == "required":
            good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif name in ("items", "additionalProperties", "not"):
            good, nested = True, [value]
        elif name == "uniqueItems":
            good = isinstance(value, bool)
        elif name in COUNTS:
            good = whole(0)(value) is None
        else:
            good = name == "const" or number()(value) is None
        if not good:
            return f'the value of "{name}" is not valid'
        for part in nested:
            if schema_problem(part):
                return schema_problem(part)
    return None


def has_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, (int, float)):
        return name == "number" or (name == "integer" and value == int(value))
    return name == {dict: "object", list: "array", str: "string", type(None): "null"}[type(value)]


def is_valid(schema, value):
    if isinstance(schema, bool):
        return schema

    def holds(name, rule):
        return name not in schema or rule(schema[name])

    types = schema.get("type", SCHEMA_TYPES)
    if not any(has_type(value, name) for name in ([types] if isinstance(types, str) else types)):
        return False
    if not holds("enum", lambda allowed: any(json_equal(item, value) for item in allowed)):
        return False
    if not holds("const", lambda wanted: json_equal(wanted, value)):
        return False
    if not holds("anyOf", lambda parts: any(is_valid(part, value) for part in parts)):
        return False
    if not holds("oneOf", lambda parts: sum(is_valid(part, value) for part in parts) == 1):
        return False
    if not holds("allOf", lambda parts: all(is_valid(part, value) for part in parts)):
        return False
    if not holds("not", lambda part: not is_valid(part, value)):
        return False
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return (
            all(name in value for name in schema.get("required", ()))
            and holds("minProperties", lambda count: len(value) >= count)
            and holds("maxProperties", lambda count: len(value) <= count)
            and all(
                is_valid(properties[name] if name in properties else schema.get("additionalProperties", True), item)
                for name, item in value.items()
            )
        )
    if isinstance(value, list):
        return (
            holds("minItems", lambda count: len(value) >= count)
            and holds("maxItems", lambda count: len(value) <= count)
            and all(is_valid(schema.get("items", True), item) for item in value)
            and not (
                schema.get("uniqueItems", False)
                and any(json_equal(item, other) for i, item in enumerate(value) for other in value[:i])
            )
        )
    if isinstance(value, str):
        return holds("minLength", lambda n: len(value) >= n) and holds("maxLength", lambda n: len(value) <= n)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (
            holds("minimum", lambda bound: value >= bound)
            and holds("maximum", lambda bound: value <= bound)
            and holds("exclusiveMinimum", lambda bound: value > bound)
            and holds("exclusiveMaximum", lambda bound: value < bound)
        )
    return True


def is_copied(content, prompt):
    return bool(content.strip()) and content.strip() in prompt


def score_json_schema(spec, content, prompt, row, completion):
    value = parse_json(content)
    if value is INVALID or is_copied(content, prompt):
        return 0.0
    schema = spec["schema"] if spec.get("schema") is not None else as_json(row[spec["column"]])
    return 1.0 if is_valid(schema, value) else 0.1


# Tool calls. {"name", "arguments"}, {"function": {...}} and the flat {"tool": "refund", "item": "mug"} are understood.
def read_call(value):
    """(name, arguments) or None."""
    if not isinstance(value, dict):
        return None
    value = value["function"] if isinstance(value.get("function"), dict) else value
    for key in ("name", "tool", "function"):
        if key in value:
            name, rest = value[key], {other: item for other, item in value.items() if other != key}
            break
    else:
        return None
    for key in ("arguments", "parameters", "args"):
        if key in rest:
            arguments = rest[key]
            if isinstance(arguments, str):
                arguments = parse_json(arguments)
            break
    else:
        arguments = {other: item for other, item in rest.items() if other not in ("id", "type")}
    return (name, arguments) if isinstance(name, str) and name and isinstance(arguments, dict) else None


def expected_calls(value):
    value = as_json(value)
    return [read_call(item) for item in (value if isinstance(value, list) else [value])]


def given_calls(content, completion):
    """The calls of a completion as JSON values, or INVALID."""
    if isinstance(completion, list):
        calls = [call for message in completion for call in message.get("tool_calls") or []]
        if calls:
            return calls
    blocks = re.findall(r"<tool_call>(.*?)</tool_call>", content, re.DOTALL)
    values = [parse_json(block) for block in blocks] if blocks else [parse_json(content)]
    if any(value is INVALID for value in values):
        return INVALID
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def fits_tools(call, tools):
    """Whether the call names one of the tools and its arguments are valid for it."""
    for tool in tools:
        tool = tool.get("function", tool)
        if tool.get("name") == call[0]:
            schema = tool.get("parameters", True)
            return schema_problem(schema) is None and is_valid(schema, call[1])
    return False


def score_tool_call(spec, content, prompt, row, completion):
    values = given_calls(content, completion)
    if values is INVALID:
        return 0.0
    calls, wanted = [read_call(value) for value in values], expected_calls(row[spec["column"]])
    if not calls or not all(calls) or len(calls) != len(wanted):
        return 0.0 if is_copied(content, prompt) else 0.1
    tools = as_json(row[spec["tools_column"]]) if spec.get("tools_column") else None
    total = 0.0
    for call, right in zip(calls, wanted, strict=True):
        total += 0.1
        if tools is not None and not fits_tools(call, tools):
            continue
        total += 0.2
        if call[0] != right[0]:
            continue
        total += 0.3
        names = call[1].keys() | right[1].keys()
        matching = sum(
            name in call[1] and name in right[1] and json_equal(call[1][name], right[1][name]) for name in names
        )
        total += 0.4 * (matching / len(names) if names else 1)
    total /= len(wanted)
    return 0.0 if total < 0.999 and is_copied(content, prompt) else total


# Code. The child evaluates expressions and reports their values; it never learns what is expected.
def parse_tests(value):
    """[(expression, expected value)] of a column with tests; ValueError when a test is of another form."""
    import ast

    if isinstance(value, str):
        stripped = value.strip()
        value = (
            as_json(stripped) if stripped.startswith("[") else [line for line in stripped.split("\n") if line.strip()]
        )
    if not isinstance(value, list) or not value:
        raise ValueError("must be a non-empty list of tests")
    tests = []
    for item in value:
        if isinstance(item, dict) and sorted(item) == ["call", "expected"] and isinstance(item["call"], str):
            try:
                ast.parse(item["call"], mode="eval")
            except SyntaxError:
                raise ValueError(f"the call {item['call'][:80]!r} is not a Python expression") from None
            tests.append((item["call"], item["expected"]))
            continue
        try:
            (statement,) = ast.parse(item).body
            test = statement.test
            if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Eq, ast.Is)) and len(test.ops) == 1:
                tests.append((ast.unparse(test.left), ast.literal_eval(test.comparators[0])))
            elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                tests.append((f"bool({ast.unparse(test.operand)})", False))
            elif isinstance(test, ast.Call):
                tests.append((f"bool({ast.unparse(test)})", True))
            else:
                raise ValueError
        except (SyntaxError, ValueError, TypeError, AttributeError):
            raise ValueError(f"the test {str(item)[:80]!r} must be `assert call == literal` or `assert call`") from None
    return tests


HARNESS = r"""
import json, os, sys
job = json.loads(sys.stdin.read())
output = os.dup(1)
silence = os.open(os.devnull, os.O_RDWR)
for descriptor in (0, 1, 2):
    os.dup2(silence, descriptor)
import resource
for name, value in job["limits"].items():
    try:
        resource.setrlimit(getattr(resource, name), (value, value))
    except (ValueError, OSError, AttributeError):
        pass
folder = os.path.realpath(os.getcwd())
library = tuple({os.path.realpath(path) for path in (sys.prefix, sys.base_prefix)})
inside = lambda path, roots: any(path == root or path.startswith(root + os.sep) for root in roots)
forbidden = ("socket.", "subprocess.", "ctypes.", "pty.", "resource.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
    "os.spawn", "os.kill", "os.link", "os.symlink", "os.chmod", "os.chown", "os.chdir", "gc.", "signal.")
def audit(event, arguments, realpath=os.path.realpath, fsdecode=os.fsdecode, folder=folder, inside=inside):
    if event.startswith(forbidden):
        raise PermissionError(event)
    if event == "open" and not isinstance(arguments[0], int):
        path, mode, flags = arguments
        path = realpath(fsdecode(path))
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not inside(path, (folder,)) and (writes or not inside(path, library)):
            raise PermissionError(path)
def encode(value, depth=0):
    kind = type(value)
    if depth > 20:
        raise ValueError
    if value is None or kind in (bool, str):
        return [kind.__name__, value]
    if kind in (int, float):
        return [kind.__name__, repr(value)]
    if kind in (list, tuple, set, frozenset):
        return [kind.__name__, [encode(item, depth + 1) for item in value]]
    if kind is dict:
        return ["dict", [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]]
    raise ValueError
def main(job, output, encode=encode, dumps=json.dumps, write=os.write):
    nonce, space = job["nonce"], {"__name__": "solution"}
    try:
        exec(compile(job["code"], "solution.py", "exec"), space)
    except BaseException:
        return
    for index, call in enumerate(job["calls"]):
        try:
            line = dumps([nonce, index, encode(eval(call, dict(space)))])
        except BaseException:
            continue
        write(output, (line + "\n").encode())
sys.addaudithook(audit)
main(job, output)
os._exit(0)
"""


def decode(value):
    kind, content = value
    if kind in ("NoneType", "bool", "str"):
        return content
    if kind in ("int", "float"):
        return {"int": int, "float": float}[kind](content)
    if kind == "dict":
        return {decode(key): decode(item) for key, item in content}
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](decode(item) for item in content)


def same_value(given, wanted):
    """Equality of plain values; floating-point numbers may differ by rounding."""
    if isinstance(wanted, float) or isinstance(given, float):
        numbers = all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in (given, wanted))
        return numbers and math.isclose(given, wanted, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(wanted, (list, tuple)) and type(given) is type(wanted):
        return len(given) == len(wanted) and all(map(same_value, given, wanted))
    if isinstance(wanted, dict) and isinstance(given, dict):
        return given.keys() == wanted.keys() and all(same_value(given[key], wanted[key]) for key in wanted)
    return given == wanted


def last_code_block(content):
    blocks = re.findall(r"```(?:python|py)?[ \t]*\n(.*?)```", content, re.DOTALL)
    return blocks[-1] if blocks else content


def run_calls(code, calls, timeout_seconds, memory_mib):
    """{index: value} of the calls that gave a plain value in time."""
    import secrets
    import subprocess
    import tempfile

    nonce = secrets.token_hex(16)
    limits = {
        "RLIMIT_CPU": math.ceil(timeout_seconds) + 1,
        "RLIMIT_AS": memory_mib << 20,
        "RLIMIT_FSIZE": 1 << 20,
        "RLIMIT_NOFILE": 32,
        "RLIMIT_NPROC": 0,
        "RLIMIT_CORE": 0,
    }
    job = json.dumps({"nonce": nonce, "code": code, "calls": calls, "limits": limits})
    with tempfile.TemporaryDirectory(prefix="code-tests-") as folder, tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", HARNESS],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            child.communicate(job.encode("utf-8", "replace"), timeout=timeout_seconds)
        except (subprocess.TimeoutExpired, OSError):
            pass
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            child.wait()
        output.seek(0)
        lines = output.read(1 << 20).decode("utf-8", "replace").split("\n")
    values = {}
    for line in lines:
        try:
            given_nonce, index, value = json.loads(line)
            if given_nonce == nonce:
                values[index] = decode(value)
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return values


def score_code_tests(spec, content, prompt, row, completion):
    tests, code = parse_tests(row[spec["column"]]), last_code_block(content)
    if not code.strip():
        return 0.0
    calls = [call for call, _ in tests]
    values = run_calls(code, calls, spec.get("timeout_seconds", 5), spec.get("memory_mib", 512))
    passed = sum(index in values and same_value(values[index], wanted) for index, (_, wanted) in enumerate(tests))
    return 0.5 * passed / len(tests) + (0.5 if passed == len(tests) else 0)


SCORERS = {
    "numeric": score_numeric,
    "exact": score_exact,
    "json-schema": score_json_schema,
    "tool-call": score_tool_call,
    "code-tests": score_code_tests,
}


def make_reward_functions(specs):
    """One function per declared reward, named so that its mean is logged as rewards/<name>/mean."""
    kinds = [spec["kind"] for spec in specs]
    functions = []
    for index, spec in enumerate(specs):

        def function(prompts, completions, modelops_row, spec=spec, **ignored):
            from concurrent.futures import ThreadPoolExecutor

            rows = [json.loads(row) for row in modelops_row]
            work = list(zip(completions, prompts, rows, strict=True))
            if spec["kind"] != "code-tests":
                return [reward(spec, *item) for item in work]
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                return list(pool.map(lambda item: reward(spec, *item), work))

        function.__name__ = spec["kind"] if kinds.count(spec["kind"]) == 1 else f"{spec['kind']}-{index + 1}"
        functions.append(function)
    return functions
