//! Serves `POST /graphql`: answers exactly the fields that a query selects, as GitHub does.
//!
//! An unknown field is an error that names it and its type; nothing is left out silently. Reads
//! only: mutations are refused.

use serde_json::{Map, Value, json};

use super::graphql_types::{self as types, Arguments};
use super::query::{self, Argument, Document, Field, Selected, Selection};
use super::reply::{Call, Reply};
use super::store::Store;

/// Number of values in an answer to one request, with all fields of all nodes counted.
const MOST_VALUES: usize = 500_000;

/// Answers one request.
pub(super) fn serve(store: &Store, call: &Call) -> Result<Reply, Reply> {
    if !call.signed_in {
        return Err(Reply::fail(
            401,
            "This endpoint requires you to be authenticated.",
        ));
    }
    let body = call.json()?;
    let failed = |message: &str| Ok(Reply::ok(json!({"errors": [{"message": message}]})));
    let Some(text) = body["query"].as_str() else {
        return failed("A query attribute must be specified and must be a string.");
    };
    let document = match query::parse(text) {
        Ok(document) => document,
        Err(error) => return failed(&error),
    };
    let wanted = body["operationName"].as_str().filter(|name| !name.is_empty());
    let mut operations = document.operations.iter();
    let Some(operation) = operations.find(|one| wanted.is_none_or(|name| one.name == name)) else {
        return failed("Unknown operation.");
    };
    if operation.kind != "query" {
        return failed("The demo environment supports queries only.");
    }
    let mut variables = body["variables"].as_object().cloned().unwrap_or_default();
    for (name, value) in &operation.defaults {
        variables.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let mut resolver = Resolver {
        store,
        base: &call.base,
        document: &document,
        variables,
        errors: Vec::new(),
        values: 0,
    };
    let root = json!({"__typename": "Query"});
    let data = resolver.object(&root, &operation.selections, &mut Vec::new());
    let mut answer = json!({ "data": data });
    if resolver
        .errors
        .iter()
        .any(|error| error.get("extensions").is_some())
    {
        // A query that does not match the schema is not executed at all.
        answer = json!({});
    }
    if !resolver.errors.is_empty() {
        answer["errors"] = Value::Array(resolver.errors);
    }
    Ok(Reply::ok(answer))
}

struct Resolver<'a> {
    store: &'a Store,
    base: &'a str,
    document: &'a Document,
    variables: Map<String, Value>,
    errors: Vec<Value>,
    values: usize,
}

impl Resolver<'_> {
    /// Returns the selected fields of `parent`, an object that carries its `__typename`.
    fn object(&mut self, parent: &Value, selections: &[Selection], path: &mut Vec<String>) -> Value {
        let mut into = Map::new();
        self.select(parent, selections, path, &mut into, 0);
        Value::Object(into)
    }

    fn select(
        &mut self,
        parent: &Value,
        selections: &[Selection],
        path: &mut Vec<String>,
        into: &mut Map<String, Value>,
        spread: usize,
    ) {
        let document = self.document;
        for selection in selections {
            if !self.is_included(&selection.directives) {
                continue;
            }
            match &selection.what {
                Selected::Field(field) => {
                    path.push(field.alias.clone());
                    let value = self.field(parent, field, path);
                    path.pop();
                    into.insert(field.alias.clone(), value);
                }
                // A fragment that spreads itself ends here.
                Selected::Fragment(name) if spread < 20 => match document.fragments.get(name) {
                    Some(below) => self.select(parent, below, path, into, spread + 1),
                    None => self.invalid(&format!("Fragment {name} was used, but not defined"), path),
                },
                Selected::Inline(on, below) if on.as_deref().is_none_or(|on| types::is_kind(parent, on)) => {
                    self.select(parent, below, path, into, spread + 1);
                }
                Selected::Fragment(_) | Selected::Inline(..) => {}
            }
        }
    }

    fn is_included(&self, directives: &[(String, Argument)]) -> bool {
        directives.iter().all(|(name, condition)| {
            let holds = condition.value(&self.variables) == Value::Bool(true);
            match name.as_str() {
                "include" => holds,
                "skip" => !holds,
                _ => true,
            }
        })
    }

    fn field(&mut self, parent: &Value, field: &Field, path: &mut Vec<String>) -> Value {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Value::Null;
        }
        let arguments = Arguments(
            field
                .arguments
                .iter()
                .map(|(name, value)| (name.clone(), value.value(&self.variables)))
                .collect(),
        );
        let value = match types::field(self.store, self.base, parent, &field.name, &arguments) {
            Ok(value) => value,
            Err(types::Miss::NotFound(message)) => {
                self.errors
                    .push(json!({"type": "NOT_FOUND", "path": path, "message": message}));
                return Value::Null;
            }
            Err(types::Miss::Undefined) => {
                let kind = parent["__typename"].as_str().unwrap_or_default();
                self.invalid(
                    &format!("Field '{}' doesn't exist on type '{kind}'", field.name),
                    path,
                );
                return Value::Null;
            }
        };
        self.complete(value, field, path)
    }

    fn complete(&mut self, value: Value, field: &Field, path: &mut Vec<String>) -> Value {
        match value {
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.complete(item, field, path))
                .collect(),
            object @ Value::Object(_) if field.selections.is_empty() => {
                let kind = object["__typename"].as_str().unwrap_or_default();
                let message = format!(
                    "Field must have selections (field '{}' returns {kind} but has no selections)",
                    field.name
                );
                self.invalid(&message, path);
                Value::Null
            }
            object @ Value::Object(_) => self.object(&object, &field.selections, path),
            scalar => scalar,
        }
    }

    fn invalid(&mut self, message: &str, path: &[String]) {
        let error = json!({
            "path": path, "message": message, "extensions": {"code": "undefinedField"},
        });
        self.errors.push(error);
    }
}
