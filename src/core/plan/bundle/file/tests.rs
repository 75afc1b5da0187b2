//! Tests that an edited bundle has the requested channels and no other change.

use std::collections::BTreeMap;

use super::{Edited, applications, edit};
use crate::domain::{Channel, CharmName, Problem, ProblemKind};

/// Returns the bundle of the demo environment from its branch `edge`.
fn demo() -> String {
    include_str!("../../../../demo/github/files/bundle.yaml")
        .replace("@IMAGE@", "latest/edge")
        .replace("@OTHER@", "edge")
}

fn wishes(pairs: &[(&str, &str)]) -> BTreeMap<CharmName, Channel> {
    pairs
        .iter()
        .map(|(charm, channel)| (charm.parse().unwrap(), channel.parse().unwrap()))
        .collect()
}

/// Sets the charm `engine` in `text` to `2025-01/edge`.
fn engine(text: &str) -> Result<Edited, Problem> {
    edit(text, &wishes(&[("engine", "2025-01/edge")]))
}

/// Returns a bundle with one application that has `lines`, starting on line 3.
fn bundle(lines: &str) -> String {
    format!("applications:\n  app:\n{lines}")
}

/// Checks that `text` is refused, and returns the problem, which names the position in the file.
fn refused(text: &str) -> String {
    let problem = engine(text).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Invalid, "{problem}");
    assert!(problem.to_string().contains("bundle.yaml"), "{problem}");
    problem.to_string()
}

#[test]
fn three_lines_of_the_demo_bundle_change_and_nothing_else() {
    let text = demo();
    let edited = edit(
        &text,
        &wishes(&[
            ("finos-legend-engine-k8s", "2025-01/edge"),
            ("finos-legend-sdlc-k8s", "2025-01/edge"),
            ("finos-legend-studio-k8s", "2025-01/edge"),
        ]),
    )
    .unwrap();
    let differing: Vec<usize> = text
        .split('\n')
        .zip(edited.text.split('\n'))
        .enumerate()
        .filter(|(_, (before, after))| before != after)
        .map(|(at, (before, after))| {
            assert_eq!(before.replace("latest/edge", "2025-01/edge"), after);
            at + 1
        })
        .collect();
    assert_eq!(differing.len(), 3);
    let told: Vec<usize> = edited.changed.iter().map(|(line, _, _)| *line).collect();
    assert_eq!(told, differing);
    assert!(
        edited
            .changed
            .iter()
            .all(|(_, before, after)| before == "latest/edge" && after == "2025-01/edge")
    );
    assert_eq!(edited.text.matches("2025-01/edge").count(), 3);
    assert!(
        edited
            .text
            .contains("2025-01/edge   # what people open in the browser\n")
    );
    let names: Vec<&str> = edited.applications.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names[..3], ["mongodb", "legend-db", "legend-sdlc"]);
}

#[test]
fn every_way_to_write_a_value_keeps_its_way() {
    for (line, expected) in [
        ("channel: latest/edge", "channel: 2025-01/edge"),
        ("channel:   latest/edge  # why", "channel:   2025-01/edge  # why"),
        ("channel: 'latest/edge'  ", "channel: '2025-01/edge'  "),
        ("channel: \"latest/edge\" # x", "channel: \"2025-01/edge\" # x"),
        ("\"channel\": latest/edge\t", "\"channel\": 2025-01/edge\t"),
        ("channel: &c latest/edge", "channel: &c 2025-01/edge"),
        (
            "channel: !!str &c 'latest/edge'",
            "channel: !!str &c '2025-01/edge'",
        ),
        ("channel:\n      latest/edge", "channel:\n      2025-01/edge"),
        ("channel: stable", "channel: 2025-01/edge"),
        ("channel: 2.0", "channel: 2025-01/edge"),
    ] {
        for end in ["\n", "\r\n"] {
            let whole = |line: &str| {
                let text = bundle(&format!(
                    "    charm: engine\n    {line}\n\n\n    scale: 1 \n# end"
                ));
                format!("\u{feff}# ü\n{text}").replace('\n', end)
            };
            let edited = engine(&whole(line)).unwrap_or_else(|problem| panic!("{line}: {problem:?}"));
            assert_eq!(edited.text, whole(expected));
        }
    }
}

#[test]
fn a_second_application_of_a_charm_follows_where_it_is_on_the_same_channel() {
    let text = "services:\n  a: {charm: other}\n  b:\n    charm: ch:engine\n    channel: edge\n  c:\n    charm: engine\n    channel: beta\n  d:\n    charm: engine\n    channel: latest/edge\n";
    let edited = engine(text).unwrap();
    assert_eq!(
        edited.changed,
        [
            (5, "edge".to_owned(), "2025-01/edge".to_owned()),
            (11, "latest/edge".to_owned(), "2025-01/edge".to_owned()),
        ]
    );
    assert_eq!(edited.kept, ["c"]);
    assert_eq!(
        edited.remarks[0].as_str(),
        "line 8 of bundle.yaml: c keeps its channel, because it runs engine on another channel than b"
    );
    let told = applications(text).unwrap();
    assert_eq!(told[1].name, "b");
    assert_eq!(told[1].charm.as_str(), "engine");
    assert_eq!(told[1].channel.as_deref(), Some("edge"));
    assert_eq!((told[0].channel.as_deref(), told[0].line), (None, 2));
}

#[test]
fn a_channel_that_is_right_is_left_however_it_is_written() {
    let right = |text: &str, channel: &str| {
        let edited = edit(text, &wishes(&[("engine", channel)])).unwrap();
        assert_eq!(edited.text, text);
        assert_eq!(edited.changed, []);
    };
    right(&bundle("    charm: engine\n    channel: edge\n"), "latest/edge");
    right(
        &bundle("    {charm: engine, channel: 2025-01/edge}\n"),
        "2025-01/edge",
    );
    right(
        "x: &c 2025-01/edge\napplications:\n  a:\n    charm: engine\n    channel: *c\n",
        "2025-01/edge",
    );
    right(
        "x: &base {charm: engine, channel: 2025-01/edge}\napplications:\n  a:\n    <<: *base\n  b: *base\n",
        "2025-01/edge",
    );
}

#[test]
fn what_is_not_there_is_named() {
    let problem = engine(&bundle("    charm: other\n    channel: edge\n")).unwrap_err();
    assert!(problem.to_string().contains("engine") && problem.to_string().contains("bundle.yaml"));
    assert!(refused(&bundle("    charm: engine\n    channel:\n")).contains("line 4"));
    assert!(refused("name: x\n").contains("applications"));
    assert!(refused("applications: 3\n").contains("applications"));
    assert!(refused("").contains("empty"));
}

#[test]
fn what_cannot_change_alone_is_refused_by_line_with_a_remedy() {
    // The whole application, or all of them, are used in another place too.
    let text =
        "applications:\n  a: &a\n    charm: engine\n    channel: edge\n  b:\n    <<: *a\n    charm: other\n";
    assert!(refused(text).contains("line 6"));
    let text = "applications: &all\n  a:\n    charm: engine\n    channel: edge\nmore: *all\n";
    assert!(refused(text).contains("line 5"));
    // The alias replaces the whole application.
    let text = "x: &x {charm: engine, channel: edge}\napplications:\n  a: *x\n";
    assert!(refused(text).contains("line 3"));
    // The value is not a plain scalar.
    assert!(refused(&bundle("    charm: engine\n    channel: >-\n      edge\n")).contains("line 4"));
    assert!(refused(&bundle("    charm: engine\n    channel: \"ed\\x67e\"\n")).contains("line 4"));
    assert!(refused(&bundle("    charm: engine\n    channel: a\n      b\n")).contains("line 4"));
    assert!(refused(&bundle("    charm: engine\n    channel: [edge]\n")).contains("line 4"));
}

#[test]
fn a_text_that_is_no_sound_yaml_is_refused_by_line() {
    assert!(refused(&bundle("    charm: [engine\n")).contains("line"));
    assert!(
        refused(&bundle(
            "    charm: engine\n    channel: edge\n    channel: beta\n"
        ))
        .contains("line 5")
    );
    assert!(refused("applications: {}\nname: x\napplications: {}\n").contains("line 3"));
    assert!(engine(&bundle("\tcharm: engine\n")).is_err());
    assert!(refused(&bundle("    charm: *nobody\n")).contains("line 3"));
    let deep = refused(&"[".repeat(5000));
    assert!(deep.contains("deeply") || deep.contains("recursion"), "{deep}");
    let deep: String = (0..100).map(|at| format!("{}a:\n", " ".repeat(at))).collect();
    assert!(refused(&deep).contains("deeply"));
    assert!(refused(&"a".repeat(2 << 20)).contains("too large"));
}

#[test]
fn charms_of_this_machine_and_strange_names_are_no_charms_of_the_store() {
    let text =
        "applications:\n  a: {charm: ./engine}\n  b: {charm: [x]}\n  c: 7\n  ? [d]\n  : {charm: engine}\n";
    assert_eq!(applications(text).unwrap(), []);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_stands_round_it_stays(
        before in "(# [a-z'\":]{0,8}\n|[ ]{0,3}\n){0,4}",
        indent in 1_usize..6,
        space in "[ ]{1,3}",
        quote in "['\"]?",
        behind in "[ \t]{0,2}|[ ]{1,2}#[ -~]{0,8}",
        end in "\n|\r\n",
    ) {
        let pad = " ".repeat(indent);
        let text = |channel: &str| {
            format!("{before}applications:\n{pad}app:\n{pad}{pad}charm: engine\n{pad}{pad}channel:{space}{quote}{channel}{quote}{behind}\nrelations: []\n")
                .replace('\n', &end)
        };
        let edited = engine(&text("latest/edge")).unwrap();
        proptest::prop_assert_eq!(edited.text, text("2025-01/edge"));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-c:&*!{}\\[\\] ,\n\t'\"|>#?-]{0,60}") {
        if let Ok(edited) = engine(&format!("applications:\n  a:\n    charm: engine\n    channel: edge\n{text}")) {
            proptest::prop_assert_eq!(edited.changed.len(), 1);
        }
    }
}

/// Bundles with one special feature each: its name, the text, and the lines that differ after the
/// three charms of a release are set to `2025-01/edge` (`+` for an added line).
const TRAITS: [(&str, &str, &[&str]); 8] = [
    ("channel-alias", include_str!("testdata/channel-alias.yaml"), &[]),
    (
        "anchor-on-changed-channel",
        include_str!("testdata/anchor-on-changed-channel.yaml"),
        &[
            "    channel: &ch \"2025-01/edge\"",
            "    channel: \"2025-01/edge\"",
            "    channel: \"2025-01/edge\"",
            // The other alias of the anchor is replaced by its value.
            "    channel: \"stable\"",
        ],
    ),
    ("flow", include_str!("testdata/flow.yaml"), &[]),
    ("merge-key", include_str!("testdata/merge-key.yaml"), &[]),
    ("multidoc", include_str!("testdata/multidoc.yaml"), &[]),
    ("no-channel", include_str!("testdata/no-channel.yaml"), &[]),
    ("revision-pin", include_str!("testdata/revision-pin.yaml"), &[]),
    (
        "twice-same-charm",
        include_str!("testdata/twice-same-charm.yaml"),
        &[],
    ),
];

#[test]
fn bundles_with_every_trait_are_edited_and_keep_the_rest() {
    let charms = [
        "finos-legend-engine-k8s",
        "finos-legend-sdlc-k8s",
        "finos-legend-studio-k8s",
    ];
    let wishes = wishes(&charms.map(|charm| (charm, "2025-01/edge")));
    for (name, text, lines) in TRAITS {
        let edited = edit(text, &wishes).unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
        for (before, after) in applications(text)
            .unwrap()
            .iter()
            .zip(applications(&edited.text).unwrap())
        {
            let moves = charms.contains(&before.charm.as_str()) && before.name != "legend-engine-two";
            let wanted = if moves {
                Some("2025-01/edge")
            } else {
                before.channel.as_deref()
            };
            assert_eq!(after.channel.as_deref(), wanted, "{name}: {}", after.name);
        }
        assert_eq!(edited.changed.len(), 3, "{name}");
        let old: Vec<&str> = text.lines().collect();
        let new: Vec<&str> = edited.text.lines().collect();
        let added = new.iter().filter(|line| !old.contains(line));
        let added: Vec<&str> = added.copied().collect();
        if !lines.is_empty() {
            assert_eq!(added, lines[..3], "{name}");
        }
        let removed = old.iter().filter(|line| !new.contains(line)).count();
        assert!(added.len() <= 3 && removed <= 3, "{name}: {added:?}");
        let more = usize::from(["merge-key", "no-channel"].contains(&name));
        assert_eq!(new.len(), old.len() + more, "{name}");
        assert_eq!(
            edited.text.matches('&').count(),
            text.matches('&').count(),
            "{name}: anchors"
        );
        let again = edit(&edited.text, &wishes).unwrap();
        assert_eq!((again.text, again.changed), (edited.text, Vec::new()), "{name}");
    }
}

#[test]
fn an_alias_that_is_replaced_is_remarked_with_both_lines() {
    let remarks = |text: &str, channel: &str| -> Vec<String> {
        let edited = edit(text, &wishes(&[("engine", channel)])).unwrap();
        edited.remarks.iter().map(ToString::to_string).collect()
    };
    // The alias is in an application that does not change.
    let other = "applications:\n  a:\n    charm: engine\n    channel: &c edge\n  b:\n    charm: other\n    channel: *c\n";
    assert_eq!(
        remarks(other, "2025-01/edge"),
        ["line 7 of bundle.yaml: the alias of line 4, which changes, is replaced by the old value edge"]
    );
    assert_eq!(
        remarks(other, "latest/edge"),
        Vec::<String>::new(),
        "nothing changes"
    );
    // The alias changes, and the line that it repeats does not.
    let own = "x: &c edge\napplications:\n  a:\n    charm: engine\n    channel: *c\n  b:\n    charm: engine\n    channel: *c\n";
    assert_eq!(
        remarks(own, "2025-01/edge"),
        ["lines 5, 8 of bundle.yaml: the alias of line 1 is replaced; that line keeps edge"]
    );
    // Both change to the same value.
    let both = "applications:\n  a:\n    charm: engine\n    channel: &c edge\n  b:\n    charm: engine\n    channel: *c\n";
    assert_eq!(remarks(both, "2025-01/edge"), Vec::<String>::new());
}

#[test]
fn what_a_person_should_know_is_remarked_with_its_line() {
    let remarks = |text: &str, charm: &str| -> Vec<String> {
        let edited = edit(text, &wishes(&[(charm, "2025-01/edge")])).unwrap();
        edited.remarks.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        remarks(
            include_str!("testdata/revision-pin.yaml"),
            "finos-legend-engine-k8s"
        ),
        [
            "line 32 of bundle.yaml: legend-engine is pinned to revision 50, regardless of what 2025-01/edge serves"
        ]
    );
    assert_eq!(
        remarks(
            include_str!("testdata/twice-same-charm.yaml"),
            "finos-legend-engine-k8s"
        ),
        [
            "line 46 of bundle.yaml: legend-engine-two keeps its channel, because it runs finos-legend-engine-k8s on another channel than legend-engine"
        ]
    );
}
