//! Runs a palette command once all its arguments are typed.

use super::Typed;
use crate::console::actions::{ActionId, Availability, online};
use crate::console::effect::Effect;
use crate::console::image::{self, Look, Wanted};
use crate::console::panes::{charms, releases};
use crate::console::update::resume::ask_for as ask_resume;
use crate::console::{Model, review, upload};
use crate::domain::{
    CharmName, CharmRevision, ImageSource, Problem, ProblemKind, ReleaseName, ResourceName, SessionId,
};
use crate::journal::RunId;
use crate::plan::{
    CloseIntent, HoldIntent, Intent, PromoteIntent, PublishIntent, ReleaseIntent, RevokeIntent,
    RollbackIntent, RolledBack, UploadIntent,
};

/// Runs the action of `typed` with `words`; an invalid argument is reported in the last line.
pub fn run(model: &mut Model, typed: &Typed, words: &[String]) -> Vec<Effect> {
    if let Availability::Disabled(reason) = online(model)
        && typed.spec.id != ActionId::DIFF_RELEASES
    {
        model.refuse(reason);
        return Vec::new();
    }
    match performed(model, typed.spec.id, words) {
        Ok(effects) => effects,
        Err(problem) => {
            let hint = problem.hints.first().map(|hint| format!("; {hint}"));
            model.refuse(format!("{}{}", problem.summary, hint.unwrap_or_default()));
            Vec::new()
        }
    }
}

fn performed(model: &mut Model, id: ActionId, words: &[String]) -> Result<Vec<Effect>, Problem> {
    let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
    let intent = match id {
        ActionId::DIFF_RELEASES => {
            let (from, to): (ReleaseName, ReleaseName) = (word(0).parse()?, word(1).parse()?);
            releases::show_diff(model, &from, &to);
            return Ok(Vec::new());
        }
        ActionId::RELEASE_IMAGE => {
            let wanted = Wanted::From(ImageSource::parse(word(0))?);
            return Ok(image::open(model, Look { wanted, to: None }));
        }
        ActionId::RESUME => {
            let run = RunId(word(0).to_owned());
            if model.record(&run).is_none() {
                return Err(Problem::new(
                    ProblemKind::Usage,
                    format!("no run {run} in the journal"),
                ));
            }
            ask_resume(model, &run);
            return Ok(Vec::new());
        }
        _ => intent(model, id, &word)?,
    };
    Ok(review::open(model, intent))
}

fn intent<'w>(model: &Model, id: ActionId, word: &impl Fn(usize) -> &'w str) -> Result<Intent, Problem> {
    Ok(match id {
        ActionId::PUBLISH => Intent::Publish(PublishIntent::of(word(0).parse()?)),
        ActionId::HOLD_RELEASE => {
            let release: ReleaseName = word(0).parse()?;
            let holds = model.snapshot.holds.value.as_ref();
            let held = holds.is_some_and(|holds| holds.contains(&release));
            Intent::Hold(HoldIntent { release, hold: !held })
        }
        ActionId::PROMOTE_RELEASE => Intent::Promote(PromoteIntent {
            release: word(0).parse()?,
            to: word(1).parse()?,
            with: std::collections::BTreeMap::new(),
        }),
        ActionId::CLOSE_CHANNEL => Intent::Close(CloseIntent {
            charm: word(0).parse()?,
            channel: word(1).parse()?,
        }),
        ActionId::ROLL_BACK_CHANNEL => Intent::Rollback(RollbackIntent::new(RolledBack::Charm {
            charm: word(0).parse()?,
            channels: vec![word(1).parse()?],
            to: None,
        })),
        ActionId::ROLL_BACK_RUN => {
            Intent::Rollback(RollbackIntent::new(RolledBack::Run(RunId(word(0).to_owned()))))
        }
        ActionId::RELEASE_REVISION => {
            let number = word(1).trim_start_matches('r');
            let number: u64 = number
                .parse()
                .map_err(|_| Problem::new(ProblemKind::Usage, format!("'{}' is not a revision", word(1))))?;
            Intent::Release(ReleaseIntent {
                charm: word(0).parse()?,
                revision: CharmRevision(number),
                channels: vec![word(2).parse()?],
                resources: std::collections::BTreeMap::new(),
            })
        }
        ActionId::UPLOAD => {
            let charm: CharmName = word(0).parse()?;
            let resource: ResourceName = word(1).parse()?;
            let images = charms::holds_images(model.workspace(), &model.snapshot, &charm, &resource);
            let content = upload::read(&model.setting, &resource, images, word(2));
            let content = content.unwrap_or_else(|| {
                Err(Problem::new(
                    ProblemKind::Usage,
                    "name a file or an image \
                    to upload",
                ))
            })?;
            Intent::Upload(UploadIntent {
                charm,
                resource,
                content,
            })
        }
        ActionId::REVOKE => Intent::Revoke(RevokeIntent {
            sessions: [SessionId::new(word(0))].into(),
        }),
        _ => {
            return Err(Problem::new(
                ProblemKind::Internal,
                format!("{id:?} takes no arguments"),
            ));
        }
    })
}
