"""GitHub's published OpenAPI description as a judge of exchanges: requests and answers.

Needs `openapi-schema-validator` from pip and `@octokit/openapi` from npm, which tests/run installs.
"""

import json
import re
import sys
import urllib.parse
from pathlib import Path

# `secrets.py` beside this file is not the library's module of that name, which the validator needs.
_before = list(sys.path)
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
from openapi_schema_validator import OAS30Validator, oas30_format_checker  # noqa: E402
from referencing import Registry, Resource  # noqa: E402
from referencing.jsonschema import DRAFT4  # noqa: E402

sys.path[:] = _before

HERE = "urn:github"
#: Answers that any operation may give, whether or not its description lists them.
ANYWHERE = {"304", "400", "401", "403", "404", "409", "422", "429", "500", "503"}


class Description:
    """The description, with its paths as patterns."""

    def __init__(self, path):
        # References are made absolute, so that every part of the document can be a schema of its own.
        self.document = json.loads(path.read_text().replace('"#/components/', f'"{HERE}#/components/'))
        resource = Resource(contents=self.document, specification=DRAFT4)
        self.registry = Registry().with_resource(HERE, resource)
        self.patterns = []
        for template, item in self.document["paths"].items():
            self.patterns.append((self.pattern(template, item), template))
        # Fewest parameters first: `/actions/runs` before `/actions/{x}`.
        self.patterns.sort(key=lambda pair: (pair[1].count("{"), -len(pair[1])))

    def pattern(self, template, item):
        several = set()
        for operation in item.values():
            if isinstance(operation, dict):
                for given in operation.get("parameters", []):
                    given = self.resolved(given)
                    if given.get("x-multi-segment"):
                        several.add(given["name"])
        parts = re.split(r"\{(\w+)\}", template)
        text = "".join(
            re.escape(part) if at % 2 == 0 else (".+" if part in several else "[^/]+") for at, part in enumerate(parts)
        )
        return re.compile(text + "$")

    def resolved(self, value):
        while isinstance(value, dict) and "$ref" in value:
            found = self.document
            for key in value["$ref"].removeprefix(f"{HERE}#/").split("/"):
                found = found[key.replace("~1", "/").replace("~0", "~")]
            value = found
        return value

    def operation(self, method, path):
        """(template, operation) or (template, None) or (None, None)."""
        seen = None
        for pattern, template in self.patterns:
            if pattern.match(path):
                seen = seen or template
                operation = self.document["paths"][template].get("get" if method == "HEAD" else method.lower())
                if operation:
                    return template, operation
        return seen, None

    def check(self, exchange):
        """What is wrong with an exchange: texts that begin with the operation."""
        template, operation = self.operation(exchange.method, exchange.path)
        if operation is None:
            return [f"{exchange.method} {template or exchange.path}: not described"]
        about = f"{exchange.method} {template}"
        wrong = [*self.request(exchange, operation), *self.answer(exchange, operation)]
        return [f"{about}: {text}" for text in wrong]

    def request(self, exchange, operation):
        known = {given["name"]: given for given in map(self.resolved, operation.get("parameters", [])) if given["in"] == "query"}
        asked = urllib.parse.parse_qsl(exchange.query, keep_blank_values=True)
        for name, value in asked:
            if name not in known:
                yield f"query {name} is not described"
            else:
                schema = self.resolved(known[name].get("schema", {}))
                yield from self.against(schema, typed(value, schema), f"query {name}")
        for name, given in known.items():
            if given.get("required") and name not in dict(asked):
                yield f"query {name} is required"
        body = self.resolved(operation.get("requestBody") or {})
        if not exchange.body:
            if body.get("required"):
                yield "a body is required"
            return
        content = body.get("content", {}).get("application/json")
        if content is None:
            if exchange.body.strip() not in (b"", b"{}", b"null"):
                yield "a body is not described"
            return
        try:
            value = json.loads(exchange.body)
        except ValueError:
            yield "the body is not JSON"
            return
        yield from self.against(content["schema"], value, "body")
        yield from (f"body {key} is not described" for key in self.unknown(content["schema"], value))

    def answer(self, exchange, operation):
        responses = operation["responses"]
        status = str(exchange.status)
        if status not in responses:
            if status not in ANYWHERE:
                yield f"answer {status} is not described"
            return
        if exchange.method == "HEAD" or exchange.status in (204, 302, 304):
            return
        content = self.resolved(responses[status]).get("content", {})
        schema = (content.get("application/json") or {}).get("schema")
        if schema is None or "json" not in exchange.kind or "raw" in exchange.kind:
            return
        try:
            value = json.loads(exchange.answer)
        except ValueError:
            yield f"answer {status} is not JSON"
            return
        yield from self.against(schema, value, f"answer {status}")
        yield from (f"answer {status} has {key}, which is not described" for key in self.unknown(schema, value))

    def against(self, schema, value, what):
        validator = OAS30Validator(schema, registry=self.registry, format_checker=oas30_format_checker)
        for error in validator.iter_errors(value):
            for reason in reasons(error):
                yield f"{what}{pointer(reason.absolute_path)}: {reason.message[:200]}"

    def unknown(self, schema, value, at=""):
        """Keys of `value` that a plain object schema does not name; alternatives are not followed."""
        schema = self.resolved(schema)
        if not isinstance(schema, dict) or any(key in schema for key in ("oneOf", "anyOf")):
            return
        if isinstance(value, list):
            for item in value[:50]:
                yield from self.unknown(schema.get("items", {}), item, at + "[]")
            return
        if not isinstance(value, dict):
            return
        properties = dict(schema.get("properties", {}))
        for part in map(self.resolved, schema.get("allOf", [])):
            if any(key in part for key in ("oneOf", "anyOf")):
                return
            properties |= part.get("properties", {})
        if not properties or schema.get("additionalProperties"):
            return
        for key, item in value.items():
            if key not in properties:
                yield f"{at}.{key}"
            else:
                yield from self.unknown(properties[key], item, f"{at}.{key}")


def reasons(error):
    """Of an error in alternatives those of the alternative that fits best."""
    if not error.context:
        return [error]
    alternatives = {}
    for inner in error.context:
        alternatives.setdefault(inner.schema_path[0], []).append(inner)
    best = min(alternatives.values(), key=len)
    return [error] if len(best) == 1 and best[0].validator == "type" else [one for inner in best for one in reasons(inner)]


def typed(text, schema):
    """A query's value as the schema's type wants it."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def pointer(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
