//! Tests of valid and malformed workflow files.

use super::*;

const FORM: &str = r#"
name: Create Release
on:
  push:
  workflow_dispatch:
    inputs:
      release:
        description: Name of the release
        required: true
        type: string
      dry:
        type: boolean
        default: false
      risk:
        type: choice
        options: [edge, "stable"]
        default: edge
      ttl: {type: number, default: 30}
jobs:
  build:
    runs-on: ubuntu-20.04
    steps:
      - uses: actions/checkout@v3
      - uses: docker-practice/actions-setup-docker@master
      - run: |
          sudo snap install jq
          sudo snap install charmcraft --classic
          ./make.sh "${{ github.event.inputs.release }}"
  other:
    runs-on: [self-hosted, linux]
    uses: finos/shared/.github/workflows/x.yaml@main
  wide:
    strategy:
      matrix:
        os: [ubuntu-22.04, ubuntu-18.04]
    runs-on: ${{ matrix.os }}
  told:
    runs-on: ${{ inputs.risk }}
"#;

fn file(text: &str) -> WorkflowFile {
    read(".github/workflows/a.yaml", text.as_bytes())
}

#[test]
fn a_form_has_its_fields_in_the_order_of_the_file() {
    let read = file(FORM);
    assert_eq!(read.unreadable, None);
    assert_eq!(read.title.as_str(), "Create Release");
    let form = read.form.unwrap();
    let names: Vec<&str> = form.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["release", "dry", "risk", "ttl"]);
    assert!(form[0].required && !form[1].required);
    assert_eq!(form[0].description.as_str(), "Name of the release");
    assert_eq!(form[1].kind, InputKind::Boolean);
    assert_eq!(form[1].default.as_deref(), Some("false"));
    let choice = InputKind::Choice(vec!["edge".to_owned(), "stable".to_owned()]);
    assert_eq!(form[2].kind, choice);
    assert_eq!(form[3].kind, InputKind::Number);
    assert_eq!(form[3].default.as_deref(), Some("30"));
    // Only the release is inserted into a script unchanged.
    let in_script: Vec<bool> = form.iter().map(|input| input.in_script).collect();
    assert_eq!(in_script, [true, false, false, false]);
}

#[test]
fn every_way_to_be_started_by_hand_is_known() {
    let started = |on: &str| file(&format!("{on}\njobs: {{}}\n")).form.map(|form| form.len());
    assert_eq!(started("on: workflow_dispatch"), Some(0));
    assert_eq!(started("on: [push, workflow_dispatch]"), Some(0));
    assert_eq!(started("on:\n  workflow_dispatch:"), Some(0));
    assert_eq!(started("'on':\n  workflow_dispatch:"), Some(0));
    assert_eq!(started("on: push"), None);
    assert_eq!(started("on:\n  workflow_call:\n    inputs:\n      a: {}"), None);
}

#[test]
fn jobs_tell_their_runners_actions_and_installations() {
    let jobs = file(FORM).jobs;
    let build = &jobs[0];
    assert_eq!(build.runners, [["ubuntu-20.04"]]);
    assert_eq!(
        build.uses,
        [
            "actions/checkout@v3",
            "docker-practice/actions-setup-docker@master"
        ]
    );
    assert_eq!(build.installs, ["sudo snap install charmcraft --classic"]);
    assert_eq!(jobs[1].runners, [["self-hosted", "linux"]]);
    assert_eq!(jobs[1].uses, ["finos/shared/.github/workflows/x.yaml@main"]);
    assert_eq!(jobs[2].runners, [["ubuntu-22.04"], ["ubuntu-18.04"]]);
    assert_eq!(jobs[3].runners, Vec::<Vec<String>>::new());
}

#[test]
fn a_file_that_is_none_stays_with_its_reason() {
    let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
        d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    for (text, word) in [
        ("on: [", "line"),
        ("just text", "mapping"),
        ("on: push\non: pull_request\njobs: {}", "duplicate key on"),
        ("a: 1\n---\nb: 2\n", "second document"),
        (laughs, "aliases"),
    ] {
        let read = file(text);
        let problem = read.unreadable.unwrap_or_else(|| panic!("{text} was understood"));
        assert!(problem.to_string().contains(word), "{problem}");
        assert_eq!(read.form, None);
    }
}

#[test]
fn secrets_are_found_in_expressions_and_nowhere_else() {
    let text = r"
name: publish
on:
  workflow_call:
    secrets:
      OTHER: {required: true}
env:
  CHARMCRAFT_AUTH: ${{ secrets.CHARMCRAFT_AUTH }}
  A: ${{secrets['CHARMHUB_TOKEN']}}
  B: ${{ format('{0}', secrets.mail_key) || secrets . SPACED }}
  C: ${{ secrets.GITHUB_TOKEN }}
  D: ${{ steps.secrets.outputs.NOT_ONE }} ${{ inputs.my-secrets.NOR_THIS }}
  # E: ${{ secrets.COMMENTED }}
steps:
  - run: cat docs/secrets.md secrets.TEXT
  - run: echo ${{
      secrets.ON_TWO_LINES
      }}
";
    let found: Vec<String> = secrets_read(text).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "CHARMCRAFT_AUTH",
            "CHARMHUB_TOKEN",
            "MAIL_KEY",
            "ON_TWO_LINES",
            "SPACED"
        ]
    );
}
