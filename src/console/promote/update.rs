//! Opens the promotion dialog and handles its keys.

use std::collections::BTreeSet;

use ratatui::Frame;

use super::{Promote, RISKS, Row, latest_edge, rows, served};
use crate::console::actions::Scope;
use crate::console::components::{Dialog, List};
use crate::console::effect::Effect;
use crate::console::panes::PaneId;
use crate::console::view::Drawn;
use crate::console::{Model, review};
use crate::domain::{Channel, CharmName, ReleaseName, Risk, Track};
use crate::plan::evidence::{self, Published};
use crate::plan::{Intent, PromoteIntent, PromoteTrackIntent};

/// Returns what the selected row promotes: a release and its track, or a whole track; else why
/// nothing.
pub fn source(model: &Model) -> Result<(Option<ReleaseName>, Track), &'static str> {
    let (release, track) = match model.pane {
        PaneId::RELEASES => {
            let row = model.release_rows().selected().ok_or("no release is selected")?;
            let track = row.name.track();
            (
                Some(row.name.clone()),
                track.map_err(|_| "the release name gives no track")?,
            )
        }
        PaneId::CHANNELS => of_channels(model)?,
        _ => return Err("select a release or one of its channels"),
    };
    let risks: &[Risk] = match &release {
        Some(_) => &[Risk::Edge],
        None => &[Risk::Edge, Risk::Beta, Risk::Candidate],
    };
    let known = |name| !model.snapshot.rows(name).is_empty();
    let charms = || model.workspace().charms.iter().map(|charm| &charm.name);
    let open = |name: &CharmName| {
        risks.iter().any(|risk| {
            let channel = Channel::new(track.clone(), *risk);
            served(model, name, &channel).next().is_some()
        })
    };
    let unpublished = release.as_ref().and_then(|name| unpublished(model, name));
    if let Some(reason) = unpublished.filter(|_| charms().any(known)) {
        Err(reason)
    } else if charms().any(open) {
        Ok((release, track))
    } else if !charms().any(known) {
        Err("the channels were not read yet")
    } else if release.is_some() {
        Err("the edge of its track is closed; publish the release first")
    } else {
        Err("this track has no open channel below stable")
    }
}

/// Returns why a release that is not published cannot be promoted.
fn unpublished(model: &Model, name: &ReleaseName) -> Option<&'static str> {
    let release = model.snapshot.release(name)?;
    match evidence::standing(model.workspace(), &model.snapshot, release).published? {
        Published::No => Some("it is not published; publish it first"),
        Published::RolledBack => Some("it was rolled back; publish it first"),
        Published::Yes | Published::Partly => None,
    }
}

/// Returns the release that the edge of the selected row runs: of several with the same images the
/// one with a marker branch, else the newest of its month. The whole track if no release of its
/// month runs there.
fn of_channels(model: &Model) -> Result<(Option<ReleaseName>, Track), &'static str> {
    let row = model.channel_rows().selected().ok_or("nothing is selected")?;
    if row.branch.is_some() {
        return Err("branches cannot be promoted; select their track");
    }
    let (workspace, snapshot) = (model.workspace(), &model.snapshot);
    let edge = Channel::new(row.track.clone(), Risk::Edge);
    let markers = snapshot.markers.value.as_ref();
    let charm = workspace.charm(&row.charm).ok_or("this charm was not read yet")?;
    let mut named: Vec<ReleaseName> = served(model, &row.charm, &edge)
        .flat_map(|one| {
            charm.fed().flat_map(|(resource, _)| {
                evidence::releases_in_row(workspace, snapshot, charm, resource, one)
            })
        })
        .filter(|name| name.month() == row.track.as_str())
        .collect();
    named.sort_by_key(|name| (markers.is_some_and(|all| all.contains(name)), name.clone()));
    Ok((named.pop(), row.track.clone()))
}

/// Opens the dialog for the selected row.
pub fn open(model: &mut Model) {
    match source(model) {
        Ok((release, track)) => {
            let [first, ..] = RISKS;
            model.open(Promote {
                release,
                track,
                to: first,
                with: BTreeSet::new(),
                list: List::default(),
            });
        }
        Err(reason) => model.refuse(reason),
    }
}

impl Promote {
    fn go_to(&mut self, model: &Model, at: usize) {
        let all = rows(model, self);
        self.list.at = at.min(all.len().saturating_sub(1));
        // Enter uses only the risk under the cursor.
        if let Some(Row::Risk(risk)) = all.get(self.list.at) {
            self.to = *risk;
        }
    }

    /// Includes the selected charm, or leaves it out.
    fn tick(&mut self, model: &Model) {
        if let Some(Row::Charm(charm)) = rows(model, self).into_iter().nth(self.list.at)
            && !self.with.remove(&charm)
        {
            self.with.insert(charm);
        }
    }
}

impl Dialog for Promote {
    fn scope(&self) -> Scope {
        Scope::PROMOTE
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

    fn move_by(&mut self, model: &Model, steps: isize) {
        self.go_to(model, self.list.at.saturating_add_signed(steps));
    }

    /// Moves to row `line`; if a charm is already selected there, includes it or leaves it out.
    fn pick(&mut self, model: &Model, line: usize) {
        if self.list.at == line {
            self.tick(model);
        } else {
            self.go_to(model, line);
        }
    }
}

/// Includes the selected charm, or leaves it out.
pub(super) fn tick(model: &mut Model) {
    if let Some(mut dialog) = model.take_dialog::<Promote>() {
        dialog.tick(model);
        model.open(dialog);
    }
}

/// Opens the review of the promotion.
pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model.dialog::<Promote>() else {
        return Vec::new();
    };
    let Promote {
        release,
        track,
        to,
        with,
        ..
    } = dialog.clone();
    let intent = match release {
        None => Intent::PromoteTrack(PromoteTrackIntent { track, to }),
        Some(release) => {
            let with = with.into_iter().map(|charm| (charm, latest_edge())).collect();
            Intent::Promote(PromoteIntent { release, to, with })
        }
    };
    review::open(model, intent)
}
