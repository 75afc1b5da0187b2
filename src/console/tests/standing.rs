//! Tests published releases: evidence, promotion, rollback and hold, key by key.

mod back;

use std::sync::Arc;

use super::world::{console, now, press, record, screen, snapshot};
use crate::console::actions::{ActionId, Availability, Key};
use crate::console::effect::Effect;
use crate::console::promote::Promote;
use crate::console::review::Review;
use crate::console::update::update;
use crate::console::{Model, Msg, panes, registry};
use crate::domain::charm::ChannelRow;
use crate::domain::{
    CharmRevision, Observed, Problem, ProblemKind, Remedy, ResourceRevision, SanitizedText, Snapshot,
};
use crate::journal::{Outcome, RunRecord, StepOutcome, StepRecord};
use crate::plan::{
    Intent, LaterChanges, Op, Plan, PlannedResource, PlannedRow, RollbackIntent, RolledBack, State, Step,
    StepId, Undo,
};

const ENGINE: &str = "finos-legend-engine-k8s";
const STUDIO: &str = "finos-legend-studio-k8s";

fn can(model: &Model, id: ActionId) -> Availability {
    (registry::spec(id).unwrap().availability)(model)
}

fn seen_by(model: &mut Model, change: impl FnOnce(&mut Snapshot)) {
    change(Arc::make_mut(&mut model.snapshot));
    panes::rebuild(model);
}

/// A fixture in which studio has nothing on the track, one release is held and the bundle is open.
pub(super) fn stands(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    seen_by(&mut model, |snapshot| {
        let studio = snapshot.charms.get_mut(&STUDIO.parse().unwrap()).unwrap();
        let facts = studio.value.as_mut().unwrap();
        facts.rows.retain(|row| row.channel.to_string() != "2023-12/edge");
        snapshot.holds = Observed::read(["2024-01-08".parse().unwrap()].into(), now());
        let row = ChannelRow {
            channel: "2023-12/edge".parse().unwrap(),
            base: None,
            revision: CharmRevision(57),
            resources: Vec::new(),
            released_at: None,
        };
        let bundle = "finos-legend-bundle".parse().unwrap();
        snapshot.served.insert(bundle, Observed::read(vec![row], now()));
    });
    model
}

fn on_release(model: &mut Model, name: &str) {
    press(model, Key::Char('1'));
    model.release_rows_mut().select_key(name);
}

/// Returns the intent that the console plans after `key`.
fn wish(model: &mut Model, key: Key) -> Option<(u64, Intent)> {
    update(model, Msg::Key(key))
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Plan { id, intent, .. } => Some((id, intent)),
            _ => None,
        })
}

fn planned(model: &mut Model, id: u64, plan: Result<Plan, Problem>) {
    let snapshot = model.snapshot.clone();
    update(model, Msg::Planned(id, now(), snapshot, Box::new(plan)));
}

// ---- plans built by hand

fn row(channel: &str, base: &str, serves: Option<(u64, u64)>, resource: &str) -> PlannedRow {
    PlannedRow {
        channel: channel.parse().unwrap(),
        base: Some(crate::domain::Base {
            name: "ubuntu".into(),
            channel: base.into(),
            architecture: "amd64".into(),
        }),
        revision: serves.map(|(revision, _)| CharmRevision(revision)),
        version: None,
        resources: serves
            .into_iter()
            .map(|(_, revision)| PlannedResource {
                name: resource.parse().unwrap(),
                revision: Some(ResourceRevision(revision)),
                digest: None,
                config_digest: None,
                tag: None,
                release: vec!["2023-12-05".parse().unwrap()],
            })
            .collect(),
    }
}

fn step(op: Op, target: &str, before: State, after: State, undo: &str) -> Step {
    Step {
        id: StepId(format!("{}/{target}", op.kind())),
        kind: op.kind().to_owned(),
        target: SanitizedText::new(target),
        before,
        after,
        bytes: None,
        skip_reason: None,
        undo: Undo::by(undo),
        optional: false,
        op,
    }
}

fn release_step(charm: &str, before: Vec<PlannedRow>, after: Vec<PlannedRow>) -> Step {
    let moves = after
        .iter()
        .map(|row| crate::plan::ChannelUpdate {
            channel: row.channel.clone(),
            base: row.base.clone(),
            revision: row.revision.unwrap(),
            resources: Vec::new(),
            before: None,
        })
        .collect();
    let charm_name = charm.parse().unwrap();
    let op = Op::Release {
        charm: charm_name,
        moves,
    };
    let undo = "the channels can be released again as they were";
    step(op, charm, State::Rows(before), State::Rows(after), undo)
}

fn close_step(charm: &str, before: Vec<PlannedRow>) -> Step {
    let after = before
        .iter()
        .map(|row| PlannedRow {
            revision: None,
            resources: Vec::new(),
            ..row.clone()
        })
        .collect();
    let op = Op::Close {
        charm: charm.parse().unwrap(),
        channel: before[0].channel.clone(),
        before: Vec::new(),
    };
    let undo = "release what the channel served before";
    step(op, charm, State::Rows(before), State::Rows(after), undo)
}

fn plan(title: &str, intent: Intent, steps: Vec<Step>, confirm: &str) -> Plan {
    Plan::new("small", "test", title.into(), intent, steps, confirm.into())
}

fn promotion(intent: Intent) -> Plan {
    let pair = |channel: &str, base, serves| row(channel, base, serves, "engine-image");
    let mut plan = plan(
        "Promote 2023-12-05 to stable",
        intent,
        vec![release_step(
            ENGINE,
            vec![
                pair("2023-12/stable", "20.04", None),
                pair("2023-12/stable", "22.04", Some((48, 30))),
            ],
            vec![
                pair("2023-12/stable", "20.04", Some((50, 32))),
                pair("2023-12/stable", "22.04", Some((49, 32))),
            ],
        )],
        "2023-12-05",
    );
    plan.warnings = vec![SanitizedText::new(
        "legend-gitlab stays on edge in the bundle: latest/stable is closed",
    )];
    plan.left_out = vec![SanitizedText::new(format!(
        "{STUDIO}: nothing on 2023-12/edge (--with {STUDIO}=latest/edge takes it along)"
    ))];
    plan
}

fn rolling_back(later: LaterChanges) -> Plan {
    let pair = |channel: &str, serves| row(channel, "20.04", serves, "engine-image");
    let of = RolledBack::Run(record(None).id);
    plan(
        "Roll back run 20250201T120000Z-ab12",
        Intent::Rollback(RollbackIntent { of, later }),
        vec![
            release_step(
                ENGINE,
                vec![pair("latest/edge", Some((50, 33)))],
                vec![pair("latest/edge", Some((50, 32)))],
            ),
            close_step(ENGINE, vec![pair("2025-01/edge", Some((50, 33)))]),
        ],
        "yes",
    )
}

/// Returns a run whose steps ended with `outcomes`, in order; the rest was not begun.
fn ran(outcome: Outcome, outcomes: &[StepOutcome]) -> RunRecord {
    let mut record = record(Some(outcome));
    let outcomes = outcomes
        .iter()
        .map(|one| Some(*one))
        .chain(std::iter::repeat(None));
    record.steps = record
        .plan
        .steps
        .iter()
        .zip(outcomes)
        .map(|(step, outcome)| StepRecord {
            id: step.id.clone(),
            outcome,
            attempts: u32::from(outcome.is_some()),
            started_at: outcome.map(|_| now()),
            finished_at: outcome.map(|_| now()),
            made: crate::journal::StepOutput {
                resource_revision: outcome.map(|_| ResourceRevision(33)),
                ..crate::journal::StepOutput::default()
            },
            problem: None,
        })
        .collect();
    record
}

/// Returns a run whose steps were all done.
fn done(outcome: Outcome) -> RunRecord {
    ran(outcome, &[StepOutcome::Done; 40])
}

/// Returns a run that was done up to the release of the second charm, which the store refused.
pub(super) fn half_released() -> RunRecord {
    let mut record = done(Outcome::Failed);
    let refused = format!("release/{STUDIO}");
    let at = record.steps.iter().position(|step| step.id.0 == refused).unwrap();
    let problem = Problem::new(ProblemKind::Refused, "the store refused the release of studio")
        .hint("look at the resource, then resume");
    for step in &mut record.steps[at..] {
        step.outcome = None;
        step.attempts = 0;
    }
    record.steps[at].outcome = Some(StepOutcome::Failed);
    record.steps[at].attempts = 1;
    record.steps[at].problem = Some(problem.clone());
    record.problem = Some(problem);
    record
}

pub(super) fn with_runs(model: &mut Model, runs: Vec<RunRecord>) {
    model.runs = runs;
    panes::rebuild_activity(model);
}

// ---- evidence

#[test]
fn a_release_shows_what_its_standing_rests_on() {
    let mut model = stands((120, 40));
    let mut run = done(Outcome::Done);
    if let Intent::Publish(wish) = &mut run.plan.intent {
        wish.release = "2023-12-05".parse().unwrap();
    }
    with_runs(&mut model, vec![run]);
    on_release(&mut model, "2023-12-05");
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    for fact in [
        "published   partly: its branch exists, but not every channel runs it",
        "branch      release-2023-12-05 exists in finos/bundle",
        "bundle      2023-12/edge r57 of finos-legend-bundle",
        "publish     done       just now by someone@here  20250201T120000Z-ab12",
        "engine      2023-12/edge  runs it  r50 + engine-image r32 on 20.04",
        "studio      2023-12/edge  closed",
        "finos/legend-engine-server:4.36.0  used by engine",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
    }
}

#[test]
fn evidence_names_the_release_itself_first_and_then_others_with_its_images() {
    let mut model = stands((120, 40));
    seen_by(&mut model, |snapshot| {
        let releases = snapshot.releases.value.as_mut().unwrap();
        let at = releases
            .iter()
            .position(|one| one.name.as_str() == "2023-12-05")
            .unwrap();
        let mut twin = releases[at].clone();
        twin.name = "2023-12-06".parse().unwrap();
        releases.insert(at, twin);
    });
    let (workspace, snapshot) = (model.workspace().clone(), model.snapshot.clone());
    for (name, other) in [("2023-12-05", "2023-12-06"), ("2023-12-06", "2023-12-05")] {
        let release = snapshot.release(&name.parse().unwrap()).unwrap();
        let standing = crate::plan::evidence::standing(&workspace, &snapshot, release);
        let evidence: Vec<String> = standing.evidence.iter().map(ToString::to_string).collect();
        let line = evidence.iter().find(|line| line.contains(" runs ")).unwrap();
        assert!(
            line.contains(&format!("runs engine-image of {name}: r")),
            "{evidence:?}"
        );
        assert!(
            line.ends_with(&format!(", also the image of {other}")),
            "{evidence:?}"
        );
        on_release(&mut model, name);
        press(&mut model, Key::Enter);
        let text = screen(&model).0;
        assert!(text.contains(&format!("also the image of {other}")), "{text}");
        press(&mut model, Key::Esc);
    }
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let mut model = console((120, 40), false);
    seen_by(&mut model, |snapshot| {
        snapshot.markers = Observed::failed(Problem::new(ProblemKind::Network, "GitHub did not answer"));
        snapshot.charms.clear();
    });
    on_release(&mut model, "2023-12-05");
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    for fact in [
        "published   unknown: the branches could not be read",
        "release-2023-12-05: could not be read",
        "finos-legend-bundle was not read yet",
        "engine      not read yet",
        "none in this journal",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
    }
}

#[test]
fn the_release_detail() {
    let mut model = stands((80, 24));
    with_runs(&mut model, vec![half_released()]);
    on_release(&mut model, "2025-01-27");
    press(&mut model, Key::Enter);
    let mut all = screen(&model).0;
    press(&mut model, Key::Esc);
    update(&mut model, Msg::Resize(120, 40));
    on_release(&mut model, "2024-01-08");
    all.push_str(&screen(&model).0);
    press(&mut model, Key::Enter);
    all.push_str(&screen(&model).0);
    insta::assert_snapshot!(all);
}

#[test]
fn the_pane_gives_the_answer_of_every_situation() {
    use crate::console::panes::releases::{Label, rows};
    use crate::plan::evidence::Published;
    use crate::plan::evidence::situations::{situations, workspace};
    for situation in situations() {
        let name = situation.name;
        let rows = rows(&workspace(), &situation.snapshot, true);
        let row = rows.iter().find(|row| row.name.as_str() == "2024-12-01").unwrap();
        assert_eq!(row.published, situation.published, "{name}");
        let label = match situation.published {
            Some(Published::Yes) => Label::Published,
            Some(Published::Partly) => Label::Partly,
            Some(Published::RolledBack) => Label::RolledBack,
            Some(Published::No) => Label::New,
            None => Label::Unknown,
        };
        assert_eq!(row.label, label, "{name}");
        let warned = row.warnings.iter().any(|one| one.as_str() == situation.warning);
        assert_eq!(warned, !situation.warning.is_empty(), "{name}");
    }
}

// ---- hold

#[test]
fn a_held_release_says_so_and_one_key_holds_or_lifts() {
    let mut model = stands((120, 40));
    assert!(screen(&model).0.contains("2024-01-08   new ‖ held ▲ date?"));
    on_release(&mut model, "2024-01-08");
    let (_, intent) = wish(&mut model, Key::Char('H')).unwrap();
    assert_eq!(intent.command(), "windlass unhold 2024-01-08");
    press(&mut model, Key::Esc);
    on_release(&mut model, "2025-01-27");
    let (_, intent) = wish(&mut model, Key::Char('H')).unwrap();
    assert_eq!(intent.command(), "windlass hold 2025-01-27");
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('/'));
    super::world::type_in(&mut model, "held");
    assert_eq!(model.release_rows().len(), 1);
}

// ---- promotion

#[test]
fn the_cursor_chooses_the_risk_and_nothing_goes_along_unasked() {
    let mut model = stands((120, 40));
    on_release(&mut model, "2023-12-05");
    press(&mut model, Key::Char('P'));
    assert!(model.dialog::<Promote>().is_some());
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    let (_, intent) = wish(&mut model, Key::Enter).unwrap();
    assert_eq!(intent.command(), "windlass promote 2023-12-05 --to stable");
    press(&mut model, Key::Esc);
    assert!(model.dialog::<Promote>().is_some(), "back where it was opened");
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('P'));
    press(&mut model, Key::Down);
    // Space on a risk includes nothing.
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    press(&mut model, Key::Char(' '));
    let (_, intent) = wish(&mut model, Key::Enter).unwrap();
    assert_eq!(
        intent.command(),
        format!("windlass promote 2023-12-05 --to stable --with {STUDIO}=latest/edge")
    );
}

#[test]
fn a_row_of_channels_promotes_the_release_on_its_edge() {
    let mut model = stands((120, 40));
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Down);
    assert_eq!(can(&model, ActionId::PROMOTE_CHANNEL), Availability::Enabled);
    press(&mut model, Key::Char('P'));
    let (_, intent) = wish(&mut model, Key::Enter).unwrap();
    assert_eq!(intent.command(), "windlass promote 2023-12-05 --to candidate");
}

#[test]
fn a_row_of_latest_promotes_the_whole_track() {
    let mut model = stands((120, 40));
    press(&mut model, Key::Char('2'));
    assert_eq!(can(&model, ActionId::PROMOTE_CHANNEL), Availability::Enabled);
    press(&mut model, Key::Char('P'));
    let text = screen(&model).0;
    for fact in [
        "Promote track latest",
        "Move every open risk of latest up one step, the most stable to:",
        "to latest/candidate",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
    }
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    let (id, intent) = wish(&mut model, Key::Enter).unwrap();
    assert_eq!(intent.command(), "windlass promote --track latest --to stable");
    let planned = crate::plan::promote::track::plan(
        model.workspace(),
        &model.snapshot,
        match &intent {
            Intent::PromoteTrack(intent) => intent,
            other => panic!("{other:?}"),
        },
    );
    self::planned(&mut model, id, planned);
    let text = screen(&model).0;
    assert!(text.contains("latest/stable"), "{text}");
    assert!(text.contains("closed → r50"), "{text}");
}

#[test]
fn what_is_not_on_its_track_cannot_be_promoted() {
    let mut model = stands((120, 40));
    on_release(&mut model, "2025-01-27");
    assert!(matches!(
        can(&model, ActionId::PROMOTE_RELEASE),
        Availability::Disabled(why) if why.contains("publish it first")
    ));
    press(&mut model, Key::Char('P'));
    assert!(model.modal.is_none());
    seen_by(&mut model, |snapshot| snapshot.charms.clear());
    assert!(matches!(
        can(&model, ActionId::PROMOTE_RELEASE),
        Availability::Disabled(why) if why.contains("not read yet")
    ));
    model.setting.offline = true;
    model.snapshot = Arc::new(snapshot());
    panes::rebuild(&mut model);
    on_release(&mut model, "2023-12-05");
    assert!(matches!(
        can(&model, ActionId::PROMOTE_RELEASE),
        Availability::Disabled(why) if why.starts_with("offline")
    ));
}

#[test]
fn the_promotion_dialog_and_its_review() {
    for size in [(120, 40), (80, 24), (50, 14)] {
        let mut model = stands(size);
        on_release(&mut model, "2023-12-05");
        press(&mut model, Key::Char('P'));
        for _ in 0..2 {
            press(&mut model, Key::Down);
        }
        let mut all = screen(&model).0;
        let (id, intent) = wish(&mut model, Key::Enter).unwrap();
        planned(&mut model, id, Ok(promotion(intent)));
        all.push_str(&screen(&model).0);
        insta::assert_snapshot!(format!("promotion_at_{}", size.0), all);
    }
}

#[test]
fn a_promotion_as_it_is_planned() {
    let promoted = |mut model: Model| {
        on_release(&mut model, "2023-12-05");
        press(&mut model, Key::Char('P'));
        press(&mut model, Key::Enter);
        model
    };
    let text = screen(&promoted(stands((120, 40)))).0;
    assert!(text.contains("is only partly published"), "{text}");
    let mut model = promoted(console((120, 40), false));
    let text = screen(&model).0;
    let heading = text.lines().position(|line| line.contains("▾ 2023-12/candidate"));
    let below: Vec<&str> = text.lines().skip(heading.unwrap() + 1).take(2).collect();
    assert!(below.iter().any(|line| line.contains("closed → r50")), "{text}");
    press(&mut model, Key::Enter);
    super::world::type_in(&mut model, "2023-12-05");
    let effects = press(&mut model, Key::Enter);
    assert!(
        matches!(effects.as_slice(), [Effect::Start { .. }]),
        "{effects:?}"
    );
}

// ---- rollback

#[test]
fn the_release_that_was_acted_on_stays_under_the_cursor() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('1'));
    let name = model.release_rows().selected().unwrap().name.clone();
    let marked = |snapshot: &mut Snapshot| {
        let markers = snapshot.markers.value.as_mut().unwrap();
        markers.insert(name.clone());
    };
    let mut idle = console((120, 40), false);
    seen_by(&mut idle, marked);
    assert_ne!(
        idle.release_rows().selected().unwrap().name,
        name,
        "nobody acted on it"
    );
    wish(&mut model, Key::Char('p')).unwrap();
    seen_by(&mut model, marked);
    assert_eq!(model.release_rows().selected().unwrap().name, name);
}

#[test]
fn a_publish_can_leave_branch_and_bundle_out() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    let (id, intent) = wish(&mut model, Key::Char('w')).unwrap();
    assert_eq!(
        intent.command(),
        "windlass publish 2025-01-27 --without branch,bundle"
    );
    let refused = Problem::new(
        ProblemKind::Credentials,
        "the token may not write contents of finos/bundle",
    )
    .remedy(
        &[Remedy::WithoutMarker],
        "--without branch,bundle publishes only the charms",
    );
    planned(&mut model, id, Err(refused));
    let text = screen(&model).0;
    assert!(text.contains("press w to publish only the charms") && !text.contains("bundle publishes only"));
    let (_, intent) = wish(&mut model, Key::Char('w')).unwrap();
    assert_eq!(intent.command(), "windlass publish 2025-01-27");
}

#[test]
fn a_publish_shows_what_happens_beside_its_images() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    let mut text = screen(&model).0;
    press(&mut model, Key::PageDown);
    text.push_str(&screen(&model).0);
    assert!(text.contains("Branch and bundle, in this order"), "{text}");
    assert!(text.contains("create-branch"), "{text}");
    assert!(model.on::<Review>().is_some());
}
