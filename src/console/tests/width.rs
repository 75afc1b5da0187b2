//! Tests widths of panes and columns: space goes where content needs it, and nothing jumps.

use std::sync::Arc;

use super::styled::{frame, line};
use super::world::{console, press};
use crate::console::actions::Key;
use crate::console::panes::{self, PaneId};
use crate::console::update::update;
use crate::console::{Model, Msg, layout};
use crate::domain::{Base, ResourceRevision};

fn width(model: &Model, pane: PaneId) -> u16 {
    let places = layout::layout(model);
    let place = places.panes.iter().find(|(id, _)| *id == pane);
    place.unwrap().1.width
}

fn lines(model: &Model) -> Vec<String> {
    let (buffer, ..) = frame(model);
    (0..model.lines).map(|y| line(&buffer, y)).collect()
}

#[test]
fn no_pane_has_empty_columns_while_its_neighbour_is_cut() {
    for columns in [100, 120, 160, 200, 260] {
        let model = console((columns, 50), false);
        let upper = [PaneId::RELEASES, PaneId::CHANNELS];
        let lower = [PaneId::CHARMS, PaneId::CREDENTIALS, PaneId::ACTIVITY];
        for row in [&upper[..], &lower[..]] {
            let cut = |pane: &PaneId| usize::from(width(&model, *pane)) < panes::need(&model, *pane).full;
            let wide = |pane: &PaneId| usize::from(width(&model, *pane)) > panes::need(&model, *pane).full;
            // Date and versions are useful only as a whole: releases may stay brief.
            let cut = row.iter().filter(|pane| **pane != PaneId::RELEASES).any(cut);
            assert!(!cut || !row.iter().any(wide), "{columns} {row:?}");
        }
    }
}

#[test]
fn at_200_columns_releases_show_their_versions_and_channels_are_whole() {
    let model = console((200, 50), false);
    let text = lines(&model).join("\n");
    for whole in [
        "2024-01-08   new ▲ date?  2025-01-08  4.67.12     13.67.12",
        "engine latest    r50 +1 · 4.36.0 ✔",
        "finos/bundle  CHARMHUB_TOKEN  ✔ current  set 2024-10-24",
        "windlass@here 20250101T120000Z-0002 ▲ lost token  since 2025-01-02  until 2025-07-01",
    ] {
        assert!(text.contains(whole), "{whole}\n{text}");
    }
}

#[test]
fn panes_and_columns_stay_where_they_are_while_rows_come_and_go() {
    let mut model = console((120, 40), false);
    let before = layout::layout(&model);
    let heading = |model: &Model| {
        let lines = lines(model);
        let line = lines.into_iter().find(|line| line.contains("candidate")).unwrap();
        line.split_once("charm ").unwrap().1.to_owned()
    };
    let columns = heading(&model);
    let full = model.snapshot.clone();
    let mut without = (*full).clone();
    for facts in without.charms.values_mut().filter_map(|seen| seen.value.as_mut()) {
        facts.rows.clear();
    }
    without.releases.value = Some(Vec::new());
    for snapshot in [Arc::new(without), full] {
        model.snapshot = snapshot;
        panes::rebuild(&mut model);
        assert_eq!(layout::layout(&model), before);
        assert_eq!(heading(&model), columns);
    }
}

#[test]
fn a_new_size_takes_widths_again() {
    let mut model = console((160, 40), false);
    let mut snapshot = (*model.snapshot).clone();
    let widest = width(&model, PaneId::CHANNELS);
    for facts in snapshot
        .charms
        .values_mut()
        .filter_map(|seen| seen.value.as_mut())
    {
        facts.rows.clear();
    }
    model.snapshot = Arc::new(snapshot);
    panes::rebuild(&mut model);
    assert_eq!(width(&model, PaneId::CHANNELS), widest);
    update(&mut model, Msg::Resize(161, 40));
    update(&mut model, Msg::Resize(160, 40));
    assert!(panes::need(&model, PaneId::CHANNELS).full < usize::from(widest));
}

#[test]
fn the_newest_base_comes_first_whatever_order_the_store_answers_in() {
    let mut texts = Vec::new();
    for reversed in [false, true] {
        let mut model = console((120, 40), false);
        let mut snapshot = (*model.snapshot).clone();
        let facts = snapshot.charms.values_mut().find_map(|seen| seen.value.as_mut());
        let facts = facts.unwrap();
        // Both bases at one revision, with different images.
        let revision = facts.rows[0].revision;
        for row in &mut facts.rows {
            row.revision = revision;
            let old = row
                .base
                .as_ref()
                .is_some_and(|base: &Base| base.channel == "20.04");
            row.resources[0].revision = Some(ResourceRevision(if old { 31 } else { 32 }));
        }
        facts.rows.sort_by(crate::domain::charm::ChannelRow::listed);
        if reversed {
            facts.rows.reverse();
            facts.rows.sort_by(crate::domain::charm::ChannelRow::listed);
        }
        model.snapshot = Arc::new(snapshot);
        panes::rebuild(&mut model);
        press(&mut model, Key::Char('2'));
        press(&mut model, Key::Enter);
        texts.push(lines(&model).join("\n"));
    }
    assert_eq!(texts[0], texts[1]);
    let at = |text: &str| texts[0].find(text).unwrap();
    assert!(
        at("ubuntu 22.04 amd64") < at("ubuntu 20.04 amd64"),
        "{}",
        texts[0]
    );
}

#[test]
fn a_long_title_of_a_run_takes_no_column_from_charms_and_credentials() {
    let facts = include_str!("../../../assets/pictures/legend.json");
    let legend = include_str!("../../../assets/workspaces/legend.toml");
    let facts: crate::domain::Snapshot = serde_json::from_str(facts).unwrap();
    for size in [(200, 50), (160, 45)] {
        let mut setting = super::world::setting(false);
        setting.workspace = crate::config::Workspace::parse(legend, "legend").unwrap();
        let mut model = Model::new(setting, Arc::new(facts.clone()), facts.taken_at, size);
        let mut run = super::world::record(Some(crate::journal::Outcome::Done));
        run.plan.title = format!("Publish 2024-04-05 to {}", ["engine"; 9].join(", "));
        super::standing::with_runs(&mut model, vec![run]);
        model.warm = true;
        panes::rebuild(&mut model);
        let needs = |pane| panes::need(&model, pane);
        let activity = needs(PaneId::ACTIVITY);
        assert!(activity.full > activity.brief);
        let brief = usize::from(width(&model, PaneId::ACTIVITY)) == activity.brief;
        let places = layout::layout(&model);
        let (buffer, ..) = frame(&model);
        for (pane, rect) in places.panes {
            let whole = usize::from(rect.width) >= needs(pane).full;
            if matches!(pane, PaneId::CHARMS | PaneId::CREDENTIALS) {
                assert!(whole || brief, "{size:?} {pane:?}");
            }
            for y in (rect.y + 1..rect.bottom() - 1).filter(|_| whole) {
                let last = buffer.cell((rect.right() - 2, y)).unwrap().symbol();
                assert_eq!(last, " ", "{size:?} {pane:?} {y}\n{}", lines(&model).join("\n"));
            }
        }
    }
}
