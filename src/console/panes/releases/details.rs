//! Formats the details of a release and the evidence for its state: branch, bundle, channels, the
//! runs that published it, its images.

use chrono::{DateTime, Utc};

use super::{Label, Row};
use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::console::actions::{ActionId, Keymap};
use crate::console::components::Line;
use crate::console::live;
use crate::console::model::short_name;
use crate::console::panes::channels::FLOW;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::charm::{ChannelRow, Serving};
use crate::domain::{Channel, Release, ReleaseName, Risk, SanitizedText, Snapshot, Track};
use crate::journal::RunRecord;
use crate::plan::evidence::{self, Published};
use crate::plan::{Intent, RolledBack};

/// Number of runs listed.
const RUNS: usize = 5;

/// Returns the lines of everything known about the release of `row`; `waited` is the time until it
/// was published.
pub fn details(
    (workspace, keymap): (&Workspace, &Keymap),
    snapshot: &Snapshot,
    runs: &[RunRecord],
    row: &Row,
    waited: Option<Line>,
    now: DateTime<Utc>,
) -> Vec<Line> {
    let release = snapshot.release(&row.name);
    let made = row.made.map_or_else(
        || "unknown".to_owned(),
        |at| {
            let source = match release {
                Some(release) if release.timestamp.is_none() => ", by its name",
                Some(release) if release.misdated().is_some() => ", by the timestamp in its manifest",
                _ => "",
            };
            format!("{} UTC ({}){source}", words::minute(at), words::age(now, at))
        },
    );
    let mut lines = vec![
        Line::of("published", published(snapshot, row), row.tone()),
        Line::of("date", made, Tone::Plain),
    ];
    lines.extend(waited);
    if row.held {
        let lifts = keymap.hint(ActionId::HOLD_RELEASE, "remove the hold");
        let text = format!("held: 'publish --new' skips it; {lifts}, or publish it by name");
        lines.push(Line::of("hold", text, Tone::Warn));
    }
    lines.extend(branch(workspace, snapshot, &row.name));
    lines.extend(bundle(workspace, snapshot, &row.name));
    for text in &row.warnings {
        lines.push(Line::of("warning", text.to_string(), Tone::Warn));
    }
    run_lines(runs, &row.name, now, &mut lines);
    channel_lines(workspace, snapshot, &row.name, &mut lines);
    if let Some(release) = release {
        image_lines(workspace, snapshot, release, &mut lines);
    }
    lines
}

fn published(snapshot: &Snapshot, row: &Row) -> String {
    let markers = snapshot.markers.value.as_ref();
    let marked = markers.is_some_and(|markers| markers.contains(&row.name));
    let word = match row.published {
        Some(Published::Yes) => "yes",
        Some(Published::Partly) if marked => {
            "partly: its branch exists, but not every channel \
            runs it"
        }
        Some(Published::RolledBack) => "rolled back: its branch exists, but no channel runs it",
        Some(Published::Partly) => "partly: channels run it, but its branch does not exist",
        Some(Published::No) => "no",
        None => "unknown: the branches could not be read",
    };
    let more = match &row.label {
        Label::New => ", selected by the rule".to_owned(),
        Label::Twin(other) => format!(", same images as {other}"),
        Label::Passed => ", the rule selects another release of its month".to_owned(),
        Label::Withdrawn => "; withdrawn upstream".to_owned(),
        Label::Phantom => ", but missing upstream".to_owned(),
        Label::Published | Label::Partly | Label::RolledBack | Label::Unknown => String::new(),
    };
    format!("{word}{more}")
}

fn branch(workspace: &Workspace, snapshot: &Snapshot, release: &ReleaseName) -> Option<Line> {
    let bundle = workspace.bundle.as_ref()?;
    let name = bundle.branch.replace("{release}", release.as_str());
    Some(match &snapshot.markers.value {
        None => Line::of("branch", format!("{name}: could not be read"), Tone::Warn),
        Some(markers) if markers.contains(release) => Line::of(
            "branch",
            format!("{name} exists in {}", bundle.repository),
            Tone::Good,
        ),
        Some(_) => Line::of(
            "branch",
            format!("{name} does not exist in {}", bundle.repository),
            Tone::Dim,
        ),
    })
}

fn bundle(workspace: &Workspace, snapshot: &Snapshot, release: &ReleaseName) -> Option<Line> {
    let bundle = workspace.bundle.as_ref()?;
    let track = release.track().ok()?;
    let rows = snapshot.rows(&bundle.name);
    let mut open: Vec<&ChannelRow> = rows.iter().filter(|row| row.channel.track == track).collect();
    open.sort_by_key(|row| std::cmp::Reverse(row.channel.risk));
    let known = snapshot
        .charms
        .get(&bundle.name)
        .is_some_and(|facts| facts.value.is_some())
        || snapshot
            .served
            .get(&bundle.name)
            .is_some_and(|rows| rows.value.is_some());
    let (text, tone) = match open.as_slice() {
        [] if !known => (format!("{} was not read yet", bundle.name), Tone::Dim),
        [] => (
            format!("{} has no open channel on track {track}", bundle.name),
            Tone::Dim,
        ),
        open => {
            let served: Vec<String> = open
                .iter()
                .map(|row| format!("{} {}", row.channel, row.revision))
                .collect();
            (format!("{} of {}", served.join(", "), bundle.name), Tone::Good)
        }
    };
    Some(Line::of("bundle", text, tone))
}

/// Returns what runs of this journal did to publish or roll back the release, newest first.
fn run_lines(runs: &[RunRecord], release: &ReleaseName, now: DateTime<Utc>, lines: &mut Vec<Line>) {
    let about: Vec<(&str, &RunRecord)> = runs
        .iter()
        .filter_map(|run| {
            let verb = match &run.plan.intent {
                Intent::Publish(wish) if &wish.release == release => "publish",
                Intent::Promote(wish) if &wish.release == release => "promote",
                Intent::Hold(wish) if &wish.release == release && wish.hold => "hold",
                Intent::Hold(wish) if &wish.release == release => "unhold",
                Intent::Rollback(wish) if takes_back(runs, &wish.of, release) => "roll back",
                _ => return None,
            };
            Some((verb, run))
        })
        .collect();
    lines.push(Line::blank());
    lines.push(Line::heading("Runs"));
    if about.is_empty() {
        let text = "none in this journal";
        lines.push(Line::text(text, Tone::Dim));
    }
    for (verb, run) in about.iter().take(RUNS) {
        let state = live::state(None, Some(run));
        let text = format!(
            "{}  {} by {}  {}",
            words::pad(state.word(), 9),
            words::age(now, run.started_at),
            run.actor,
            run.id
        );
        let (_, tone) = crate::console::panes::activity::view::mark(state);
        lines.push(Line::of(verb, text, tone));
    }
    if about.len() > RUNS {
        let text = format!("and {} earlier", about.len() - RUNS);
        lines.push(Line::text(text, Tone::Dim));
    }
}

/// Returns true if the run that is rolled back published or promoted the release.
fn takes_back(runs: &[RunRecord], of: &RolledBack, release: &ReleaseName) -> bool {
    let RolledBack::Run(id) = of else {
        return false;
    };
    let run = runs.iter().find(|run| &run.id == id);
    run.is_some_and(|run| match &run.plan.intent {
        Intent::Publish(wish) => &wish.release == release,
        Intent::Promote(wish) => &wish.release == release,
        _ => false,
    })
}

/// What a channel serves.
struct Served {
    /// The charm's short name, on the first line of its part.
    label: String,
    channel: String,
    verdict: String,
    serving: String,
    tone: Tone,
}

/// Returns what the channels of its track, of `latest` and of any other place it runs serve, charm
/// by charm.
fn channel_lines(workspace: &Workspace, snapshot: &Snapshot, release: &ReleaseName, lines: &mut Vec<Line>) {
    let track = release.track().ok();
    let mut all: Vec<Served> = Vec::new();
    for charm in workspace.fed_charms() {
        let first = all.len();
        if snapshot.rows(&charm.name).is_empty() {
            all.push(served("not read yet", "", "", Tone::Dim));
        }
        for channel in channels(workspace, snapshot, charm, release, track.as_ref()) {
            all.extend(serving(workspace, snapshot, charm, release, &channel));
        }
        if let Some(first) = all.get_mut(first) {
            short_name(workspace, charm.name.as_str()).clone_into(&mut first.label);
        }
    }
    let widest = |of: fn(&Served) -> &str| all.iter().map(|one| words::width(of(one))).max().unwrap_or(0);
    let (channel, verdict) = (widest(|one| &one.channel), widest(|one| &one.verdict));
    lines.push(Line::blank());
    lines.push(Line::heading("Channels"));
    for one in all {
        let text = format!(
            "{}  {}  {}",
            words::pad(&one.channel, channel),
            words::pad(&one.verdict, verdict),
            one.serving
        );
        lines.push(Line::of(&one.label, text.trim_end(), one.tone));
    }
}

fn served(channel: &str, verdict: &str, serving: &str, tone: Tone) -> Served {
    Served {
        label: String::new(),
        channel: channel.to_owned(),
        verdict: verdict.to_owned(),
        serving: serving.to_owned(),
        tone,
    }
}

/// Returns the relevant channels: the open ones of its track and of `latest`, both edges in any
/// case, and any other that runs it.
fn channels(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &Charm,
    release: &ReleaseName,
    track: Option<&Track>,
) -> Vec<Channel> {
    let latest = Track::latest();
    let own = |channel: &Channel| track == Some(&channel.track) || channel.track == latest;
    let mut found: Vec<Channel> = track
        .into_iter()
        .chain([&latest])
        .map(|track| Channel::new(track.clone(), Risk::Edge))
        .collect();
    for row in snapshot.rows(&charm.name) {
        let runs = || named(workspace, snapshot, charm, row).contains(release);
        if !found.contains(&row.channel) && (own(&row.channel) || runs()) {
            found.push(row.channel.clone());
        }
    }
    found.sort_by_key(|channel| {
        let risk = FLOW.iter().position(|risk| *risk == channel.risk);
        (
            track != Some(&channel.track),
            channel.track.clone(),
            risk,
            channel.branch.clone(),
        )
    });
    found
}

/// Returns the releases that name an image which `row` serves, newest first.
fn named(workspace: &Workspace, snapshot: &Snapshot, charm: &Charm, row: &ChannelRow) -> Vec<ReleaseName> {
    charm
        .fed()
        .flat_map(|(resource, _)| evidence::releases_in_row(workspace, snapshot, charm, resource, row))
        .collect()
}

/// Returns what a channel serves, base by base if they differ.
fn serving(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &Charm,
    release: &ReleaseName,
    channel: &Channel,
) -> Vec<Served> {
    let rows = snapshot.rows(&charm.name);
    if rows.is_empty() {
        return Vec::new();
    }
    let name = channel.to_string();
    let mut groups: Vec<(Served, Vec<String>)> = Vec::new();
    for row in rows.iter().filter(|row| &row.channel == channel) {
        let names = named(workspace, snapshot, charm, row);
        let (verdict, tone) = match names.first() {
            _ if names.contains(release) => ("runs it".to_owned(), Tone::Good),
            Some(other) => (format!("runs {other}"), Tone::Plain),
            None => ("runs another image".to_owned(), Tone::Dim),
        };
        let mut what = Serving::of(row).to_string();
        if names.contains(release) {
            what.push_str(&evidence::also_named(&names, release));
        }
        let one = served(&name, &verdict, &what, tone);
        let base = row
            .base
            .as_ref()
            .map(|base| base.channel.clone())
            .unwrap_or_default();
        let same = |(known, _): &&mut (Served, Vec<String>)| {
            known.verdict == one.verdict && known.serving == one.serving
        };
        match groups.iter_mut().find(same) {
            Some((_, bases)) => bases.push(base),
            None => groups.push((one, vec![base])),
        }
    }
    if groups.is_empty() {
        return vec![served(&name, "closed", "", Tone::Dim)];
    }
    let many = groups.len() > 1;
    for (one, bases) in groups.iter_mut().filter(|_| many) {
        one.serving.push_str(&format!(" on {}", bases.join(", ")));
    }
    groups.into_iter().map(|(one, _)| one).collect()
}

fn image_lines(workspace: &Workspace, snapshot: &Snapshot, release: &Release, lines: &mut Vec<Line>) {
    lines.push(Line::blank());
    lines.push(Line::heading("Images"));
    for (image, tag) in &release.images {
        let fed = workspace
            .fed_charms()
            .find(|charm| charm.fed().any(|(_, key)| key == image));
        let resolved = workspace
            .image_repository(image)
            .ok()
            .and_then(|repository| snapshot.image(&repository.tagged(tag)));
        let known = resolved.and_then(|r| r.value.as_ref());
        let mut text = format!("{}:{}", SanitizedText::new(image), SanitizedText::new(tag));
        if let Some(charm) = fed {
            text.push_str(&format!(
                "  used by {}",
                short_name(workspace, charm.name.as_str())
            ));
        }
        let tone = if fed.is_some() { Tone::Plain } else { Tone::Dim };
        lines.push(Line::text(text, tone));
        if let Some(known) = known {
            lines.push(Line::text(format!("  {}", known.digest), Tone::Dim));
        } else if resolved.is_some_and(|r| r.problem.is_some()) {
            lines.push(Line::text("  could not be read", Tone::Warn));
        }
    }
    if let Some(notes) = &release.notes {
        lines.push(Line::of("notes", notes.to_string(), Tone::Plain));
    }
}
