//! Tests that a picture shows the same text as the frame.

use super::svg::{CELL, number, x_of, y_of};
use super::{SIZE, Scene, Stage, drawn, picture};
use crate::config::Workspace;

fn legend() -> Workspace {
    Workspace::parse(include_str!("../../../assets/workspaces/legend.toml"), "legend").unwrap()
}

const FACTS: &str = include_str!("../../../assets/pictures/legend.json");

#[test]
fn every_scene_is_drawn_and_small() {
    let legend = legend();
    let mut all = std::collections::BTreeSet::new();
    for (scene, text) in [
        (Scene::Panes, "2023-12-05"),
        (Scene::Review, "confirm"),
        (Scene::Run, "sending"),
    ] {
        let svg = picture(scene, &legend, FACTS).unwrap();
        assert!(svg.len() < 60_000, "{scene:?}: {} bytes", svg.len());
        assert!(svg.contains(text), "{scene:?}: {svg}");
        all.insert(svg);
    }
    assert_eq!(all.len(), 3);
    let problem = picture(Scene::Panes, &legend, "{}").unwrap_err();
    assert!(problem.to_string().contains("cannot be parsed"), "{problem}");
}

#[test]
fn a_picture_places_letters_by_their_column_and_escapes_them() {
    let legend = legend();
    let mut model = Stage::new(&legend, FACTS).unwrap().console().unwrap();
    model.refuse("a<b> & \"日本\" ende");
    let svg = drawn(&model, "x < y");
    assert!(svg.contains("<title>x &lt; y</title>"));
    let last = number(y_of(SIZE.1 - 1) + CELL.1 * 0.72);
    let own: Vec<&str> = svg
        .lines()
        .filter(|line| line.contains(&format!("y=\"{last}\"")))
        .collect();
    assert!(own[0].ends_with(">a&lt;b&gt; &amp; &quot;</text>"), "{own:?}");
    // Both wide characters start at their columns, and so does what follows.
    for (column, text) in [(9, "日"), (11, "本"), (13, "&quot; ende")] {
        let line = own
            .iter()
            .find(|line| line.ends_with(&format!(">{text}</text>")))
            .unwrap();
        assert!(
            line.contains(&format!("x=\"{}\"", number(x_of(column)))),
            "{line}"
        );
    }
    for symbol in ["&lt;b", "textLength"] {
        assert!(svg.contains(symbol));
    }
}
