//! Tests rotation, login, revoking, and what an expired credential leads to.

use std::sync::Arc;

use super::standing::half_released;
use super::world::{answer, console, now, press, record, refused_rotation, screen, type_in};
use crate::console::actions::{ActionId, Availability, Key, Keymap};
use crate::console::components::Text;
use crate::console::dialogs::Prompt;
use crate::console::effect::Effect;
use crate::console::given::{Discharge, Proof};
use crate::console::panes::screen::PanesScreen;
use crate::console::review::Review;
use crate::console::running::Running;
use crate::console::sign_in::SignIn;
use crate::console::sign_in::{Ask, view::DEMO_HINT};
use crate::console::update::update;
use crate::console::{Model, Msg, hidden::Hidden, registry, running};
use crate::demo::environment;
use crate::domain::{Problem, ProblemKind, Remedy};
use crate::journal::{Outcome, RunId};
use crate::plan::{Intent, Op, Plan, SignInIntent, TokenStorage};
use crate::services::charmhub::{EXPIRED, NEW_TOKEN, SignedOn};

/// A placeholder proof of a sign-in.
pub(super) fn proof() -> Proof {
    Proof(Arc::new(SignedOn::blank()))
}

fn reviewed(model: &Model) -> Option<Plan> {
    model.on::<Review>().and_then(|review| review.plan.clone())
}

fn see(model: &Model, text: &str) {
    let shown = screen(model).0;
    assert!(shown.contains(text), "no '{text}' in\n{shown}");
}

/// Opens the dialog of a rotation.
fn rotating() -> Model {
    let mut model = console((120, 40), false);
    assert!(press(&mut model, Key::Char('R')).is_empty());
    press(&mut model, Key::Enter);
    type_in(&mut model, "CHARMHUB_TOKEN");
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(model.dialog::<SignIn>().is_some());
    model
}

/// Fills in the fields and signs in at Ubuntu One.
fn login(model: &mut Model, password: &str) -> u64 {
    type_in(model, "releaser@legend.example");
    press(model, Key::Enter);
    type_in(model, password);
    sent(&press(model, Key::Enter))
}

fn sent(effects: &[Effect]) -> u64 {
    match effects {
        [Effect::Discharge { id, .. }] => *id,
        other => panic!("{other:?}"),
    }
}

fn say(model: &mut Model, id: u64, result: Result<Discharge, Problem>) -> Vec<Effect> {
    let effects = update(model, Msg::Discharged(id, Box::new(result)));
    answer(model, effects)
}

#[test]
fn a_rotation_is_reviewed_confirmed_signed_in_and_started() {
    let mut model = rotating();
    let id = login(&mut model, "sesame");
    let effects = say(&mut model, id, Ok(Discharge::OtpWanted));
    assert!(effects.is_empty());
    see(&model, "One-time password");
    type_in(&mut model, "123456");
    let id = sent(&press(&mut model, Key::Enter));
    see(&model, "signing in at Ubuntu One");
    let effects = say(&mut model, id, Ok(Discharge::Signed(proof())));
    let [Effect::Start { id, plan, given }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(matches!(plan.get().intent, Intent::Rotate(_)));
    let typed = given.login.as_ref().unwrap();
    assert_eq!(typed.password, Hidden::from("sesame"));
    assert_eq!(typed.otp, Some(Hidden::from("123456")));
    assert!(given.proof.is_some() && model.modal.is_none());
    let run = RunId("run-1".into());
    let effects = update(&mut model, Msg::Started(*id, Ok(run)));
    answer(&mut model, effects);
    see(&model, "set-secret       finos/studio:CHARMHUB_TOKEN");
}

#[test]
fn the_review_of_a_rotation_says_what_is_and_what_will_be() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('R'));
    for text in [
        "windlass rotate",
        "finos/engine:CHARMHUB_TOKEN",
        "not by windlass, since its last",
        "Former tokens stay valid until they expire",
        "Cannot be undone",
        "key of finos/bundle",
    ] {
        let mut found = screen(&model).0.contains(text);
        for _ in 0..3 {
            if !found {
                press(&mut model, Key::PageDown);
                found = screen(&model).0.contains(text);
            }
        }
        assert!(found, "{text}");
        press(&mut model, Key::PageUp);
        press(&mut model, Key::PageUp);
        press(&mut model, Key::PageUp);
    }
    press(&mut model, Key::Char('v'));
    let plan = reviewed(&model).unwrap();
    assert!(plan.command.ends_with("--revoke recorded"), "{}", plan.command);
    press(&mut model, Key::Char(' '));
    let plan = reviewed(&model).unwrap();
    assert!(plan.command.contains("--revoke session-lost"), "{}", plan.command);
    press(&mut model, Key::Char('v'));
    press(&mut model, Key::Char(' '));
    assert_eq!(reviewed(&model).unwrap().command, "windlass rotate");
}

#[test]
fn a_repository_without_rights_is_left_out_by_a_key_and_put_back() {
    let mut model = refused_rotation();
    see(&model, "the GitHub token may not write to finos/studio");
    see(&model, "press w to skip the refused secrets");
    press(&mut model, Key::Char('w'));
    let plan = reviewed(&model).unwrap();
    assert_eq!(
        plan.command,
        "windlass rotate --without finos/studio:CHARMHUB_TOKEN"
    );
    see(&model, "finos/studio:CHARMHUB_TOKEN keeps its current value");
    see(&model, "press w to include them again");
    press(&mut model, Key::Char('w'));
    assert!(reviewed(&model).is_none());
    see(&model, "press w to skip the refused secrets");
    // If nothing is refused and nothing was left out, the key does nothing.
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('R'));
    let before = reviewed(&model).unwrap();
    assert!(press(&mut model, Key::Char('w')).is_empty());
    assert_eq!(reviewed(&model).unwrap(), before);
}

#[test]
fn a_wrong_password_is_said_in_the_dialog_and_tried_again() {
    let mut model = rotating();
    let id = login(&mut model, "wrong");
    let refused = Problem::new(
        ProblemKind::Credentials,
        "Ubuntu One does not know this email and password",
    );
    say(&mut model, id, Err(refused));
    see(&model, "does not know this email");
    let Some(dialog) = model.dialog::<SignIn>() else {
        panic!("the dialog is gone");
    };
    assert!(dialog.entry(Ask::Password).unwrap().is_empty());
    assert!(!dialog.entry(Ask::Email).unwrap().is_empty());
    type_in(&mut model, "right");
    let id = sent(&press(&mut model, Key::Enter));
    let effects = say(&mut model, id, Ok(Discharge::Signed(proof())));
    assert!(matches!(effects.as_slice(), [Effect::Start { .. }]));
}

#[test]
fn an_answer_that_never_came_costs_nothing_that_was_typed() {
    let mut model = rotating();
    let id = login(&mut model, "sesame");
    // Meanwhile nothing is sent twice and nothing can be edited.
    assert!(press(&mut model, Key::Enter).is_empty());
    press(&mut model, Key::Backspace);
    say(
        &mut model,
        id,
        Err(Problem::new(ProblemKind::Network, "no answer")),
    );
    see(&model, "no answer");
    let again = press(&mut model, Key::Enter);
    let [Effect::Discharge { login, .. }] = again.as_slice() else {
        panic!("{again:?}");
    };
    assert_eq!(login.password, Hidden::from("sesame"));
}

#[test]
fn leaving_the_dialog_starts_nothing_even_if_the_answer_comes_late() {
    let mut model = rotating();
    let id = login(&mut model, "sesame");
    assert!(press(&mut model, Key::Esc).is_empty());
    assert!(model.modal.is_none());
    assert!(say(&mut model, id, Ok(Discharge::Signed(proof()))).is_empty());
    assert!(model.on::<Review>().is_some());
}

#[test]
fn what_is_typed_in_secret_is_nowhere_to_be_read() {
    let mut model = rotating();
    type_in(&mut model, "me@here");
    press(&mut model, Key::Tab);
    let pasted = Msg::Paste(" hunter2-hunter2-hunter2 \n".into());
    assert!(!format!("{pasted:?}").contains("hunter2"));
    update(&mut model, pasted);
    assert!(!screen(&model).0.contains("hunter2"));
    see(&model, "••••••••••••");
    assert!(
        !screen(&model).0.contains("•••••••••••••"),
        "the mask tells the length"
    );
    let effects = press(&mut model, Key::Enter);
    assert_eq!(effects.len(), 1);
    for text in [format!("{effects:?}"), format!("{model:?}")] {
        assert!(!text.contains("hunter2"));
    }
    let [Effect::Discharge { login, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(login.password, Hidden::from("hunter2-hunter2-hunter2"));
}

#[test]
fn a_paste_confirms_no_rotation() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('R'));
    press(&mut model, Key::Enter);
    update(&mut model, Msg::Paste("CHARMHUB_TOKEN".into()));
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(model.dialog::<Prompt>().is_some());
}

#[test]
fn read_only_plans_and_neither_signs_in_nor_writes() {
    for key in ['R', 'L'] {
        let mut model = console((120, 40), true);
        press(&mut model, Key::Char(key));
        assert!(reviewed(&model).is_some());
        assert!(press(&mut model, Key::Enter).is_empty());
        assert!(model.modal.is_none());
        see(&model, "read-only");
    }
}

#[test]
fn a_session_is_revoked_by_typing_and_the_one_in_use_never() {
    let mut model = console((80, 24), false);
    press(&mut model, Key::Char('4'));
    press(&mut model, Key::Char('X'));
    see(&model, "select a session first");
    press(&mut model, Key::End);
    press(&mut model, Key::Char('X'));
    see(&model, "already revoked");
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "in use here");
    press(&mut model, Key::Enter);
    press(&mut model, Key::Char('X'));
    see(&model, "windlass uses this session");
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "session-of-the-secrets");
    press(&mut model, Key::Enter);
    press(&mut model, Key::Char('X'));
    see(&model, "its jobs fail after the revocation");
    press(&mut model, Key::Enter);
    type_in(&mut model, "revoke");
    let effects = press(&mut model, Key::Enter);
    let [Effect::Start { plan, given, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(
        plan.get()
            .command
            .contains("windlass revoke session-of-the-secrets")
    );
    assert_eq!(given, &crate::console::given::Given::default());
}

fn signed_in(run: &str) -> crate::journal::RunRecord {
    let mut ended = record(Some(Outcome::Done));
    ended.id = RunId(run.into());
    ended.plan.intent = Intent::SignIn(SignInIntent {
        scope: crate::console::review::usual_scope(),
        keep: TokenStorage::Keyring,
    });
    ended
}

#[test]
fn an_expired_credential_leads_to_sign_in_and_back_into_the_plan() {
    let mut model = console((120, 40), false);
    let effects = update(&mut model, Msg::Key(Key::Char('p')));
    let [Effect::Plan { id, previous, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let expired = Problem::new(ProblemKind::Credentials, EXPIRED).with_expired_credential();
    let refused = Msg::Planned(*id, now(), previous.clone(), Box::new(Err(expired)));
    update(&mut model, refused);
    see(&model, "press L to sign in and return here");
    press(&mut model, Key::Char('t'));
    let Some(before) = reviewed(&model) else {
        panic!("no plan");
    };
    // Once more, with a plan that was changed by hand, which is kept.
    let effects = update(&mut model, Msg::Key(Key::Char('g')));
    let [Effect::Plan { id, previous, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let expired = Problem::new(ProblemKind::Credentials, EXPIRED).with_expired_credential();
    update(
        &mut model,
        Msg::Planned(*id, now(), previous.clone(), Box::new(Err(expired))),
    );
    press(&mut model, Key::Char('L'));
    see(&model, "Sign in to Charmhub");
    press(&mut model, Key::Enter);
    type_in(&mut model, "yes");
    press(&mut model, Key::Enter);
    let id = login(&mut model, "sesame");
    let effects = say(&mut model, id, Ok(Discharge::Signed(proof())));
    let [Effect::Start { id, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let run = RunId("sign-in-run".into());
    let effects = update(&mut model, Msg::Started(*id, Ok(run.clone())));
    answer(&mut model, effects);
    assert!(model.on::<Running>().is_some());
    let ended = Msg::Ended(run, now(), Box::new(Ok(signed_in("sign-in-run"))));
    let effects = update(&mut model, ended);
    answer(&mut model, effects);
    assert_eq!(reviewed(&model), Some(before), "the same plan, made anew");
}

#[test]
fn signing_in_is_offered_only_where_charmhub_refused_the_credential() {
    let signs_in = |problem: Problem| {
        let mut model = console((120, 40), false);
        let effects = update(&mut model, Msg::Key(Key::Char('p')));
        let [Effect::Plan { id, previous, .. }] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        let refused = Msg::Planned(*id, now(), previous.clone(), Box::new(Err(problem)));
        update(&mut model, refused);
        let offered = screen(&model).0.contains("press L to sign in and return here");
        let spec = registry::spec(ActionId::REVIEW_SIGN_IN).unwrap();
        assert_eq!(spec.standing(&model) == Availability::Enabled, offered);
        offered
    };
    let refused = || Problem::new(ProblemKind::Credentials, "the token may not do that");
    assert!(signs_in(refused().with_expired_credential()));
    assert!(signs_in(refused().remedy(&[Remedy::SignIn], NEW_TOKEN)));
    assert!(!signs_in(refused()), "a token of GitHub");

    let mut run = half_released();
    assert!(!running::wants_sign_in(&run), "not for want of a credential");
    run.problem = Some(refused());
    assert!(running::wants_sign_in(&run));
    let at = run.steps.iter().position(|step| step.problem.is_some()).unwrap();
    run.plan.steps[at].op = Op::LiftHold {
        repository: "finos/bundle".parse().unwrap(),
        release: "2025-01-27".parse().unwrap(),
    };
    assert!(!running::wants_sign_in(&run), "GitHub refused the step");
}

#[test]
fn a_refused_rotation_names_nothing_to_do_that_is_none() {
    let text = screen(&refused_rotation()).0;
    assert!(
        text.contains("nothing was changed and no token was created"),
        "{text}"
    );
    let mut hints = text.lines().filter(|line| line.contains("what to do"));
    assert!(!hints.any(|line| line.contains("nothing was changed")), "{text}");
    assert!(!text.contains("sign in and return here"), "{text}");
}

#[test]
fn leaving_the_sign_in_comes_back_too() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    let before = reviewed(&model).unwrap();
    model.open(Text::of_problem(
        "The run did not start",
        &Problem::new(ProblemKind::Credentials, EXPIRED).with_expired_credential(),
    ));
    update(&mut model, Msg::Resize(120, 40));
    see(&model, "press L to sign in and return here");
    press(&mut model, Key::Char('L'));
    assert!(matches!(reviewed(&model).unwrap().intent, Intent::SignIn(_)));
    press(&mut model, Key::Esc);
    assert_eq!(reviewed(&model).unwrap(), before);
    press(&mut model, Key::Esc);
    assert!(model.on::<PanesScreen>().is_some());
}

#[test]
fn another_problem_offers_no_sign_in() {
    let mut model = console((120, 40), false);
    model.open(Text::of_problem(
        "It broke",
        &Problem::new(ProblemKind::Network, "no answer"),
    ));
    press(&mut model, Key::Char('L'));
    assert!(model.dialog::<Text>().is_some());
    assert!(
        crate::console::actions::footer(&model)
            .iter()
            .all(|spec| spec.id != ActionId::TEXT_SIGN_IN)
    );
}

#[test]
fn a_file_is_chosen_openly_and_its_passphrase_typed_twice() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('L'));
    see(&model, "press v to store it in an encrypted file instead");
    press(&mut model, Key::Char('v'));
    see(&model, "press v to store it in the keyring instead");
    press(&mut model, Key::Enter);
    type_in(&mut model, "yes");
    press(&mut model, Key::Enter);
    for text in ["me@here", "sesame", "open", "close"] {
        type_in(&mut model, text);
        assert!(press(&mut model, Key::Enter).is_empty());
    }
    see(&model, "the passphrases differ");
    type_in(&mut model, "open");
    press(&mut model, Key::Enter);
    type_in(&mut model, "open");
    let id = sent(&press(&mut model, Key::Enter));
    let effects = say(&mut model, id, Ok(Discharge::Signed(proof())));
    let [Effect::Start { given, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(given.passphrase, Some(Hidden::from("open")));
}

#[test]
fn the_demo_leaves_the_keyring_alone_and_says_what_to_type() {
    let mut model = console((120, 40), false);
    model.setting.demo = true;
    press(&mut model, Key::Char('L'));
    press(&mut model, Key::Char('v'));
    see(&model, "the demo environment does not use your keyring");
    press(&mut model, Key::Enter);
    type_in(&mut model, "yes");
    press(&mut model, Key::Enter);
    see(&model, DEMO_HINT);
    for word in [environment::EMAIL, environment::PASSWORD, environment::OTP] {
        assert!(DEMO_HINT.contains(word));
    }
}

#[test]
fn a_failed_rotation_is_taken_up_without_a_sign_in_once_it_is_sealed() {
    use crate::journal::{StepOutcome, StepRecord};
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('R'));
    let mut failed = record(Some(Outcome::Failed));
    failed.plan = reviewed(&model).unwrap();
    let step = |outcome: fn(&str) -> StepOutcome| {
        move |step: &crate::plan::Step| StepRecord {
            id: step.id.clone(),
            outcome: Some(outcome(&step.kind)),
            attempts: 1,
            started_at: Some(now()),
            finished_at: Some(now()),
            made: crate::journal::StepOutput::default(),
            problem: None,
        }
    };
    let sealed = |kind: &str| match kind {
        "set-secret" => StepOutcome::Failed,
        _ => StepOutcome::Done,
    };
    for (outcome, signs_in) in [
        (sealed as fn(&str) -> StepOutcome, false),
        (|_| StepOutcome::Failed, true),
    ] {
        failed.steps = failed.plan.steps.iter().map(step(outcome)).collect();
        model.runs = vec![failed.clone()];
        crate::console::panes::rebuild_activity(&mut model);
        model.show(Running::of(failed.id.clone()));
        press(&mut model, Key::Char('r'));
        type_in(&mut model, "CHARMHUB_TOKEN");
        let effects = press(&mut model, Key::Enter);
        assert_eq!(model.dialog::<SignIn>().is_some(), signs_in);
        let resumed = matches!(effects.as_slice(), [Effect::Resume { .. }]);
        assert_eq!(resumed, !signs_in, "{effects:?}");
    }
}

#[test]
fn one_secret_of_the_organisation_is_shown_with_the_copies_that_go() {
    use crate::domain::secret::OrganisationSecrets;
    use crate::domain::{KeyId, Observed};
    use crate::plan::{RotateIntent, rotate};

    let mut seen = super::world::snapshot();
    if let Some(github) = &mut seen.github.value {
        github.scopes = vec!["repo".into(), "admin:org".into()];
    }
    let finos = OrganisationSecrets {
        key_id: KeyId("key of finos".into()),
        secrets: std::collections::BTreeMap::new(),
    };
    seen.organisations = [("finos".to_owned(), Observed::read(finos, now()))].into();
    let intent = RotateIntent {
        organisation: true,
        ..RotateIntent::default()
    };
    let plan = rotate::plan(&super::world::workspace(), &seen, &intent).unwrap();
    for width in [80, 120] {
        let mut model = console((width, 40), false);
        let mut run = record(None);
        run.plan = plan.clone();
        run.steps.clear();
        model.runs = vec![run.clone()];
        model.show(Running::of(run.id));
        see(
            &model,
            "set-organisation-secret organisation finos:CHARMHUB_TOKEN",
        );
        see(&model, "delete-secret");

        let mut model = console((width, 40), false);
        model.snapshot = Arc::new(seen.clone());
        let effects = crate::console::review::open(&mut model, Intent::Rotate(intent.clone()));
        answer(&mut model, effects);
        assert_eq!(reviewed(&model).as_ref(), Some(&plan));
        see(&model, "organisation finos:CHARMHUB_TOKEN");
    }
}

#[test]
fn the_pane_gives_the_answer_of_every_situation() {
    use crate::console::panes::credentials::{Row, details, nearest, rows};
    use crate::plan::credentials::Alarm;
    use crate::plan::credentials::situations::{day, now, situations, target, workspace};

    for situation in situations() {
        let name = situation.name;
        let rows = rows(&workspace(), &situation.snapshot, now(), false);
        let secret = rows.iter().find_map(|row| match row {
            Row::Secret(secret) => Some((row, secret)),
            _ => None,
        });
        let (row, secret) = secret.unwrap();
        assert_eq!(secret.target, target(), "{name}");
        assert_eq!(secret.status.lineage, situation.lineage, "{name}");
        assert_eq!(secret.status.expires_at, situation.expires_in.map(day), "{name}");
        let (_, lines) = details(
            (&workspace(), &Keymap::default()),
            &situation.snapshot,
            row,
            now(),
        );
        let text = format!("{lines:?}");
        assert!(text.contains(situation.lineage.as_str()), "{name}: {text}");
        // The credential in the header is the one that a cron job fails for.
        let first = nearest(&rows).map(|one| (one.alarm(now()), one.facts.expires_at));
        // A secret that cannot be read fails even where no token is known that it may hold.
        let known = secret.status.problem.is_none() || situation.expires_in.is_some();
        if situation.fails_within_14_days && known {
            let (alarm, _) = first.unwrap();
            assert!(alarm >= Alarm::Urgent, "{name}: {first:?}");
        } else {
            assert!(
                first.is_none_or(|(alarm, _)| alarm < Alarm::Urgent),
                "{name}: {first:?}"
            );
        }
    }
}
