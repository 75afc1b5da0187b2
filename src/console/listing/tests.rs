//! Tests selection, filter, order and window of a list.

use super::*;

struct Word(&'static str);
impl Keyed for Word {
    fn key(&self) -> &str {
        self.0
    }
    fn words(&self) -> String {
        self.0.to_owned()
    }
}

/// Counts how often its words are built.
struct Counted(String, std::rc::Rc<std::cell::Cell<usize>>);
impl Keyed for Counted {
    fn key(&self) -> &str {
        &self.0
    }
    fn words(&self) -> String {
        self.1.set(self.1.get() + 1);
        self.0.clone()
    }
}

fn list(words: &[&'static str]) -> Vec<Word> {
    words.iter().copied().map(Word).collect()
}

#[test]
fn a_window_that_grows_shows_more_above() {
    let mut list = Listing::default();
    list.replace(self::list(&["a", "b", "c", "d", "e", "f"]), None);
    list.select_index(5);
    list.settle(2);
    assert_eq!(list.offset(), 4);
    list.settle(4);
    assert_eq!(list.offset(), 2);
    list.settle(4);
    assert_eq!(list.offset(), 2);
    list.settle(40);
    assert_eq!(list.offset(), 0);
}

#[test]
fn selection_follows_its_key_not_its_place() {
    let mut listing = Listing::default();
    listing.replace(list(&["a", "b", "c"]), None);
    listing.select_index(1);
    listing.replace(list(&["x", "y", "b"]), None);
    assert_eq!(listing.selected().unwrap().key(), "b");
    listing.replace(list(&["x", "y"]), None);
    assert_eq!(listing.selected().unwrap().key(), "y");
    listing.replace(Vec::new(), None);
    assert!(listing.selected().is_none());
}

#[test]
fn a_preference_yields_to_a_choice() {
    let mut listing = Listing::default();
    listing.replace(list(&["a", "b", "c"]), Some("c".into()));
    assert_eq!(listing.selected().unwrap().key(), "c");
    listing.move_by(-1);
    listing.replace(list(&["a", "b", "c"]), Some("a".into()));
    assert_eq!(listing.selected().unwrap().key(), "b");
}

#[test]
fn the_filter_hides_and_comes_back() {
    let mut listing = Listing::default();
    listing.replace(list(&["engine", "sdlc", "studio"]), None);
    listing.set_filter("stu");
    assert_eq!(listing.len(), 1);
    assert_eq!(listing.selected().unwrap().key(), "studio");
    listing.set_filter("");
    assert_eq!(listing.len(), 3);
    assert_eq!(listing.selected().unwrap().key(), "studio");
}

#[test]
fn windows_hold_the_selection() {
    assert_eq!(window(0, 9, 5, 10), 5);
    assert_eq!(window(5, 3, 5, 10), 3);
    assert_eq!(window(8, 9, 5, 10), 5);
    assert_eq!(window(3, 0, 0, 0), 0);
}

#[test]
fn words_are_put_together_once_a_rebuild_and_never_without_a_filter() {
    let made = std::rc::Rc::new(std::cell::Cell::new(0));
    let rows = || -> Vec<Counted> {
        (0..10_000)
            .map(|number| Counted(format!("revision r{number}"), made.clone()))
            .collect()
    };
    let mut listing = Listing::default();
    listing.replace(rows(), None);
    assert_eq!(made.get(), 0);
    for filter in ["r", "r9", "r99", "r9", "r", "", "x"] {
        listing.set_filter(filter);
    }
    assert_eq!(made.get(), 10_000);
    listing.replace(rows(), None);
    assert_eq!(made.get(), 20_000);
}

#[test]
fn a_longer_filter_looks_at_what_the_shorter_one_left() {
    let made = std::rc::Rc::new(std::cell::Cell::new(0));
    let rows = (0..10_000).map(|number| Counted(format!("revision r{number}"), made.clone()));
    let mut listing = Listing::default();
    listing.replace(rows.collect(), None);
    listing.set_filter("r99");
    assert_eq!(listing.searched(), 10_000);
    let left = listing.len();
    assert!(left < 1_000);
    listing.set_filter("r999");
    assert_eq!(listing.searched(), left);
    // A deleted letter searches nothing; a different one searches the previous result.
    listing.set_filter("r99");
    assert_eq!((listing.searched(), listing.len()), (0, left));
    listing.set_filter("r998");
    assert_eq!(listing.searched(), left);
    listing.set_filter("8");
    assert_eq!(listing.searched(), 10_000);
}

#[test]
fn a_longer_filter_finds_what_a_fresh_search_finds() {
    let words = [
        "engine r1 latest/edge",
        "engine r12 4.36.0",
        "sdlc r2 café",
        "studio r12 behind",
        "Studio! r3 a$b",
        "^hat r12 'tick",
        "日本 r12",
    ];
    for text in [
        "r12",
        "stu r1",
        "e",
        "café",
        "!stu",
        "r1$",
        "r1$2",
        "^e",
        "'r1",
        "st\\ ",
        " r",
        "日本",
        "engine !4",
    ] {
        let mut typed = Listing::default();
        typed.replace(list(&words), None);
        let longer: Vec<String> = (1..=text.chars().count())
            .map(|count| text.chars().take(count).collect())
            .collect();
        // Typed letter by letter, then deleted letter by letter.
        for part in longer.iter().chain(longer.iter().rev()) {
            typed.set_filter(part);
            let mut fresh = Listing::default();
            fresh.replace(list(&words), None);
            fresh.set_filter(part);
            let keys =
                |listing: &Listing<Word>| -> Vec<&str> { listing.window(99).map(|(_, row)| row.0).collect() };
            assert_eq!(keys(&typed), keys(&fresh), "{part}");
        }
    }
}

#[test]
fn the_banner_stands_over_the_rows_and_hides_none() {
    let mut listing = Listing::default();
    listing.replace(list(&["a", "b", "c"]), None);
    listing.set_banner(true);
    assert_eq!(listing.selected().unwrap().key(), "a");
    listing.move_by(-1);
    assert!(listing.on_banner() && listing.selected().is_none());
    listing.move_by(-1);
    assert!(listing.on_banner());
    listing.move_by(1);
    assert_eq!(listing.selected().unwrap().key(), "a");
    listing.move_by(2);
    listing.move_by(isize::MIN / 2);
    assert!(listing.on_banner());
    listing.settle(2);
    assert_eq!(listing.window(1).count(), 1);
    listing.set_banner(false);
    assert_eq!(listing.selected().unwrap().key(), "a");
    listing.replace(Vec::new(), None);
    assert!(!listing.on_banner());
    listing.set_banner(true);
    assert!(listing.on_banner());
}

/// A row with its depth.
struct Nested(u8, &'static str);
impl Keyed for Nested {
    fn key(&self) -> &str {
        self.1
    }
    fn words(&self) -> String {
        self.1.to_owned()
    }
    fn level(&self) -> u8 {
        self.0
    }
}

#[test]
fn a_revision_matches_as_typed_and_keeps_the_rows_above_it() {
    let mut listing = Listing::default();
    let rows = [
        (0, "engine"),
        (1, "engine r17 of 2023"),
        (1, "engine image"),
        (2, "engine image r32"),
        (0, "sdlc"),
        (1, "sdlc r3 of 2012"),
        (1, "sdlc r320"),
    ];
    listing.replace(rows.map(|(level, key)| Nested(level, key)).into(), None);
    let shown =
        |listing: &Listing<Nested>| -> Vec<&str> { listing.window(99).map(|(_, row)| row.1).collect() };
    listing.set_filter("r32");
    let expected = ["engine", "engine image", "engine image r32", "sdlc", "sdlc r320"];
    assert_eq!(shown(&listing), expected);
    assert_eq!((listing.matches(), listing.len()), (2, 5));
    assert_eq!(listing.selected().unwrap().key(), "engine image r32");
    // Typed letter by letter it is the same, and a revision that becomes another word matches more.
    for part in ["r", "r3", "r32"] {
        listing.set_filter(part);
    }
    assert_eq!(shown(&listing), expected);
    for part in ["r3", "r3f"] {
        listing.set_filter(part);
    }
    let mut fresh = Listing::default();
    fresh.replace(rows.map(|(level, key)| Nested(level, key)).into(), None);
    fresh.set_filter("r3f");
    assert_eq!(shown(&listing), shown(&fresh));
    assert!(listing.matches() > 0);
}
