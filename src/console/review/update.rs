//! How the wish changes, and what follows from a plan that arrives.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Review, items};
use crate::console::Model;
use crate::console::dialogs::{Line, Modal, Prompt, Purpose};
use crate::console::effect::{Effect, RequestId};
use crate::console::live::Live;
use crate::console::model::Screen;
use crate::console::msg::ReviewMsg;
use crate::console::running::Running;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::{CharmName, Problem, ReleaseName, Snapshot};
use crate::journal::RunId;
use crate::plan::{Plan, PublishIntent};

/// Opens the review of publishing `release`.
pub fn open(model: &mut Model, release: ReleaseName) -> Vec<Effect> {
    model.screen = Screen::Review(Box::new(Review {
        intent: PublishIntent::of(release),
        plan: None,
        problem: None,
        planned_at: None,
        in_flight: None,
        starting: None,
        cursor: 0,
        offset: 0,
        follow: true,
    }));
    plan_again(model)
}

fn plan_again(model: &mut Model) -> Vec<Effect> {
    let id = model.next_id();
    let previous = model.snapshot.clone();
    let Screen::Review(review) = &mut model.screen else {
        return Vec::new();
    };
    review.in_flight = Some(id);
    vec![Effect::PlanPublish {
        id,
        previous,
        intent: review.intent.clone(),
    }]
}

/// What a key of the review does.
pub fn update(model: &mut Model, msg: ReviewMsg) -> Vec<Effect> {
    let Screen::Review(review) = &mut model.screen else {
        return Vec::new();
    };
    match msg {
        ReviewMsg::TrackOnly => review.intent.track_only = !review.intent.track_only,
        ReviewMsg::AllowDowngrade => review.intent.allow_downgrade = !review.intent.allow_downgrade,
        ReviewMsg::KeepRevision => review.intent.keep_revision = !review.intent.keep_revision,
        ReviewMsg::Again => {}
        ReviewMsg::Toggle => return toggle(model),
        ReviewMsg::Replace => return ask_image(model),
        ReviewMsg::Confirm => return ask_word(model),
    }
    plan_again(model)
}

fn toggle(model: &mut Model) -> Vec<Effect> {
    let Screen::Review(review) = &model.screen else {
        return Vec::new();
    };
    let all = items(model.workspace(), &model.snapshot, &review.intent);
    let Some(item) = all.get(review.cursor) else {
        return Vec::new();
    };
    let charm = item.charm.clone();
    let mut taken: Vec<CharmName> = all
        .iter()
        .filter(|item| item.taken)
        .map(|item| item.charm.clone())
        .collect();
    if item.taken {
        taken.retain(|name| name != &charm);
    } else {
        taken.push(charm.clone());
    }
    if taken.is_empty() {
        model.refuse("a publish needs at least one image; esc leaves the review");
        return Vec::new();
    }
    let every = all.iter().all(|item| taken.contains(&item.charm));
    // An image chosen by hand for a charm that is left out would be refused by the planner.
    let orphans: Vec<String> = all
        .iter()
        .filter(|item| !taken.contains(&item.charm))
        .map(|item| item.image.clone())
        .collect();
    let Screen::Review(review) = &mut model.screen else {
        return Vec::new();
    };
    review.intent.images.retain(|image, _| !orphans.contains(image));
    review.intent.revisions.retain(|name, _| taken.contains(name));
    review.intent.charms = if every {
        Default::default()
    } else {
        taken.into_iter().collect()
    };
    plan_again(model)
}

fn ask_image(model: &mut Model) -> Vec<Effect> {
    let Screen::Review(review) = &model.screen else {
        return Vec::new();
    };
    let all = items(model.workspace(), &model.snapshot, &review.intent);
    let Some(item) = all.get(review.cursor) else {
        return Vec::new();
    };
    if !item.taken {
        model.refuse("this image is left out; take it in first with space");
        return Vec::new();
    }
    model.modal = Some(Modal::Prompt(Box::new(Prompt {
        title: "Other image".to_owned(),
        lines: vec![
            Line::text(
                format!("{} of {} feeds {}.", item.target, item.image, item.charm),
                Tone::Plain,
            ),
            Line::text(
                "Type another tag, or sha256: and 64 digits. Nothing goes back to the release's own.",
                Tone::Dim,
            ),
        ],
        wanted: None,
        input: tui_input::Input::default(),
        error: None,
        purpose: Purpose::Replace(item.image.clone()),
    })));
    Vec::new()
}

/// Takes the tag or digest that was typed for `image`; says what is wrong with it otherwise.
pub fn replace_image(model: &mut Model, image: &str, typed: &str) -> Result<Vec<Effect>, String> {
    let Screen::Review(review) = &mut model.screen else {
        return Ok(Vec::new());
    };
    if typed.trim().is_empty() {
        review.intent.images.remove(image);
    } else {
        let target = typed
            .trim()
            .parse()
            .map_err(|problem: Problem| problem.to_string())?;
        review.intent.images.insert(image.to_owned(), target);
    }
    Ok(plan_again(model))
}

fn ask_word(model: &mut Model) -> Vec<Effect> {
    let Screen::Review(review) = &model.screen else {
        return Vec::new();
    };
    let Some(plan) = review.plan.clone() else {
        return Vec::new();
    };
    let writing = plan
        .steps
        .iter()
        .filter(|step| step.skip_reason.is_none() && step.op.writes())
        .count();
    let mut lines = vec![
        Line::text(plan.title.clone(), Tone::Strong),
        Line::text(
            format!(
                "{}, {} to send, {}.",
                words::count(writing, "change", "changes"),
                words::bytes(plan.bytes()),
                words::count(plan.warnings.len(), "warning", "warnings")
            ),
            Tone::Plain,
        ),
    ];
    if plan.risk == crate::plan::Risk::Irreversible {
        lines.push(Line::text(
            "Uploads and tracks stay; the store keeps them.",
            Tone::Warn,
        ));
    }
    lines.push(Line::text(
        format!("Type {} to start. It cannot be pasted.", plan.confirm),
        Tone::Accent,
    ));
    model.modal = Some(Modal::Prompt(Box::new(Prompt {
        title: "Confirm".to_owned(),
        lines,
        wanted: Some(plan.confirm.clone()),
        input: tui_input::Input::default(),
        error: None,
        purpose: Purpose::Start(Box::new(plan)),
    })));
    Vec::new()
}

/// Takes a plan, or the reason why there is none. What was looked at for it is kept either way.
pub fn planned(
    model: &mut Model,
    id: RequestId,
    at: DateTime<Utc>,
    snapshot: Arc<Snapshot>,
    result: Result<Plan, Problem>,
) {
    let Screen::Review(review) = &mut model.screen else {
        return;
    };
    if review.in_flight != Some(id) {
        return;
    }
    review.in_flight = None;
    review.planned_at = Some(at);
    match result {
        Ok(plan) => {
            review.plan = Some(plan);
            review.problem = None;
        }
        Err(problem) => {
            review.plan = None;
            review.problem = Some(problem);
        }
    }
    model.now = model.now.max(at);
    model.snapshot = snapshot;
    crate::console::panes::rebuild(model);
}

/// Goes to the run that began, or shows why none did.
pub fn started(model: &mut Model, id: RequestId, result: Result<RunId, Problem>) -> Vec<Effect> {
    let plan = match &mut model.screen {
        Screen::Review(review) if review.starting == Some(id) => {
            review.starting = None;
            review.plan.clone()
        }
        _ => return Vec::new(),
    };
    match result {
        Ok(run) => {
            if let Some(plan) = plan {
                model.live.insert(run.clone(), Live::new(plan));
            }
            model.screen = Screen::Run(Running::of(run));
            crate::console::panes::rebuild_activity(model);
            crate::console::update::read_runs(model)
        }
        Err(problem) => {
            model.modal = Some(Modal::Problem(crate::console::dialogs::Text::of_problem(
                "The run was not started",
                &problem,
            )));
            Vec::new()
        }
    }
}
