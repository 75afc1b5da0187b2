//! Handles the keys of the release dialog.

use ratatui::Frame;

use super::rows::{declared, facts};
use super::{Release, Row, lacking, releasable, rows};
use crate::console::actions::{ActionId, Scope};
use crate::console::components::{Dialog, List};
use crate::console::effect::Effect;
use crate::console::panes::charms::What;
use crate::console::view::Drawn;
use crate::console::{Model, review};
use crate::domain::{CharmName, CharmRevision, ResourceName, ResourceRevision, Risk, Track};
use crate::plan::{Intent, ReleaseIntent};

/// Opens the dialog for the selected revision; for a charm, the newest that may be released; for a
/// resource revision, the charm revision in `latest/edge` with that resource chosen.
pub fn open(model: &mut Model) {
    let Some(row) = model.charm_rows().selected() else {
        return;
    };
    let charm = row.charm.clone();
    let all = releasable(model, &charm);
    let resource = row.resource().map(|(name, revision)| (name.clone(), revision));
    let revision = match &row.what {
        What::Revision { revision, .. } => Some(*revision).filter(|one| all.contains(one)),
        What::Resource { .. } | What::Held { .. } => served_at_edge(model, &charm)
            .filter(|one| all.contains(one))
            .or_else(|| all.first().copied()),
        _ => all.first().copied(),
    };
    let chosen = resource.and_then(|(name, revision)| Some((name, revision?)));
    let Some(revision) = revision else {
        return;
    };
    let mut dialog = Release {
        charm,
        revision,
        ticked: std::collections::BTreeSet::new(),
        chosen: chosen.into_iter().collect(),
        list: List::default(),
        error: None,
    };
    let first = rows(model, &dialog)
        .iter()
        .position(|row| matches!(row, Row::Channel(_)));
    dialog.list.at = first.unwrap_or(0);
    model.open(dialog);
}

/// Returns the newest charm revision that `latest/edge` of `charm` has.
fn served_at_edge(model: &Model, charm: &CharmName) -> Option<CharmRevision> {
    let latest = Track::latest();
    let rows = facts(model, charm)?.rows.iter();
    rows.filter(|row| row.channel.track == latest && row.channel.risk == Risk::Edge)
        .filter(|row| row.channel.branch.is_none())
        .map(|row| row.revision)
        .max()
}

impl Release {
    fn selected(&self, model: &Model) -> Option<Row> {
        rows(model, self).into_iter().nth(self.list.at)
    }

    /// Ticks or unticks the selected channel; on another row, changes its revision.
    fn tick(&mut self, model: &Model) {
        match self.selected(model) {
            Some(Row::Channel(channel)) => {
                self.error = None;
                if !self.ticked.remove(&channel) {
                    self.ticked.insert(channel);
                }
            }
            Some(Row::Revision | Row::Resource { .. }) => self.change(model, 1),
            None => {}
        }
    }

    /// Selects another revision of the charm or of the selected resource.
    fn change(&mut self, model: &Model, steps: isize) {
        match self.selected(model) {
            Some(Row::Revision) => {
                let all = releasable(model, &self.charm);
                if let Some(next) = neighbour(&all, Some(self.revision), steps) {
                    self.revision = next;
                    // Resource rows come before the channels; the selection stays on the revision.
                    self.error = None;
                }
            }
            Some(Row::Resource { name, .. }) => {
                let known = revisions(model, self, &name);
                let options: Vec<Option<ResourceRevision>> =
                    std::iter::once(None).chain(known.into_iter().map(Some)).collect();
                if let Some(next) = neighbour(&options, Some(self.chosen.get(&name).copied()), steps) {
                    self.error = None;
                    match next {
                        Some(revision) => self.chosen.insert(name, revision),
                        None => self.chosen.remove(&name),
                    };
                }
            }
            Some(Row::Channel(_)) => {
                self.error =
                    Some("a channel has no revision; select it, or choose a revision above".to_owned());
            }
            None => {}
        }
    }
}

impl Dialog for Release {
    fn scope(&self) -> Scope {
        Scope::RELEASE
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        super::view::draw(model, self, frame, drawn);
    }

    fn fit(&mut self, model: &Model) {
        let count = rows(model, self).len();
        self.list.fit(super::view::height(model, count), count);
    }

    fn move_by(&mut self, _: &Model, steps: isize) {
        self.list.step(steps);
    }

    /// Moves to row `line`; if it is already selected, ticks its channel.
    fn pick(&mut self, model: &Model, line: usize) {
        if self.list.at == line {
            self.tick(model);
        }
        self.list.at = line;
    }
}

fn on_dialog(model: &mut Model, change: impl FnOnce(&mut Release, &Model)) {
    if let Some(mut dialog) = model.take_dialog::<Release>() {
        change(&mut dialog, model);
        model.open(dialog);
    }
}

/// Ticks or unticks the selected channel.
pub(super) fn tick(model: &mut Model) {
    on_dialog(model, Release::tick);
}

/// Selects an older revision.
pub(super) fn older(model: &mut Model) {
    on_dialog(model, |dialog, model| dialog.change(model, 1));
}

/// Selects a newer revision.
pub(super) fn newer(model: &mut Model) {
    on_dialog(model, |dialog, model| dialog.change(model, -1));
}

fn revisions(model: &Model, dialog: &Release, resource: &ResourceName) -> Vec<ResourceRevision> {
    let known = facts(model, &dialog.charm).and_then(|facts| facts.resources.get(resource));
    let mut revisions: Vec<ResourceRevision> = known.into_iter().flatten().map(|one| one.revision).collect();
    revisions.sort_by(|a, b| b.cmp(a));
    revisions
}

/// Returns the item `steps` from `now`, clamped to the ends.
fn neighbour<T: Copy + PartialEq>(all: &[T], now: Option<T>, steps: isize) -> Option<T> {
    let at = all.iter().position(|one| Some(*one) == now)?;
    let at = at.saturating_add_signed(steps).min(all.len().saturating_sub(1));
    all.get(at).copied()
}

/// Opens the review of the release, or reports what is missing.
pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    let Some(shown) = model.dialog::<Release>() else {
        return Vec::new();
    };
    let keymap = &model.setting.keymap;
    let all = rows(model, shown);
    let missing = all.iter().enumerate().find_map(|(at, row)| match row {
        Row::Resource { name, optional } if !optional && !shown.chosen.contains_key(name) => {
            let channel = lacking(model, shown, name).into_iter().next()?;
            Some((
                at,
                format!(
                    "{channel} has no {name} yet; {}",
                    keymap.hint(ActionId::RELEASE_MORE, "choose one")
                ),
            ))
        }
        _ => None,
    });
    let wish = wish(model, shown, &all);
    let ticks = keymap.hint(ActionId::RELEASE_TICK, "select one");
    let unticked = format!("no channel is selected; {ticks}");
    let Some(dialog) = model.dialog_mut::<Release>() else {
        return Vec::new();
    };
    if dialog.ticked.is_empty() {
        dialog.error = Some(unticked);
        return Vec::new();
    }
    if let Some((at, error)) = missing {
        dialog.list.at = at;
        dialog.error = Some(error);
        return Vec::new();
    }
    review::open(model, Intent::Release(wish))
}

fn wish(model: &Model, dialog: &Release, all: &[Row]) -> ReleaseIntent {
    let declared: Vec<&ResourceName> = facts(model, &dialog.charm)
        .map(|facts| declared(facts, dialog.revision))
        .into_iter()
        .flatten()
        .map(|one| &one.name)
        .collect();
    ReleaseIntent {
        charm: dialog.charm.clone(),
        revision: dialog.revision,
        channels: all
            .iter()
            .filter_map(|row| match row {
                Row::Channel(channel) if dialog.ticked.contains(channel) => Some(channel.clone()),
                _ => None,
            })
            .collect(),
        resources: dialog
            .chosen
            .iter()
            .filter(|(name, _)| declared.contains(name))
            .map(|(name, revision)| (name.clone(), *revision))
            .collect(),
    }
}
