//! Tests short texts that must say neither too much nor too little: an expiry, a credential that is
//! missing, the bytes of an upload, the flags of a rotation.

use std::sync::Arc;

use super::transfers::on_charms;
use super::world::{console, press, screen, type_in};
use crate::console::Model;
use crate::console::actions::Key;
use crate::console::review::Review;
use crate::domain::{Problem, ProblemKind};

#[test]
fn an_expiry_is_shortened_where_its_pane_is_narrow_and_never_cut() {
    let model = console((100, 20), false);
    let rows = model.credential_rows().rows();
    let row = rows
        .iter()
        .find(|row| matches!(row, crate::console::panes::credentials::Row::Credential { .. }));
    for width in 32..100 {
        let cells = crate::console::panes::credentials::view::row(&model, row.unwrap(), width);
        let text = cells.line(&model.setting.look).to_string();
        let whole = text.contains(" 12 d 4 h") || text.contains(" 12 d");
        assert!(
            whole && !text.contains("12 d 4…") && !text.contains("12 d …"),
            "{width}: {text}"
        );
    }
}

#[test]
fn a_missing_credential_is_another_fact_than_a_refused_one() {
    for (problem, word) in [
        (
            Problem::new(ProblemKind::Credentials, "no token").with_missing_credential(),
            "no credential",
        ),
        (
            Problem::new(ProblemKind::Credentials, "the store refused it"),
            "not accepted",
        ),
    ] {
        let mut model = console((160, 40), false);
        let snapshot = Arc::make_mut(&mut model.snapshot);
        for seen in snapshot.charms.values_mut() {
            *seen = crate::domain::Observed::failed(problem.clone());
        }
        crate::console::panes::rebuild(&mut model);
        let text = screen(&model).0;
        let header = text.lines().next().unwrap();
        assert!(header.contains(word), "{header}");
    }
}

#[test]
fn a_review_that_sends_nothing_counts_nothing_and_says_why() {
    let mut model = on_charms((120, 40), 1);
    press(&mut model, Key::Char('u'));
    type_in(&mut model, "finos/legend-engine-server:4.68.0");
    press(&mut model, Key::Enter);
    assert!(screen(&model).0.contains("307 MB of 335 MB to send"));
    let Some(review) = model.on_mut::<Review>() else {
        panic!("no review");
    };
    let reason = "revision 32 of engine-image holds this image already";
    for step in &mut review.plan.as_mut().unwrap().steps {
        step.skip_reason = Some(crate::domain::SanitizedText::new(reason));
        step.bytes = step.bytes.map(|_| 0);
    }
    let text = screen(&model).0;
    assert!(!text.contains("307 MB"), "{text}");
    assert!(
        text.contains(&format!("335 MB, nothing to send: {reason}")),
        "{text}"
    );
    assert!(text.contains("Nothing to do"), "{text}");
}

#[test]
fn one_secret_of_the_organisation_is_chosen_by_a_key() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('R'));
    let intent = |model: &Model| model.on::<Review>().unwrap().intent.command();
    assert_eq!(intent(&model), "windlass rotate");
    press(&mut model, Key::Char('O'));
    assert_eq!(intent(&model), "windlass rotate --organisation");
    assert!(screen(&model).0.contains("[one organisation secret]"));
    press(&mut model, Key::Char('O'));
    assert_eq!(intent(&model), "windlass rotate");
}
