//! Computes what to release, and in which order, so that rows of a channel serve exact pairs of
//! revision and resources.
//!
//! The difficulty is that a release request names a revision and a channel, and the store sets
//! every base that the revision is built for. Which pairs are released is decided by the caller.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::publish::channels::releasable;
use super::{AttachFrom, ChannelUpdate, ResourceAttachment, Serving};
use crate::config::workspace::Charm;
use crate::domain::charm::{CharmFacts, RevisionFacts};
use crate::domain::{Base, Channel, Problem, ProblemKind, SanitizedText};

/// The target state of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The channel.
    pub channel: Channel,
    /// The base.
    pub base: Option<Base>,
    /// What the row should serve.
    pub serving: Serving,
}

/// Returns the moves that bring every row of `wanted` to its target state, ordered so that none
/// overwrites another. Other rows that the store sets too are included as moves, each with a
/// warning.
pub fn moves(
    charm: &Charm,
    facts: &CharmFacts,
    wanted: &[Wanted],
    warnings: &mut Vec<SanitizedText>,
) -> Result<Vec<ChannelUpdate>, Problem> {
    let mut channels: Vec<&Channel> = Vec::new();
    for row in wanted {
        if !channels.contains(&&row.channel) {
            channels.push(&row.channel);
        }
    }
    let mut moves = Vec::new();
    for channel in channels {
        let rows: Vec<&Wanted> = wanted.iter().filter(|row| &row.channel == channel).collect();
        let one = OneChannel {
            charm,
            facts,
            channel,
            rows,
        };
        moves.extend(one.moves(warnings)?);
    }
    Ok(moves)
}

struct OneChannel<'a> {
    charm: &'a Charm,
    facts: &'a CharmFacts,
    channel: &'a Channel,
    rows: Vec<&'a Wanted>,
}

/// One release request to the store: it sets every base of the revision.
struct Item<'a> {
    serving: &'a Serving,
    revision: &'a RevisionFacts,
    /// False if each of its rows already has its target state.
    sent: bool,
}

impl OneChannel<'_> {
    fn now(&self, base: Option<&Base>) -> Option<Serving> {
        self.facts.row(self.channel, base).map(Serving::of)
    }

    fn moves(&self, warnings: &mut Vec<SanitizedText>) -> Result<Vec<ChannelUpdate>, Problem> {
        let items = self.ordered(self.items()?)?;
        let mut moves = Vec::new();
        for item in &items {
            let mut rows: Vec<&&Wanted> = self
                .rows
                .iter()
                .filter(|row| &row.serving == item.serving)
                .collect();
            rows.sort_by(|a, b| a.base.cmp(&b.base));
            for row in rows {
                moves.push(self.one(row.base.clone(), item.serving));
            }
        }
        for (base, serving) in self.beside(&items) {
            let now = self.now(Some(&base));
            if now.as_ref() == Some(serving) {
                continue;
            }
            let word = now.map_or_else(
                || "opens".to_owned(),
                |now| {
                    format!(
                        "stops serving \
                {now}"
                    )
                },
            );
            warnings.push(SanitizedText::new(format!(
                "{} {}: revision {} is built for {base} too, which {word}",
                self.charm.name, self.channel, serving.revision.0
            )));
            moves.push(self.one(Some(base), serving));
        }
        warnings.extend(
            items
                .iter()
                .filter(|item| item.sent)
                .flat_map(|item| self.kept(item)),
        );
        Ok(moves)
    }

    fn one(&self, base: Option<Base>, serving: &Serving) -> ChannelUpdate {
        ChannelUpdate {
            channel: self.channel.clone(),
            before: self.now(base.as_ref()),
            base,
            revision: serving.revision,
            resources: serving
                .resources
                .iter()
                .map(|(name, revision)| ResourceAttachment {
                    name: name.clone(),
                    from: AttachFrom::Revision(*revision),
                })
                .collect(),
        }
    }

    fn items(&self) -> Result<Vec<Item<'_>>, Problem> {
        let mut items: Vec<Item> = Vec::new();
        for row in &self.rows {
            let sent = self.now(row.base.as_ref()).as_ref() != Some(&row.serving);
            if let Some(item) = items.iter_mut().find(|item| item.serving == &row.serving) {
                item.sent |= sent;
                continue;
            }
            let revision = releasable(self.charm, self.facts, row.serving.revision)?;
            for (name, number) in &row.serving.resources {
                let listed = self.facts.resources.get(name);
                if listed.is_some_and(|list| list.iter().all(|one| one.revision != *number)) {
                    return Err(Problem::new(
                        ProblemKind::NotFound,
                        format!("{name} of {} has no revision {}", self.charm.name, number.0),
                    )
                    .hint("release another pair: windlass release"));
                }
            }
            items.push(Item {
                serving: &row.serving,
                revision,
                sent,
            });
        }
        Ok(items)
    }

    /// Sorts items so that a row that is set unintentionally is corrected by a later item.
    /// Otherwise older revisions come first, as in a publish.
    fn ordered<'i>(&self, mut items: Vec<Item<'i>>) -> Result<Vec<Item<'i>>, Problem> {
        items.sort_by_key(|item| item.serving.revision);
        // Items that are already done are not sent, so none of those that are sent may set their
        // rows.
        let (mut sent, mut ordered): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|item| item.sent);
        for item in &sent {
            if let Some(row) = ordered.iter().find_map(|other| self.overwritten(item, other)) {
                return Err(self.inseparable(item, row));
            }
        }
        while !sent.is_empty() {
            let overwriting = |one: &Item| {
                sent.iter()
                    .find_map(|other| Some((other, self.overwritten(other, one)?)))
            };
            match sent.iter().position(|one| overwriting(one).is_none()) {
                Some(next) => ordered.push(sent.remove(next)),
                None => {
                    return Err(match sent.iter().find_map(overwriting) {
                        Some((item, row)) => self.inseparable(item, row),
                        None => Problem::new(ProblemKind::Internal, "the releases could not be ordered"),
                    });
                }
            }
        }
        Ok(ordered)
    }

    /// Returns a row of `other` that a release of `item` would set too.
    fn overwritten(&self, item: &Item, other: &Item) -> Option<&Wanted> {
        self.rows
            .iter()
            .filter(|row| item.serving != other.serving && &row.serving == other.serving)
            .find(|row| covers(item.revision, row.base.as_ref()))
            .copied()
    }

    fn inseparable(&self, item: &Item, row: &Wanted) -> Problem {
        let base = row
            .base
            .as_ref()
            .map_or_else(String::new, |base| format!(" for {base}"));
        Problem::new(
            ProblemKind::Refused,
            format!(
                "{} of {} cannot serve {} without losing {}{base}",
                self.channel, self.charm.name, item.serving, row.serving
            ),
        )
        .cause(format!(
            "revision {} is built for both, and Charmhub releases it to every base at once",
            item.serving.revision.0
        ))
        .hint("release or close each base separately with windlass release and windlass close")
    }

    /// Returns rows that were not requested but are set by a release, with what they then serve.
    fn beside<'i>(&self, items: &[Item<'i>]) -> Vec<(Base, &'i Serving)> {
        let own = items.iter().flat_map(|item| &item.revision.bases);
        let open = self.facts.rows.iter().filter_map(|row| row.base.as_ref());
        let bases: BTreeSet<&Base> = own
            .chain(open)
            .filter(|base| base.architecture != "all")
            .collect();
        let wanted = |base: &Base| self.rows.iter().any(|row| row.base.as_ref() == Some(base));
        bases
            .into_iter()
            .filter(|base| !wanted(base))
            .filter_map(|base| {
                let last = items
                    .iter()
                    .rfind(|item| item.sent && covers(item.revision, Some(base)))?;
                Some((base.clone(), last.serving))
            })
            .collect()
    }

    /// Describes resources that a channel keeps because a release cannot remove them: the store
    /// attaches the channel's resource if the release names none.
    fn kept(&self, item: &Item) -> Vec<SanitizedText> {
        let named = |name| item.serving.resources.iter().any(|(known, _)| known == name);
        self.facts
            .declared
            .iter()
            .filter(|one| one.charm_revision == item.serving.revision && !named(&one.name))
            .filter_map(|one| {
                let held = self
                    .facts
                    .rows_of(self.channel)
                    .find_map(|row| row.resource(&one.name))?;
                Some(SanitizedText::new(format!(
                    "{} {} keeps {} {held}: a resource cannot be removed from a channel",
                    self.charm.name, self.channel, one.name
                )))
            })
            .collect()
    }
}

fn covers(revision: &RevisionFacts, base: Option<&Base>) -> bool {
    base.is_none_or(|base| revision.bases.iter().any(|own| own.covers(base)))
}
