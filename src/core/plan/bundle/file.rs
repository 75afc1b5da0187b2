//! Changes the channels of applications in a `bundle.yaml` and leaves every other byte as it is.
//!
//! Only the first document is edited: a value is replaced in place, an alias by its new value, and
//! a missing channel is added as a key. Anchors stay where they are. The result is parsed again and
//! must differ only in the channels.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::yaml::{self, Document, Node, Resolved, What, at_line};
use crate::domain::{Channel, CharmName, Problem, ProblemKind, SanitizedText};

/// Name of the file in the bundle's repository and in the packed bundle.
pub const NAME: &str = "bundle.yaml";

/// An application of a bundle whose charm comes from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Name of the application in the bundle.
    pub name: String,
    /// Its charm.
    pub charm: CharmName,
    /// The channel in the file, with alias and merge resolved; `None` if it has none.
    pub channel: Option<String>,
    /// The line of its channel, or of the application if it has none; counted from 1.
    pub line: usize,
}

/// A bundle file with changed channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// The changes, by line: line (counted from 1), old channel, new channel.
    pub changed: Vec<(usize, String, String)>,
    /// Every application whose charm is from the store, in the file's order and before the changes.
    pub applications: Vec<Application>,
    /// Names of applications that keep their channel although that of their charm changes.
    pub kept: Vec<String>,
    /// Remarks to show, each with its line.
    pub remarks: Vec<SanitizedText>,
}

/// An application and its nodes.
struct Found<'a> {
    name: &'a str,
    /// Line of the application's name.
    line: usize,
    charm: CharmName,
    /// The value under `applications:`; may be an alias.
    node: &'a Node,
}

/// Returns the applications of `text`, in order.
pub fn applications(text: &str) -> Result<Vec<Application>, Problem> {
    let document = yaml::read(text)?;
    let (_, found) = found(&document)?;
    Ok(found.iter().map(|one| told(&document, one)).collect())
}

/// Sets in `text` the channel of every application whose charm is in `wishes`. A channel that is
/// already correct (also `edge` for `latest/edge`) is not changed.
pub fn edit(text: &str, wishes: &BTreeMap<CharmName, Channel>) -> Result<Edited, Problem> {
    let document = yaml::read(text)?;
    let (under, found) = found(&document)?;
    for charm in wishes.keys() {
        if !found.iter().any(|one| &one.charm == charm) {
            return Err(Problem::new(
                ProblemKind::Invalid,
                format!("{NAME} has no application with the charm {charm}"),
            )
            .hint(format!("add one with 'charm: {charm}' and a channel")));
        }
    }
    let mut edits: Vec<ChannelEdit> = Vec::new();
    let (mut kept, mut remarks) = (Vec::new(), Vec::new());
    for one in &found {
        let Some(wish) = wishes.get(&one.charm) else {
            continue;
        };
        let channel = |one: &Found| channel_of(&document, one);
        let first = found.iter().find(|other| other.charm == one.charm).unwrap_or(one);
        let line = told(&document, one).line;
        let name = SanitizedText::capped(one.name, 80);
        if channel(one) != channel(first) && channel(one).as_ref() != Some(wish) {
            remarks.push(SanitizedText::new(format!(
                "line {line} of {NAME}: {name} keeps its channel, because it runs {} on another \
                channel than {}",
                one.charm,
                SanitizedText::capped(first.name, 80)
            )));
            kept.push(one.name.to_owned());
            continue;
        }
        if let Some(revision) = document.says(one.node, "revision") {
            let line = one.node.own("revision").map_or(one.line, |own| own.line);
            remarks.push(SanitizedText::new(format!(
                "line {line} of {NAME}: {name} is pinned to revision {}, regardless of what {wish} \
                serves",
                SanitizedText::capped(revision.text().unwrap_or_default(), 20)
            )));
        }
        edits.extend(edit_of(text, &document, under, one, wish)?);
    }
    remarks.extend(loosened(&document, &edits));
    remarks.extend(keep_aliases(text, &document, &mut edits));
    edits.sort_by_key(|edit| edit.range.start);
    let mut edited = text.to_owned();
    for edit in edits.iter().rev() {
        edited.replace_range(edit.range.clone(), &edit.text);
    }
    if !is_as_wished(&document, &edited, &edits) {
        return Err(Problem::new(
            ProblemKind::Internal,
            format!("editing {NAME} would change more than the channel, so it was not edited"),
        ));
    }
    let mut changed: Vec<(usize, String, String)> = edits
        .into_iter()
        .filter_map(|edit| edit.channel)
        .map(|channel| (channel.line, channel.before, channel.after))
        .collect();
    changed.sort_by_key(|(line, ..)| *line);
    Ok(Edited {
        text: edited,
        changed,
        applications: found.iter().map(|one| told(&document, one)).collect(),
        kept,
        remarks,
    })
}

/// One replacement in the text.
struct ChannelEdit {
    range: Range<usize>,
    text: String,
    /// The channel that it changes; `None` if it only replaces an alias by its value.
    channel: Option<ChangedChannel>,
    /// What it does to an anchor.
    anchor: Option<AnchorEdit>,
}

/// A replaced value that has an anchor, or a replaced alias of one.
enum AnchorEdit {
    Value {
        anchor: usize,
        line: usize,
        /// Position of the value as written, including quotes.
        written: Range<usize>,
    },
    Alias {
        anchor: usize,
        line: usize,
    },
}

struct ChangedChannel {
    application: String,
    line: usize,
    before: String,
    after: String,
}

fn channel_of(document: &Document, one: &Found) -> Option<Channel> {
    document
        .says(one.node, "channel")
        .and_then(Node::text)?
        .parse()
        .ok()
}

/// Returns a remark for every anchor whose aliases become channels of their own while its value
/// stays.
fn loosened(document: &Document, edits: &[ChannelEdit]) -> Vec<SanitizedText> {
    let mut aliases: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut changed = Vec::new();
    for edit in edits.iter().filter_map(|edit| edit.anchor.as_ref()) {
        match edit {
            AnchorEdit::Alias { anchor, line } => aliases.entry(*anchor).or_default().push(*line),
            AnchorEdit::Value { anchor, .. } => changed.push(*anchor),
        }
    }
    aliases.retain(|anchor, _| !changed.contains(anchor));
    let remark = |(anchor, lines): (usize, Vec<usize>)| {
        let value = document.root.anchored(anchor)?;
        let word = if lines.len() == 1 { "line" } else { "lines" };
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        Some(SanitizedText::new(format!(
            "{word} {} of {NAME}: the alias of line {} is replaced; that line keeps {}",
            lines.join(", "),
            value.line,
            SanitizedText::capped(value.text().unwrap_or_default(), 80)
        )))
    };
    aliases.into_iter().filter_map(remark).collect()
}

/// Replaces the other aliases of changed values by the old value. Returns a remark for each.
fn keep_aliases(text: &str, document: &Document, edits: &mut Vec<ChannelEdit>) -> Vec<SanitizedText> {
    let (mut more, mut remarks) = (Vec::new(), Vec::new());
    for edit in edits.iter().filter_map(|edit| edit.anchor.as_ref()) {
        let AnchorEdit::Value {
            anchor,
            line,
            written,
        } = edit
        else {
            continue;
        };
        let value = text.get(written.clone()).unwrap_or_default();
        let mut aliases = Vec::new();
        document.root.aliases_of(*anchor, &mut aliases);
        for alias in aliases {
            let is_edited = edits.iter().any(|edit| edit.range.start == alias.at);
            if !is_edited && let Some(range) = alias_range(text, alias) {
                remarks.push(SanitizedText::new(format!(
                    "line {} of {NAME}: the alias of line {line}, which changes, is replaced by the old value {}",
                    alias.line,
                    SanitizedText::capped(value, 80)
                )));
                more.push(ChannelEdit {
                    range,
                    text: value.to_owned(),
                    channel: None,
                    anchor: None,
                });
            }
        }
    }
    edits.append(&mut more);
    remarks
}

/// Returns the byte range of an alias.
fn alias_range(text: &str, alias: &Node) -> Option<Range<usize>> {
    let rest = text.get(alias.at..)?.strip_prefix('*')?;
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}');
    let length = rest.find(is_end).unwrap_or(rest.len());
    Some(alias.at..alias.at + 1 + length)
}

/// Returns true if `edited` differs from `document` only in the channels of `edits`.
fn is_as_wished(document: &Document, edited: &str, edits: &[ChannelEdit]) -> bool {
    let read = yaml::read(edited)
        .ok()
        .and_then(|document| document.resolve_all());
    let (Some(mut wanted), Some(mut found)) = (document.resolve_all(), read) else {
        return false;
    };
    let under = |root: &mut Resolved, application: &str| -> Option<Resolved> {
        let key = if root.under("applications").is_some() {
            "applications"
        } else {
            "services"
        };
        let one = root.under(key)?.under(application)?;
        let channel = one.under("channel").cloned();
        one.set_last("channel", Resolved::plain(""));
        channel
    };
    edits
        .iter()
        .filter_map(|edit| edit.channel.as_ref())
        .all(|channel| {
            let _before = under(&mut wanted, &channel.application);
            let after = under(&mut found, &channel.application);
            matches!(after, Some(Resolved::Text(text, ..)) if text == channel.after)
        })
        && wanted == found
}

/// Returns the mapping of applications and those whose charm is from the store.
fn found(document: &Document) -> Result<(&Node, Vec<Found<'_>>), Problem> {
    let root = &document.root;
    // Old bundles use the key `services`.
    let under = root.own("applications").or_else(|| root.own("services"));
    let pairs = under.and_then(|under| document.resolved(under).pairs());
    let (Some(under), Some(pairs)) = (under, pairs) else {
        return Err(
            Problem::new(ProblemKind::Invalid, format!("{NAME} has no applications"))
                .hint("add a mapping 'applications:'"),
        );
    };
    let found = pairs
        .iter()
        .filter_map(|(name, node)| {
            let charm = document.says(node, "charm")?.text()?;
            let charm = charm.strip_prefix("ch:").unwrap_or(charm);
            Some(Found {
                name: name.text()?,
                line: name.line,
                charm: charm.parse().ok()?,
                node,
            })
        })
        .collect();
    Ok((under, found))
}

fn told(document: &Document, one: &Found) -> Application {
    Application {
        name: one.name.to_owned(),
        charm: one.charm.clone(),
        channel: document
            .says(one.node, "channel")
            .and_then(Node::text)
            .map(str::to_owned),
        line: one.node.own("channel").map_or(one.line, |channel| channel.line),
    }
}

/// Returns the edit that sets the channel of `one` to `wish`; `None` if it is already correct.
fn edit_of(
    text: &str,
    document: &Document,
    under: &Node,
    one: &Found,
    wish: &Channel,
) -> Result<Option<ChannelEdit>, Problem> {
    if channel_of(document, one).as_ref() == Some(wish) {
        return Ok(None);
    }
    let name = SanitizedText::capped(one.name, 80);
    let by_hand = format!("write 'channel: {wish}' there, on a line of its own");
    let line = told(document, one).line;
    let key_line = one.node.pair("channel").map_or(one.line, |(key, _)| key.line);
    let refuse = |why: String| Err(at_line(key_line, why).hint(by_hand.clone()));
    for node in [one.node, under] {
        if let Some(alias) = document.alias_of(node) {
            return refuse(format!(
                "line {alias} is an alias of line {}, so the channel of {name} cannot change alone",
                node.line
            ));
        }
    }
    let before = document.says(one.node, "channel").and_then(Node::text);
    let changed = ChangedChannel {
        application: one.name.to_owned(),
        line,
        before: before.unwrap_or("no channel").to_owned(),
        after: wish.to_string(),
    };
    let Some((_, channel)) = one.node.pair("channel") else {
        let Some((range, text)) = added(text, one.node, wish) else {
            return refuse(format!("{name} has no charm of its own to add a channel to"));
        };
        return Ok(Some(ChannelEdit {
            range,
            text,
            channel: Some(changed),
            anchor: None,
        }));
    };
    let (range, anchor) = match &channel.what {
        What::Scalar { value, .. } if value.is_empty() => return refuse(format!("{name} has no channel")),
        What::Scalar { value, style } => match written(text, channel, value, *style) {
            Some(range) => {
                let quotes = usize::from(*style != ScalarStyle::Plain);
                let with_quotes = range.start - quotes..range.end + quotes;
                let anchor = channel.anchor.map(|anchor| AnchorEdit::Value {
                    anchor,
                    line: channel.line,
                    written: with_quotes,
                });
                (range, anchor)
            }
            None => {
                return refuse(format!("the channel of {name} is not a plain value"));
            }
        },
        What::Alias(anchor) => match alias_range(text, channel) {
            Some(range) => {
                let (anchor, line) = (*anchor, channel.line);
                (range, Some(AnchorEdit::Alias { anchor, line }))
            }
            None => return refuse(format!("the channel of {name} is not a plain alias")),
        },
        What::List(_) | What::Map { .. } => {
            return refuse(format!(
                "the channel of {name} is not \
            text"
            ));
        }
    };
    Ok(Some(ChannelEdit {
        range,
        text: wish.to_string(),
        channel: Some(changed),
        anchor,
    }))
}

/// Returns where and how to add the key `channel` to a mapping: after its charm.
fn added(text: &str, application: &Node, wish: &Channel) -> Option<(Range<usize>, String)> {
    let (key, charm) = application.pair("charm")?;
    let What::Scalar { value, style } = &charm.what else {
        return None;
    };
    let end = written(text, charm, value, *style)?.end + usize::from(*style != ScalarStyle::Plain);
    if matches!(application.what, What::Map { flow: true, .. }) {
        return Some((end..end, format!(", channel: {wish}")));
    }
    let line = text.get(..key.at)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = text.get(line..key.at)?;
    if key.line != charm.line || !indent.chars().all(|c| c == ' ') {
        return None;
    }
    Some(match text.get(end..)?.find('\n') {
        Some(rest) => {
            let at = end + rest + 1;
            let newline = if text.get(..at)?.ends_with("\r\n") {
                "\r\n"
            } else {
                "\n"
            };
            (at..at, format!("{indent}channel: {wish}{newline}"))
        }
        None => (text.len()..text.len(), format!("\n{indent}channel: {wish}")),
    })
}

/// Returns the byte range of a value without its anchor, tag and quotes; `None` if the text there
/// is not exactly the value.
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
