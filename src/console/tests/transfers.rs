//! Tests uploads, releases, closed channels, and image details, key by key.

use std::sync::Arc;

use super::images::seen;
use super::world::{console, now, press, screen, setting, type_in};
use crate::console::actions::{ActionId, Availability, Key};
use crate::console::dialogs::Choose;
use crate::console::effect::Effect;
use crate::console::image::There;
use crate::console::review::Review;
use crate::console::update::update;
use crate::console::upload::EngineImages;
use crate::console::upload::Upload;
use crate::console::upload::read;
use crate::console::{Model, Msg, registry};
use crate::domain::charm::ChannelRow;
use crate::domain::{Problem, ProblemKind, ResourceRevision};
use crate::plan::{Content, Plan};

pub(super) fn plan_of(model: &Model) -> Option<Plan> {
    model.on::<Review>().and_then(|review| review.plan.clone())
}

fn can(model: &Model, id: ActionId) -> Availability {
    (registry::spec(id).unwrap().availability)(model)
}

/// Returns a console on the charms pane, `down` rows below the first charm.
pub(super) fn on_charms(size: (u16, u16), down: usize) -> Model {
    let mut model = console(size, false);
    press(&mut model, Key::Char('3'));
    for _ in 0..down {
        press(&mut model, Key::Down);
    }
    model
}

// ---- parsing a typed line

fn understood(images: Option<bool>, text: &str) -> Result<String, String> {
    let resource = "engine-image".parse().unwrap();
    match read(&setting(false), &resource, images, text).unwrap() {
        Ok(Content::File { path, .. }) => Ok(format!("file {path}")),
        Ok(Content::Digest { digest }) => Ok(format!("digest {digest}")),
        Ok(Content::From { source, .. }) => Ok(format!("from {source}")),
        Err(problem) => {
            let hints: Vec<_> = problem.hints.iter().map(ToString::to_string).collect();
            Err(format!("{problem} {}", hints.join(" ")))
        }
    }
}

#[test]
fn a_line_for_an_image_is_a_digest_or_a_reference() {
    let full = "0123456789abcdef".repeat(4);
    for (text, meaning) in [
        ("0123456789AB", "digest 0123456789ab".to_owned()),
        (" sha256:0123456789ab ", "digest 0123456789ab".to_owned()),
        (full.as_str(), format!("digest sha256:{full}")),
        ("mongo:4.0", "from docker.io/library/mongo:4.0".to_owned()),
        ("docker://ghcr.io/a/b:1", "from ghcr.io/a/b:1".to_owned()),
        ("docker-daemon:a/b:1", "from docker-daemon:a/b:1".to_owned()),
        ("oci:layout:v1", "from oci:/home/me/images/layout:v1".to_owned()),
        (
            "oci-archive:~/a.rock",
            "from oci-archive:/home/me/a.rock".to_owned(),
        ),
        ("docker-archive:/a.tar", "from docker-archive:/a.tar".to_owned()),
    ] {
        assert_eq!(understood(Some(true), text), Ok(meaning), "{text}");
    }
    for (text, why) in [
        ("./save.tar", "docker-archive:"),
        ("~/save.tar", "docker-archive:"),
        ("0123456789abcd", "it has 14 digits"),
        ("sha256:0123", "it has 4 digits"),
        ("sha512:0123456789ab", "only sha256"),
        ("https://ghcr.io/a/b", "https: is not supported"),
        ("a b", "space"),
        ("docker-daemon:", "does not name an image"),
    ] {
        let said = understood(Some(true), text).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
    }
}

#[test]
fn a_line_for_a_file_is_a_path() {
    for (text, meaning) in [
        ("a.bin", "file /home/me/images/a.bin"),
        ("../a.bin", "file /home/me/images/../a.bin"),
        ("~/a b.bin", "file /home/me/a b.bin"),
        ("/a.bin", "file /a.bin"),
        ("0123456789ab", "file /home/me/images/0123456789ab"),
    ] {
        assert_eq!(understood(Some(false), text), Ok(meaning.to_owned()), "{text}");
    }
    for text in ["docker-daemon:a", "oci:x", "sha256:0123456789ab"] {
        let said = understood(Some(false), text).unwrap_err();
        assert!(said.contains("is a file"), "{text}: {said}");
    }
    assert_eq!(understood(None, "/a.bin"), Ok("file /a.bin".to_owned()));
    assert!(read(&setting(false), &"r".parse().unwrap(), None, "  ").is_none());
}

// ---- uploads

#[test]
fn an_upload_takes_a_name_a_look_and_a_word() {
    let mut model = on_charms((120, 40), 1);
    assert!(press(&mut model, Key::Char('u')).is_empty());
    assert_eq!(model.state::<EngineImages>().0.len(), 1, "the engines were asked");
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(
        model.dialog::<Upload>().is_some(),
        "type a file or an image first"
    );
    type_in(&mut model, "finos/legend-engine-server:4.68.0");
    assert!(screen(&model).0.contains("tag 4.68.0 of docker.io/finos"));
    press(&mut model, Key::Enter);
    let plan = plan_of(&model).unwrap();
    assert_eq!(
        plan.command,
        "windlass upload-resource finos-legend-engine-k8s engine-image --from \
         docker.io/finos/legend-engine-server:4.68.0"
    );
    let text = screen(&model).0;
    assert!(text.contains("307 MB of 335 MB to send"), "{text}");
    press(&mut model, Key::Char('i'));
    let text = screen(&model).0;
    assert!(
        text.contains("to send     307 MB: 1 of 2 layers already present"),
        "{text}"
    );
    press(&mut model, Key::Esc);
    press(&mut model, Key::Enter);
    type_in(&mut model, "engine-image");
    let effects = press(&mut model, Key::Enter);
    assert!(
        matches!(effects.as_slice(), [Effect::Start { .. }]),
        "{effects:?}"
    );
}

#[test]
fn what_cannot_be_read_is_not_planned_and_says_why() {
    let mut model = on_charms((80, 24), 1);
    press(&mut model, Key::Char('u'));
    type_in(&mut model, "./save.tar");
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(model.dialog::<Upload>().is_some());
    press(&mut model, Key::Left);
    let text = screen(&model).0;
    assert!(text.contains("engine-image is an image, not a file"), "{text}");
    assert!(text.contains("docker-archive:"), "{text}");
}

#[test]
fn tab_goes_through_what_is_known() {
    let mut model = on_charms((120, 40), 1);
    press(&mut model, Key::Char('u'));
    let typed = |model: &Model| model.dialog::<Upload>().unwrap().input.value().to_owned();
    type_in(&mut model, "docker.io/finos/legend-engine");
    press(&mut model, Key::Tab);
    assert_eq!(typed(&model), "docker.io/finos/legend-engine-server:4.68.0");
    press(&mut model, Key::Tab);
    assert_eq!(typed(&model), "docker.io/finos/legend-engine-server:4.67.12");
    press(&mut model, Key::BackTab);
    assert_eq!(typed(&model), "docker.io/finos/legend-engine-server:4.68.0");
    press(&mut model, Key::Ctrl('u'));
    let behind = model.snapshot.behind["finos-legend-engine-k8s/engine-image/32"].clone();
    let digest = behind.value.unwrap().digest;
    type_in(&mut model, &digest.short());
    assert!(screen(&model).0.contains("digest of the image in r32"));
    press(&mut model, Key::Tab);
    assert_eq!(typed(&model), digest.to_string());
    press(&mut model, Key::Ctrl('u'));
    type_in(&mut model, "mine");
    press(&mut model, Key::Tab);
    assert_eq!(typed(&model), "docker-daemon:finos/legend-studio:mine");
    press(&mut model, Key::Ctrl('u'));
    type_in(&mut model, "nothing-like-it");
    press(&mut model, Key::Tab);
    assert_eq!(typed(&model), "nothing-like-it");
}

#[test]
fn a_typed_image_can_be_looked_at_before() {
    let mut model = on_charms((120, 40), 1);
    press(&mut model, Key::Char('u'));
    type_in(&mut model, "finos/legend-engine-server:4.68.0");
    press(&mut model, Key::Ctrl('o'));
    let text = screen(&model).0;
    assert!(text.contains("1 of 2 layers already present"), "{text}");
    press(&mut model, Key::Esc);
    assert!(
        model
            .dialog::<Upload>()
            .is_some_and(|dialog| dialog.input.value().ends_with("4.68.0"))
    );
    press(&mut model, Key::Esc);
    assert!(model.modal.is_none());
}

#[test]
fn uploads_are_for_resources() {
    let mut model = on_charms((120, 40), 0);
    assert!(press(&mut model, Key::Char('u')).is_empty());
    assert!(model.modal.is_none());
    assert!(screen(&model).0.contains("select a resource"));
    press(&mut model, Key::End);
    assert_eq!(
        can(&model, ActionId::UPLOAD),
        Availability::Disabled("a bundle has no resources")
    );
    let mut model = on_charms((120, 40), 1);
    model.setting.offline = true;
    for id in [ActionId::UPLOAD, ActionId::IMAGE] {
        assert!(matches!(can(&model, id), Availability::Disabled(why) if why.starts_with("offline")));
    }
}

// ---- releases

#[test]
fn a_release_ticks_channels_and_is_confirmed() {
    let mut model = on_charms((120, 40), 0);
    press(&mut model, Key::Char('e'));
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(screen(&model).0.contains("no channel is selected"));
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Enter);
    let plan = plan_of(&model).unwrap();
    assert_eq!(
        plan.command,
        "windlass release finos-legend-engine-k8s --revision 50 --channel latest/edge"
    );
    let word = plan.confirm.clone();
    assert!(press(&mut model, Key::Enter).is_empty(), "it asks first");
    assert!(screen(&model).0.contains(&format!("Type {word} to start")));
    type_in(&mut model, "something else");
    assert!(
        press(&mut model, Key::Enter).is_empty(),
        "another word starts nothing"
    );
    for _ in 0.."something else".len() {
        press(&mut model, Key::Backspace);
    }
    type_in(&mut model, &word);
    let effects = press(&mut model, Key::Enter);
    let [Effect::Start { plan: started, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(started.get().command, plan.command);
}

#[test]
fn a_resource_that_the_channel_lacks_must_be_chosen() {
    let mut model = on_charms((120, 40), 0);
    press(&mut model, Key::Char('e'));
    let closed = |model: &Model| {
        screen(model)
            .0
            .lines()
            .position(|line| line.contains("latest/stable"))
            .unwrap()
    };
    assert!(closed(&model) > 0);
    // Two open channels, then the closed ones of latest: candidate, beta, stable.
    for _ in 0..2 {
        press(&mut model, Key::Down);
    }
    press(&mut model, Key::Char(' '));
    assert!(screen(&model).0.contains("latest/candidate has none yet"));
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(plan_of(&model).is_none());
    assert!(
        screen(&model)
            .0
            .contains("latest/candidate has no engine-image yet; press right to choose one")
    );
    press(&mut model, Key::Right);
    press(&mut model, Key::Enter);
    let plan = plan_of(&model).unwrap();
    assert_eq!(
        plan.command,
        "windlass release finos-legend-engine-k8s --revision 50 --channel latest/candidate \
         --resource engine-image:32"
    );
    let text = screen(&model).0;
    assert!(text.contains("closed → r50 · engine-image r32"), "{text}");
    assert!(text.contains("How to undo it"), "{text}");
}

#[test]
fn another_revision_and_back_to_the_channels_own() {
    let mut model = on_charms((120, 40), 0);
    press(&mut model, Key::Char('e'));
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Up);
    press(&mut model, Key::Right);
    assert!(screen(&model).0.contains("r32  newest"));
    press(&mut model, Key::Left);
    press(&mut model, Key::Left);
    assert!(screen(&model).0.contains("keep the channel's"));
    press(&mut model, Key::Up);
    press(&mut model, Key::Right);
    press(&mut model, Key::Enter);
    let command = plan_of(&model).unwrap().command;
    assert_eq!(
        command,
        "windlass release finos-legend-engine-k8s --revision 49 --channel latest/edge"
    );
}

#[test]
fn a_revision_is_released_from_its_own_row() {
    let mut model = on_charms((120, 40), 0);
    press(&mut model, Key::Char(' '));
    let text = screen(&model).0;
    assert!(text.contains("r49"), "{text}");
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('e'));
    assert!(
        screen(&model)
            .0
            .contains("Release r49 of finos-legend-engine-k8s")
    );
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char(' '));
    assert!(!screen(&model).0.contains("    r49"), "folded again");
    let row = model.charm_rows().selected().unwrap();
    assert!(row.resource().is_none(), "the charm is selected");
}

// ---- closed channels

#[test]
fn the_only_open_channel_of_a_row_is_closed_at_once() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Char('x'));
    let plan = plan_of(&model).unwrap();
    assert_eq!(plan.command, "windlass close finos-legend-engine-k8s latest/edge");
    let text = screen(&model).0;
    assert!(text.contains("→ closed"), "{text}");
    press(&mut model, Key::Enter);
    type_in(&mut model, "latest/edge");
    let effects = press(&mut model, Key::Enter);
    assert!(
        matches!(effects.as_slice(), [Effect::Start { .. }]),
        "{effects:?}"
    );
}

#[test]
fn of_several_open_channels_one_is_chosen() {
    let mut model = console((120, 40), true);
    let mut snapshot = super::world::snapshot();
    let charm = "finos-legend-engine-k8s".parse().unwrap();
    let facts = snapshot.charms.get_mut(&charm).unwrap().value.as_mut().unwrap();
    let stable: Vec<ChannelRow> = facts.rows[..2]
        .iter()
        .map(|row| ChannelRow {
            channel: "latest/stable".parse().unwrap(),
            ..row.clone()
        })
        .collect();
    facts.rows.extend(stable);
    model.snapshot = Arc::new(snapshot);
    crate::console::panes::rebuild(&mut model);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Char('x'));
    assert!(model.dialog::<Choose>().is_some());
    press(&mut model, Key::Down);
    press(&mut model, Key::Enter);
    let plan = plan_of(&model).unwrap();
    assert_eq!(
        plan.command,
        "windlass close finos-legend-engine-k8s latest/stable"
    );
    press(&mut model, Key::Enter);
    assert!(model.modal.is_none(), "read-only: the plan is looked at only");
    assert!(screen(&model).0.contains("read-only"));
}

// ---- image details

#[test]
fn an_image_is_fetched_once_and_kept() {
    let mut model = on_charms((120, 40), 1);
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Down);
    let effects = update(&mut model, Msg::Key(Key::Enter));
    let [Effect::Look { id, image, to, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(to.is_none());
    assert!(screen(&model).0.contains("reading its manifest"));
    let (id, answer) = (*id, seen(image, false));
    assert_eq!(answer.there, There::NotAsked);
    let failed = Problem::new(ProblemKind::Network, "the registry did not answer").hint("try again");
    update(&mut model, Msg::Looked(id, Box::new(Err(failed))));
    let text = screen(&model).0;
    assert!(
        text.contains("the registry did not answer") && text.contains("press g to read the image again"),
        "{text}"
    );
    let again = update(&mut model, Msg::Key(Key::Char('g')));
    let [Effect::Look { id: newer, .. }] = again.as_slice() else {
        panic!("{again:?}");
    };
    update(&mut model, Msg::Looked(id, Box::new(Ok(answer.clone()))));
    assert!(
        screen(&model).0.contains("reading its manifest"),
        "a late answer is dropped"
    );
    update(&mut model, Msg::Looked(*newer, Box::new(Ok(answer.clone()))));
    assert!(screen(&model).0.contains(&answer.detail.digest.to_string()));
    assert_eq!(
        press(&mut model, Key::Char('y')),
        [Effect::Copy(answer.detail.digest.to_string())]
    );
    press(&mut model, Key::Esc);
    assert!(update(&mut model, Msg::Key(Key::Enter)).is_empty(), "it is known");
    assert!(screen(&model).0.contains(&answer.detail.digest.to_string()));
}

#[test]
fn two_images_are_compared() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('i'));
    assert!(model.dialog::<Choose>().is_some(), "a release names two images");
    press(&mut model, Key::Enter);
    assert!(matches!(can(&model, ActionId::IMAGE_DIFF), Availability::Disabled(why) if why.contains("mark")));
    press(&mut model, Key::Char('m'));
    press(&mut model, Key::Esc);
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('i'));
    press(&mut model, Key::Enter);
    press(&mut model, Key::Char('d'));
    let text = screen(&model).0;
    assert!(
        text.contains("1 in common (28.0 MB), 1 removed (307 MB), 1 added (307 MB)"),
        "{text}"
    );
    assert!(text.contains("version: 4.68.0 → 4.67.12"), "{text}");
    press(&mut model, Key::Char('d'));
    assert!(screen(&model).0.contains("read at"));
}

#[test]
fn a_channel_leads_to_its_image() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Char('i'));
    assert!(
        screen(&model)
            .0
            .contains("engine-image r32 of finos-legend-engine-k8s")
    );
}

#[test]
fn details_tell_what_is_behind_every_revision() {
    let mut model = on_charms((120, 40), 0);
    let charm: crate::domain::CharmName = "finos-legend-engine-k8s".parse().unwrap();
    let mut snapshot = super::world::snapshot();
    let facts = snapshot.charms.get_mut(&charm).unwrap().value.as_mut().unwrap();
    let list = facts.resources.values_mut().next().unwrap();
    let mut older = list[0].clone();
    older.revision = ResourceRevision(31);
    list.push(older);
    model.snapshot = Arc::new(snapshot);
    crate::console::panes::rebuild(&mut model);
    let effects = update(&mut model, Msg::Key(Key::Enter));
    let [Effect::LookBehind { id, charm: asked, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(asked, &charm);
    assert!(screen(&model).0.contains("not read yet"));
    let known = model.snapshot.behind["finos-legend-engine-k8s/engine-image/32"].clone();
    let image = known.value.clone().unwrap();
    let found = [("finos-legend-engine-k8s/engine-image/31".to_owned(), known)].into();
    update(&mut model, Msg::Behind(*id, charm, found));
    let text = screen(&model).0;
    assert_eq!(text.matches(&image.digest.to_string()).count(), 2, "{text}");
    assert_eq!(
        text.matches(&image.config_digest().unwrap().to_string()).count(),
        2
    );
    assert!(text.contains("release") && text.contains("2023-12-05"));
    // A read that began earlier does not remove it.
    let effects = crate::console::refresh::refresh(&mut model);
    let Some(Effect::Refresh { id, .. }) = effects.first() else {
        panic!("{effects:?}");
    };
    let older = Arc::new(super::world::snapshot());
    update(&mut model, Msg::Observed(*id, now(), older));
    let key = "finos-legend-engine-k8s/engine-image/31";
    assert!(model.snapshot.behind.contains_key(key));
}

#[test]
fn a_refresh_asks_for_what_is_behind_new_revisions_on_screen() {
    let mut model = on_charms((120, 40), 1);
    press(&mut model, Key::Char(' '));
    let effects = crate::console::refresh::refresh(&mut model);
    let Some(Effect::Refresh { id, .. }) = effects.first() else {
        panic!("{effects:?}");
    };
    let mut snapshot = super::world::snapshot();
    let charm = "finos-legend-engine-k8s".parse().unwrap();
    let facts = snapshot.charms.get_mut(&charm).unwrap().value.as_mut().unwrap();
    let list = facts.resources.values_mut().next().unwrap();
    let mut newer = list[0].clone();
    newer.revision = ResourceRevision(33);
    list.insert(0, newer);
    let effects = update(&mut model, Msg::Observed(*id, now(), Arc::new(snapshot)));
    assert!(matches!(effects.as_slice(), [Effect::LookBehind { charm: asked, .. }] if *asked == charm));
}

// ---- appearance

#[test]
fn the_upload_dialog() {
    let mut all = String::new();
    for size in [(80, 24), (120, 40)] {
        let mut model = on_charms(size, 1);
        press(&mut model, Key::Char('u'));
        all.push_str(&screen(&model).0);
        type_in(&mut model, "finos/legend-engine-server:4.6");
        press(&mut model, Key::Tab);
        all.push_str(&screen(&model).0);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_release_dialog_and_its_review() {
    let mut all = String::new();
    for size in [(80, 24), (120, 40)] {
        let mut model = on_charms(size, 0);
        press(&mut model, Key::Char('e'));
        press(&mut model, Key::Char(' '));
        press(&mut model, Key::Down);
        press(&mut model, Key::Down);
        press(&mut model, Key::Char(' '));
        all.push_str(&screen(&model).0);
        press(&mut model, Key::Enter);
        press(&mut model, Key::Right);
        press(&mut model, Key::Enter);
        all.push_str(&screen(&model).0);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn an_image_and_the_review_of_its_upload() {
    let mut all = String::new();
    for size in [(80, 24), (120, 40)] {
        let mut model = on_charms(size, 1);
        press(&mut model, Key::Char('u'));
        type_in(&mut model, "finos/legend-engine-server:4.68.0");
        press(&mut model, Key::Enter);
        all.push_str(&screen(&model).0);
        press(&mut model, Key::Char('i'));
        all.push_str(&screen(&model).0);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn charms_unfolded() {
    let mut model = on_charms((80, 24), 0);
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    press(&mut model, Key::Char(' '));
    insta::assert_snapshot!(screen(&model).0);
}
