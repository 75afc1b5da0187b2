//! Parses YAML to nodes that know their position in the text.
//!
//! Only the first document is read, within limits (unique keys, bounded depth and size). Aliases
//! can be resolved to compare two documents.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::file::NAME;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Maximum nesting depth.
const DEEPEST: usize = 64;
/// Maximum number of nodes after aliases are resolved.
const MOST_NODES: usize = 200_000;
/// Maximum size of a file in bytes.
const LARGEST: usize = 1 << 20;

/// A node and its position.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) what: What,
    /// Line, counted from 1.
    pub(super) line: usize,
    /// Byte offset of its start, including anchor and tag.
    pub(super) at: usize,
    /// The parser's number of its anchor; numbers are never reused.
    pub(super) anchor: Option<usize>,
    tag: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Scalar {
        value: String,
        style: ScalarStyle,
    },
    /// An alias of the node with this anchor.
    Alias(usize),
    List(Vec<Node>),
    Map {
        pairs: Vec<(Node, Node)>,
        /// True if it is written in braces.
        flow: bool,
    },
}

/// A parsed document.
pub(super) struct Document {
    pub(super) root: Node,
    /// Anchors that an alias names, with the line of the first such alias.
    aliases: BTreeMap<usize, usize>,
}

impl Node {
    /// Returns the text if the node is a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.what {
            What::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Returns the pairs if the node is a mapping.
    pub(super) fn pairs(&self) -> Option<&[(Node, Node)]> {
        match &self.what {
            What::Map { pairs, .. } => Some(pairs),
            _ => None,
        }
    }

    /// Returns the key and value of `key`, if the node is a mapping that contains the key itself.
    pub(super) fn pair(&self, key: &str) -> Option<&(Node, Node)> {
        self.pairs()?.iter().find(|(name, _)| name.text() == Some(key))
    }

    /// Returns the value of `key`, if the node is a mapping that contains the key itself.
    pub(super) fn own(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|(_, value)| value)
    }

    /// Adds the aliases below this node that refer to `anchor`.
    pub(super) fn aliases_of<'a>(&'a self, anchor: usize, found: &mut Vec<&'a Node>) {
        match &self.what {
            What::Alias(own) if *own == anchor => found.push(self),
            What::Scalar { .. } | What::Alias(_) => {}
            What::List(nodes) => nodes.iter().for_each(|node| node.aliases_of(anchor, found)),
            What::Map { pairs, .. } => pairs.iter().for_each(|(key, value)| {
                key.aliases_of(anchor, found);
                value.aliases_of(anchor, found);
            }),
        }
    }

    /// Returns the node with `anchor`, this one or one below it.
    pub(super) fn anchored(&self, anchor: usize) -> Option<&Node> {
        if self.anchor == Some(anchor) {
            return Some(self);
        }
        match &self.what {
            What::Scalar { .. } | What::Alias(_) => None,
            What::List(nodes) => nodes.iter().find_map(|node| node.anchored(anchor)),
            What::Map { pairs, .. } => pairs
                .iter()
                .find_map(|(key, value)| key.anchored(anchor).or_else(|| value.anchored(anchor))),
        }
    }
}

/// A node with every alias replaced by its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Value, whether it is quoted, tag.
    Text(String, bool, Option<String>),
    List(Vec<Resolved>),
    Map(Vec<(Resolved, Resolved)>),
}

impl Resolved {
    /// Creates an unquoted text.
    pub(super) fn plain(text: &str) -> Self {
        Self::Text(text.to_owned(), false, None)
    }

    /// Returns the value of `key`.
    pub(super) fn under(&mut self, key: &str) -> Option<&mut Self> {
        let Self::Map(pairs) = self else { return None };
        let own = |pair: &&mut (Self, Self)| matches!(&pair.0, Self::Text(name, ..) if name == key);
        pairs.iter_mut().find(own).map(|(_, value)| value)
    }

    /// Sets the value of `key` in a mapping and moves it to the end.
    pub(super) fn set_last(&mut self, key: &str, value: Self) {
        if let Self::Map(pairs) = self {
            pairs.retain(|(name, _)| !matches!(name, Self::Text(name, ..) if name == key));
            pairs.push((Self::plain(key), value));
        }
    }
}

impl Document {
    /// Returns the whole document with its aliases resolved; `None` if that would exceed
    /// `MOST_NODES`.
    pub(super) fn resolve_all(&self) -> Option<Resolved> {
        let mut left = MOST_NODES;
        self.resolve(&self.root, &mut left)
    }

    fn resolve(&self, node: &Node, left: &mut usize) -> Option<Resolved> {
        *left = left.checked_sub(1)?;
        let node = self.resolved(node);
        Some(match &node.what {
            What::Scalar { value, style } => {
                Resolved::Text(value.clone(), *style != ScalarStyle::Plain, node.tag.clone())
            }
            What::Alias(_) => return None,
            What::List(nodes) => {
                let nodes = nodes.iter().map(|node| self.resolve(node, left));
                Resolved::List(nodes.collect::<Option<_>>()?)
            }
            What::Map { pairs, .. } => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| Some((self.resolve(key, left)?, self.resolve(value, left)?)));
                Resolved::Map(pairs.collect::<Option<_>>()?)
            }
        })
    }

    /// Returns the node, or the one that it is an alias of. An alias never names an alias.
    pub(super) fn resolved<'a>(&'a self, node: &'a Node) -> &'a Node {
        match &node.what {
            What::Alias(anchor) => self.root.anchored(*anchor).unwrap_or(node),
            _ => node,
        }
    }

    /// Returns the line of an alias that names the anchor of `node`, if there is one.
    pub(super) fn alias_of(&self, node: &Node) -> Option<usize> {
        self.aliases.get(&node.anchor?).copied()
    }

    /// Returns the value of `key` in a mapping, its own or merged by `<<`.
    pub(super) fn says<'a>(&'a self, map: &'a Node, key: &str) -> Option<&'a Node> {
        self.through(map, key, 8)
    }

    fn through<'a>(&'a self, map: &'a Node, key: &str, left: usize) -> Option<&'a Node> {
        let map = self.resolved(map);
        if let Some(own) = map.own(key) {
            return Some(self.resolved(own));
        }
        let left = left.checked_sub(1)?;
        let merged = self.resolved(map.own("<<")?);
        match &merged.what {
            What::List(nodes) => nodes.iter().find_map(|node| self.through(node, key, left)),
            _ => self.through(merged, key, left),
        }
    }
}

/// A collection that is not closed yet.
struct Open {
    node: Node,
    /// The key whose value follows.
    key: Option<Node>,
}

/// Parses `text`.
pub(super) fn read(text: &str) -> Result<Document, Problem> {
    if text.len() > LARGEST {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("{NAME} is too large for a bundle"),
        ));
    }
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let byte = |chars: usize| starts.get(chars).copied().unwrap_or(text.len());
    let slice = |span: Span| {
        text.get(byte(span.start.index())..byte(span.end.index()))
            .unwrap_or("")
    };
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut aliases = BTreeMap::new();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            Problem::new(ProblemKind::Invalid, format!("{NAME} is not YAML")).cause(format!(
                "line {}: {}",
                error.marker().line(),
                SanitizedText::capped(error.info(), 200)
            ))
        })?;
        let line = span.start.line();
        let node = |what: What, anchor: usize, tag: Option<String>| Node {
            what,
            line,
            at: byte(span.start.index()),
            anchor: (anchor > 0).then_some(anchor),
            tag,
        };
        let tagged = |tag: Option<std::borrow::Cow<'_, saphyr_parser::Tag>>| tag.map(|tag| tag.to_string());
        let closed = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                // Later documents are overlays: they are neither read nor changed.
                if documents > 1 {
                    break;
                }
                None
            }
            Event::Alias(anchor) => {
                aliases.entry(anchor).or_insert(line);
                Some(node(What::Alias(anchor), 0, None))
            }
            Event::Scalar(value, style, anchor, tag) => {
                let value = value.into_owned();
                Some(node(What::Scalar { value, style }, anchor, tagged(tag)))
            }
            Event::SequenceStart(anchor, tag) => {
                open.push(Open {
                    node: node(What::List(Vec::new()), anchor, tagged(tag)),
                    key: None,
                });
                None
            }
            Event::MappingStart(anchor, tag) => {
                let what = What::Map {
                    pairs: Vec::new(),
                    flow: slice(span).ends_with('{'),
                };
                open.push(Open {
                    node: node(what, anchor, tagged(tag)),
                    key: None,
                });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|open| open.node),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
        };
        if open.len() > DEEPEST {
            return Err(at_line(line, "it is nested too deeply for a bundle"));
        }
        let Some(closed) = closed else { continue };
        match open.last_mut() {
            None => root = Some(closed),
            Some(parent) => parent.take(closed)?,
        }
    }
    let root = root.ok_or_else(|| Problem::new(ProblemKind::Invalid, format!("{NAME} is empty")))?;
    Ok(Document { root, aliases })
}

impl Open {
    fn take(&mut self, child: Node) -> Result<(), Problem> {
        match (&mut self.node.what, self.key.take()) {
            (What::List(nodes), _) => nodes.push(child),
            (What::Map { pairs, .. }, Some(key)) => pairs.push((key, child)),
            (What::Map { pairs, .. }, None) => {
                if let Some(key) = child.text()
                    && let Some((first, _)) = pairs.iter().find(|(other, _)| other.text() == Some(key))
                {
                    return Err(at_line(
                        child.line,
                        format!(
                            "the key {} already exists on line {}",
                            SanitizedText::capped(key, 80),
                            first.line
                        ),
                    )
                    .hint("remove one of them: YAML readers disagree on which one counts"));
                }
                self.key = Some(child);
            }
            (What::Scalar { .. } | What::Alias(_), _) => {}
        }
        Ok(())
    }
}

/// Returns a problem in a line of the file.
pub(super) fn at_line(line: usize, text: impl AsRef<str>) -> Problem {
    Problem::new(
        ProblemKind::Invalid,
        format!("{NAME} line {line}: {}", text.as_ref()),
    )
}
