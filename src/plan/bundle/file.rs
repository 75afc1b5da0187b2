//! Gives applications of a `bundle.yaml` other channels and leaves every other byte as it is.
//!
//! Owns which application runs which charm and where its channel stands. What is changed is read
//! again before it is given out: nothing but the wished values may differ. Must not write YAML of
//! its own beyond such a value.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::yaml::{self, Document, Node, What, at_line};
use crate::domain::{Channel, CharmName, Kind, Outside, Problem};

/// The file's name in the bundle's repository and in the packed bundle.
pub const NAME: &str = "bundle.yaml";

/// An application of a bundle whose charm comes from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What it is called in the bundle.
    pub name: String,
    /// Its charm.
    pub charm: CharmName,
    /// The channel as the file says it, alias and merge resolved; `None` where it says none.
    pub channel: Option<String>,
    /// The line of its channel, else its own; counted from 1.
    pub line: usize,
}

/// A text with other channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// What differs: line, counted from 1, the channel before and after; by line.
    pub changed: Vec<(usize, String, String)>,
    /// Every application with a charm of the store, in the file's order, as it was before.
    pub applications: Vec<Application>,
}

/// An application and the nodes that say so.
struct Found<'a> {
    name: &'a str,
    charm: CharmName,
    /// As it stands under `applications:`; may be an alias.
    node: &'a Node,
}

/// The applications of `text`, in its order.
pub fn applications(text: &str) -> Result<Vec<Application>, Problem> {
    let document = yaml::read(text)?;
    let (_, found) = found(&document)?;
    Ok(found.iter().map(|one| told(&document, one)).collect())
}

/// `text` with the channel of every application that runs a charm of `wishes`. A channel that is
/// right already, `edge` for `latest/edge` included, is left as it is written.
pub fn edit(text: &str, wishes: &BTreeMap<CharmName, Channel>) -> Result<Edited, Problem> {
    let document = yaml::read(text)?;
    let (under, found) = found(&document)?;
    for charm in wishes.keys() {
        if !found.iter().any(|one| &one.charm == charm) {
            return Err(Problem::new(
                Kind::Invalid,
                format!("{NAME} has no application with the charm {charm}"),
            )
            .hint(format!("add one with 'charm: {charm}' and a channel")));
        }
    }
    let mut edits: Vec<(Range<usize>, &Node, String)> = Vec::new();
    for one in &found {
        if let Some(wish) = wishes.get(&one.charm)
            && let Some((place, node)) = place(text, &document, under, one, wish)?
        {
            edits.push((place, node, wish.to_string()));
        }
    }
    edits.sort_by_key(|(place, _, _)| place.start);
    let mut edited = text.to_owned();
    let mut expected = document.root.clone();
    let mut changed = Vec::new();
    for (place, node, wish) in edits.iter().rev() {
        edited.replace_range(place.clone(), wish);
        if let Some(value) = expected.scalar_at(node.at) {
            value.clone_from(wish);
        }
        changed.insert(
            0,
            (
                node.line,
                node.text().unwrap_or_default().to_owned(),
                wish.clone(),
            ),
        );
    }
    if !yaml::read(&edited)?.root.says(&expected) {
        return Err(Problem::new(
            Kind::Internal,
            format!("{NAME} would say something else after the change, so it is not made"),
        ));
    }
    Ok(Edited {
        text: edited,
        changed,
        applications: found.iter().map(|one| told(&document, one)).collect(),
    })
}

/// The mapping of applications, and those whose charm has a name of the store.
fn found(document: &Document) -> Result<(&Node, Vec<Found<'_>>), Problem> {
    let root = &document.root;
    // Bundles of old called them services.
    let under = root.own("applications").or_else(|| root.own("services"));
    let pairs = under.and_then(|under| document.resolved(under).pairs());
    let (Some(under), Some(pairs)) = (under, pairs) else {
        return Err(Problem::new(Kind::Invalid, format!("{NAME} has no applications"))
            .hint("it needs a mapping 'applications:'"));
    };
    let found = pairs
        .iter()
        .filter_map(|(name, node)| {
            let charm = document.says(node, "charm")?.text()?;
            let charm = charm.strip_prefix("ch:").unwrap_or(charm);
            Some(Found {
                name: name.text()?,
                charm: charm.parse().ok()?,
                node,
            })
        })
        .collect();
    Ok((under, found))
}

fn told(document: &Document, one: &Found) -> Application {
    let own = one.node.own("channel");
    Application {
        name: one.name.to_owned(),
        charm: one.charm.clone(),
        channel: document
            .says(one.node, "channel")
            .and_then(Node::text)
            .map(str::to_owned),
        line: own.unwrap_or(one.node).line,
    }
}

/// Where the channel of `one` stands, or nothing where it is right already.
fn place<'a>(
    text: &str,
    document: &'a Document,
    under: &Node,
    one: &Found<'a>,
    wish: &Channel,
) -> Result<Option<(Range<usize>, &'a Node)>, Problem> {
    let said = document.says(one.node, "channel").and_then(Node::text);
    if said.and_then(|said| said.parse::<Channel>().ok()).as_ref() == Some(wish) {
        return Ok(None);
    }
    let name = Outside::capped(one.name, 80);
    let by_hand = format!("write 'channel: {wish}' there, on a line of its own");
    let Some(channel) = one.node.own("channel") else {
        return Err(at_line(one.node.line, format!("{name} has no channel of its own")).hint(by_hand));
    };
    let refuse = |why: String| Err(at_line(channel.line, why).hint(by_hand.clone()));
    let (value, style) = match &channel.what {
        What::Scalar { value, style } => (value, *style),
        What::Alias(_) => {
            return refuse(format!(
                "the channel of {name} is an alias of what stands elsewhere"
            ));
        }
        What::List(_) | What::Map { .. } => return refuse(format!("the channel of {name} is no text")),
    };
    if matches!(one.node.what, What::Map { flow: true, .. }) {
        return refuse(format!("{name} is written in braces"));
    }
    for node in [channel, one.node, under] {
        if let Some(alias) = document.alias_of(node) {
            return refuse(format!(
                "line {alias} repeats what line {} says, so the channel of {name} cannot change alone",
                node.line
            ));
        }
    }
    if value.is_empty() {
        return refuse(format!("{name} has no channel"));
    }
    match written(text, channel, value, style) {
        Some(place) => Ok(Some((place, channel))),
        None => refuse(format!(
            "the channel of {name} is written in more than plain words"
        )),
    }
}

/// The bytes of a value, without its anchor, tag and quotes; nothing where they are not simply the
/// value.
fn written(text: &str, node: &Node, value: &str, style: ScalarStyle) -> Option<Range<usize>> {
    let mut at = node.at;
    while text.get(at..)?.starts_with(['&', '!']) {
        let rest = text.get(at..)?;
        let property = rest.find([' ', '\t'])?;
        let space = rest.get(property..)?;
        at += property + (space.len() - space.trim_start_matches([' ', '\t']).len());
    }
    let quote = match style {
        ScalarStyle::Plain => "",
        ScalarStyle::SingleQuoted => "'",
        ScalarStyle::DoubleQuoted => "\"",
        ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    let rest = text.get(at..)?.strip_prefix(quote)?;
    rest.strip_prefix(value)?.strip_prefix(quote)?;
    let start = at + quote.len();
    Some(start..start + value.len())
}
