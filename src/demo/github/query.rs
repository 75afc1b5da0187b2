//! Parses the subset of GraphQL that clients of GitHub send: operations, fragments, aliases,
//! arguments, variables with defaults, and the directives `@include` and `@skip`.
//!
//! Independent of the schema; `graphql` answers the fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Selection sets nested deeper than this are refused.
const DEEPEST: usize = 40;

/// Holds a parsed request document.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub operations: Vec<Operation>,
    /// Selections of each named fragment.
    pub fragments: BTreeMap<String, Vec<Selection>>,
}

/// Holds a `query` or `mutation`.
#[derive(Debug)]
pub(super) struct Operation {
    pub kind: String,
    pub name: String,
    /// Default values of variables.
    pub defaults: BTreeMap<String, Value>,
    pub selections: Vec<Selection>,
}

/// Holds one entry of a selection set.
#[derive(Debug)]
pub(super) struct Selection {
    /// `(directive, argument "if")` pairs.
    pub directives: Vec<(String, Argument)>,
    pub what: Selected,
}

/// What a selection selects.
#[derive(Debug)]
pub(super) enum Selected {
    Field(Field),
    /// `...name`
    Fragment(String),
    /// `... on Type { … }`
    Inline(Option<String>, Vec<Selection>),
}

/// Holds a field with its own selections.
#[derive(Debug)]
pub(super) struct Field {
    /// Key in the answer.
    pub alias: String,
    pub name: String,
    pub arguments: Vec<(String, Argument)>,
    pub selections: Vec<Selection>,
}

/// An argument as written.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Variable(String),
    Literal(Value),
    List(Vec<Argument>),
    Object(Vec<(String, Argument)>),
}

impl Argument {
    /// Returns the value with variables filled in; an absent variable is null.
    pub(super) fn value(&self, variables: &Map<String, Value>) -> Value {
        match self {
            Self::Variable(name) => variables.get(name).cloned().unwrap_or_default(),
            Self::Literal(value) => value.clone(),
            Self::List(items) => items.iter().map(|item| item.value(variables)).collect(),
            Self::Object(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), field.value(variables)))
                .collect(),
        }
    }
}

/// Parses `text`; the error names what was found and what was expected.
pub(super) fn parse(text: &str) -> Result<Document, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let mut document = Document::default();
    while let Some(token) = parser.peek() {
        match token {
            Token::Sign('{') => {
                let selections = parser.selections()?;
                document.operations.push(Operation {
                    kind: "query".to_owned(),
                    name: String::new(),
                    defaults: BTreeMap::new(),
                    selections,
                });
            }
            Token::Name(word) if word == "fragment" => {
                parser.at += 1;
                let name = parser.name()?;
                parser.word("on")?;
                parser.name()?;
                let selections = parser.selections()?;
                document.fragments.insert(name, selections);
            }
            _ => document.operations.push(parser.operation()?),
        }
    }
    Ok(document)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Sign(char),
    Spread,
    Name(String),
    Literal(Value),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |extra: &str| {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && !extra.contains(c))
                .unwrap_or(rest.len())
        };
        let taken = match first {
            c if c.is_whitespace() || c == ',' || c == '\u{feff}' => c.len_utf8(),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '.' if rest.starts_with("...") => {
                found.push(Token::Spread);
                3
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' | '@' => {
                found.push(Token::Sign(first));
                1
            }
            '"' => {
                let (value, length) = string(rest)?;
                found.push(Token::Literal(Value::String(value)));
                length
            }
            c if c.is_ascii_digit() || c == '-' => {
                let end = word("-+.");
                let number = serde_json::from_str(&rest[..end]);
                found.push(Token::Literal(
                    number.map_err(|_| format!("Expected NUMBER, actual: {}", &rest[..end]))?,
                ));
                end
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = word("");
                found.push(Token::Name(rest[..end].to_owned()));
                end
            }
            other => return Err(format!("Unexpected character {other:?}")),
        };
        rest = &rest[taken..];
    }
    Ok(found)
}

/// Parses the string that `text` begins with; returns it and its length with its quotes.
fn string(text: &str) -> Result<(String, usize), String> {
    let unfinished = || "Unterminated string".to_owned();
    if let Some(block) = text.strip_prefix("\"\"\"") {
        let end = block.find("\"\"\"").ok_or_else(unfinished)?;
        return Ok((block[..end].trim().to_owned(), end + 6));
    }
    let mut escaped = false;
    let end = text[1..].find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let length = end.ok_or_else(unfinished)? + 2;
    let value = serde_json::from_str(&text[..length]).map_err(|_| unfinished())?;
    Ok((value, length))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    /// Consumes `sign` if it is next.
    fn takes(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        Err(format!("Expected {sign:?}, actual: {:?}", self.peek()))
    }

    fn name(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(format!("Expected NAME, actual: {other:?}")),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        let name = self.name()?;
        if name == word {
            return Ok(());
        }
        Err(format!("Expected {word:?}, actual: {name:?}"))
    }

    fn operation(&mut self) -> Result<Operation, String> {
        let kind = self.name()?;
        if !matches!(kind.as_str(), "query" | "mutation" | "subscription") {
            return Err(format!("Expected an operation, actual: {kind:?}"));
        }
        let name = match self.peek() {
            Some(Token::Name(_)) => self.name()?,
            _ => String::new(),
        };
        let mut defaults = BTreeMap::new();
        if self.takes('(') {
            while !self.takes(')') {
                self.sign('$')?;
                let variable = self.name()?;
                self.sign(':')?;
                self.type_name()?;
                if self.takes('=') {
                    defaults.insert(variable, self.argument()?.value(&Map::new()));
                }
            }
        }
        self.directives()?;
        Ok(Operation {
            kind,
            name,
            defaults,
            selections: self.selections()?,
        })
    }

    /// Skips a type such as `[Name!]!`.
    fn type_name(&mut self) -> Result<(), String> {
        if self.takes('[') {
            self.deeper()?;
            self.type_name()?;
            self.depth -= 1;
            self.sign(']')?;
        } else {
            self.name()?;
        }
        self.takes('!');
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("The query is nested deeper than {DEEPEST}"));
        }
        Ok(())
    }

    fn selections(&mut self) -> Result<Vec<Selection>, String> {
        self.sign('{')?;
        self.deeper()?;
        let mut selections = Vec::new();
        while !self.takes('}') {
            selections.push(self.selection()?);
        }
        self.depth -= 1;
        Ok(selections)
    }

    fn selection(&mut self) -> Result<Selection, String> {
        if self.peek() == Some(&Token::Spread) {
            self.at += 1;
            if let Some(Token::Name(name)) = self.peek().cloned()
                && name != "on"
            {
                self.at += 1;
                let directives = self.directives()?;
                let what = Selected::Fragment(name);
                return Ok(Selection { directives, what });
            }
            let on = match self.peek() {
                Some(Token::Name(_)) => {
                    self.word("on")?;
                    Some(self.name()?)
                }
                _ => None,
            };
            let directives = self.directives()?;
            let what = Selected::Inline(on, self.selections()?);
            return Ok(Selection { directives, what });
        }
        let alias = self.name()?;
        let name = if self.takes(':') {
            self.name()?
        } else {
            alias.clone()
        };
        let arguments = self.arguments()?;
        let directives = self.directives()?;
        let selections = match self.peek() {
            Some(Token::Sign('{')) => self.selections()?,
            _ => Vec::new(),
        };
        let what = Selected::Field(Field {
            alias,
            name,
            arguments,
            selections,
        });
        Ok(Selection { directives, what })
    }

    fn arguments(&mut self) -> Result<Vec<(String, Argument)>, String> {
        let mut arguments = Vec::new();
        if self.takes('(') {
            while !self.takes(')') {
                let name = self.name()?;
                self.sign(':')?;
                arguments.push((name, self.argument()?));
            }
        }
        Ok(arguments)
    }

    fn directives(&mut self) -> Result<Vec<(String, Argument)>, String> {
        let mut directives = Vec::new();
        while self.takes('@') {
            let name = self.name()?;
            let condition = self.arguments()?.into_iter().find(|(name, _)| name == "if");
            directives.extend(condition.map(|(_, value)| (name, value)));
        }
        Ok(directives)
    }

    fn argument(&mut self) -> Result<Argument, String> {
        self.deeper()?;
        let argument = match self.next() {
            Some(Token::Sign('$')) => Argument::Variable(self.name()?),
            Some(Token::Sign('[')) => {
                let mut items = Vec::new();
                while !self.takes(']') {
                    items.push(self.argument()?);
                }
                Argument::List(items)
            }
            Some(Token::Sign('{')) => {
                let mut fields = Vec::new();
                while !self.takes('}') {
                    let name = self.name()?;
                    self.sign(':')?;
                    fields.push((name, self.argument()?));
                }
                Argument::Object(fields)
            }
            Some(Token::Literal(value)) => Argument::Literal(value),
            Some(Token::Name(word)) => Argument::Literal(match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::String(word),
            }),
            other => return Err(format!("Expected a value, actual: {other:?}")),
        };
        self.depth -= 1;
        Ok(argument)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_fragments_aliases_arguments_and_defaults() {
        let text = r#"
            fragment repo on Repository { id databaseId owner { login } }
            query Info($owner: String!, $states: [State!] = OPEN, $with: Boolean = false) {
              # a comment
              first: repository(owner: $owner, name: "a \"b\"") {
                ...repo
                ... on Node @include(if: $with) { id }
                refs(first: 2, orderBy: {field: NAME, by: [A, 1.5, null]}) { nodes { name } }
              }
            }"#;
        let document = parse(text).unwrap();
        assert_eq!(document.fragments["repo"].len(), 3);
        let operation = &document.operations[0];
        assert_eq!(
            (operation.kind.as_str(), operation.name.as_str()),
            ("query", "Info")
        );
        assert_eq!(operation.defaults["states"], json!("OPEN"));
        let Selected::Field(first) = &operation.selections[0].what else {
            panic!("no field");
        };
        assert_eq!(
            (first.alias.as_str(), first.name.as_str()),
            ("first", "repository")
        );
        let variables = json!({"owner": "finos"});
        let values: Vec<Value> = first
            .arguments
            .iter()
            .map(|(_, argument)| argument.value(variables.as_object().unwrap()))
            .collect();
        assert_eq!(values, [json!("finos"), json!("a \"b\"")]);
        let Selected::Field(refs) = &first.selections[2].what else {
            panic!("no field");
        };
        let order = refs.arguments[1].1.value(&Map::new());
        assert_eq!(order, json!({"field": "NAME", "by": ["A", 1.5, null]}));
    }

    #[test]
    fn refuses_what_is_cut_short_or_too_deep() {
        for text in [
            "query {",
            "{ a(b: ) }",
            "{ a(b: \"c) }",
            "nonsense { a }",
            "{ ~ }",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let deep = format!("{}{}", "{ a ".repeat(100), "}".repeat(100));
        assert!(parse(&deep).is_err());
    }
}
