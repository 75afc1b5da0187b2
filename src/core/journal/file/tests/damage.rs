//! Tests damaged journals: cut short, torn, emptied, without header, and with a -wal file that lost
//! its end.

use super::*;

type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn a_damaged_file_is_named_and_everything_that_can_be_read_of_it_is_saved() {
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2 / 4096 * 4096);
    let torn = |bytes: &mut Vec<u8>| {
        let last = bytes.len() - 4096;
        bytes[last..].fill(0xa5);
    };
    let headless = |bytes: &mut Vec<u8>| bytes[..100].fill(0);
    let cases: [(&str, Change<'_>, usize); 3] =
        [("cut", &cut, 1), ("torn", &torn, 60), ("headless", &headless, 80)];
    for (name, damage, least) in cases {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), 80);
        let mut content = bytes(folder.path());
        damage(&mut content);
        std::fs::write(folder.path().join(FILE), &content).unwrap();
        let journal = Journal::open_as_possible(folder.path(), "w").unwrap();
        let problem = journal
            .check_writable()
            .and_then(|()| journal.check_pages())
            .unwrap_err();
        assert!(
            problem.summary.as_str().contains("is damaged"),
            "{name}: {problem}"
        );
        assert!(
            problem.hints[0].as_str().contains("--set-journal-aside"),
            "{name}"
        );
        drop(journal);
        let aside = Journal::set_aside(folder.path(), at(0)).unwrap();
        assert_eq!(
            std::fs::read(&aside.kept_as).unwrap(),
            content,
            "{name}: kept as it was"
        );
        let journal = Journal::open(folder.path(), "w").unwrap();
        journal.check_pages().unwrap();
        let runs = journal.runs(100).unwrap();
        assert!(runs.len() >= least, "{name}: {} runs, {:?}", runs.len(), aside);
        assert_eq!(name == "cut", !aside.damaged.is_empty(), "{name}: {aside:?}");
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(".salvage"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }
}

#[test]
fn an_older_journal_that_is_damaged_is_saved_under_the_names_of_today() {
    let folder = tempfile::tempdir().unwrap();
    older(folder.path(), 4);
    let mut content = bytes(folder.path());
    content[..100].fill(0);
    std::fs::write(folder.path().join(FILE), &content).unwrap();
    Journal::set_aside(folder.path(), at(0)).unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap().of_workspace("legend");
    assert_eq!(journal.runs(10).unwrap().len(), 2);
    assert_eq!(journal.lineage(&BTreeSet::new()).unwrap().len(), 1);
}

/// Lengths that a file of `length` bytes is cut to: within its header, at and around the edge of a
/// page, and near its end.
fn cuts(length: u64) -> Vec<u64> {
    let mut cuts = vec![0, 1, 50, 99, 100, 511, 512, 1000, 2000, 4095, 4096, 4097];
    let half = length / 2 / 4096 * 4096;
    cuts.extend([half - 1, half, half + 1]);
    cuts.extend([1, 100, 2000, 4095, 4096, 4097, 30_000].map(|less| length - less));
    cuts
}

#[test]
fn wherever_a_file_is_cut_it_is_damaged_and_not_written() {
    let whole = tempfile::tempdir().unwrap();
    fill(whole.path(), 80);
    let content = bytes(whole.path());
    for length in cuts(content.len() as u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let left = &content[..usize::try_from(length).unwrap()];
        std::fs::write(&path, left).unwrap();
        std::fs::copy(whole.path().join(MARK), folder.path().join(MARK)).unwrap();
        let journal = Journal::open_as_possible(folder.path(), "w").unwrap();
        let problem = journal.check_writable().unwrap_err();
        assert!(
            problem.summary.as_str().contains("is damaged"),
            "{length}: {problem}"
        );
        assert!(
            problem.hints[0].as_str().contains("--set-journal-aside"),
            "{length}"
        );
        assert_eq!(problem.hints.len(), 1, "{length}: {problem:?}");
        assert_eq!(
            journal.runs(100).unwrap_err(),
            problem,
            "{length}: a list would be a claim"
        );
        assert_eq!(journal.check_pages().unwrap_err(), problem, "{length}");
        let begun = journal.begin(&RunId("x".to_owned()), "ann", &plan(), at(1));
        assert_eq!(begun.unwrap_err(), problem, "{length}");
        drop(journal);
        let opened = Journal::open_existing(folder.path(), "w").map(drop).unwrap_err();
        assert!(
            length == 0 || opened.summary.as_str().contains("is damaged"),
            "{length}: {opened}"
        );
        assert!(!Journal::is_sound(folder.path()), "{length}");
        assert_eq!(bytes(folder.path()), left, "{length}: left as it is");
        let aside = Journal::set_aside(folder.path(), at(0)).unwrap();
        assert_eq!(std::fs::read(&aside.kept_as).unwrap(), left, "{length}");
        let saved = aside.saved.iter().find(|(table, _)| *table == "run");
        let saved = saved.map_or(0, |(_, rows)| *rows);
        let read = Journal::open(folder.path(), "w").unwrap().runs(100).unwrap();
        assert_eq!(read.len() as u64, saved, "{length}");
        let stated = problem.summary.as_str().split("up to ").nth(1);
        let stated: Option<u64> = stated.map(|text| text.split(' ').next().unwrap().parse().unwrap());
        assert!(
            stated.unwrap_or_default() >= saved,
            "{length}: {saved}, {problem}"
        );
    }
}

#[test]
fn what_can_be_read_of_a_cut_file_is_stated() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 80);
    let content = bytes(folder.path());
    std::fs::write(folder.path().join(FILE), &content[..content.len() - 100]).unwrap();
    let problem = Journal::open(folder.path(), "w").map(drop).unwrap_err();
    let text = problem.to_string();
    assert!(text.contains("up to 80 runs can still be read"), "{text}");
    let length = format!("it has {} bytes", content.len() - 100);
    assert!(text.contains(&length), "{text}");
}

/// Copies the files of an open journal as a killed process leaves them.
fn killed(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in [FILE, "journal.db-wal", MARK] {
        std::fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn begin(journal: &Journal, runs: i64) {
    for number in 0..runs {
        let id = RunId(format!("x{number:03}"));
        journal.begin(&id, "ann", &plan(), at(number)).unwrap();
    }
}

#[test]
fn a_page_that_a_checkpoint_left_unfinished_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    begin(&journal, 40);
    let killed = killed(folder.path());
    let mut content = bytes(killed.path());
    content.extend_from_slice(&[0xa5; 1000]);
    std::fs::write(killed.path().join(FILE), content).unwrap();
    let journal = Journal::open(killed.path(), "w").unwrap();
    assert_eq!(journal.notice(), None);
    assert_eq!(journal.runs(100).unwrap().len(), 40);
    journal.check_pages().unwrap();
}

#[test]
fn a_cut_wal_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    begin(&journal, 10);
    for less in [1, 2000, 4096, 20_000] {
        let killed = killed(folder.path());
        let wal = killed.path().join("journal.db-wal");
        let content = std::fs::read(&wal).unwrap();
        std::fs::write(&wal, &content[..content.len() - less]).unwrap();
        let journal = Journal::open(killed.path(), "w").unwrap();
        let notice = journal.notice().unwrap();
        assert!(
            notice.summary.as_str().contains("are missing from journal"),
            "{less}: {notice}"
        );
        assert!(journal.runs(100).unwrap().len() < 10, "{less}");
    }
}

#[test]
fn an_emptied_wal_file_of_a_killed_process_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    begin(&journal, 1);
    let killed = killed(folder.path());
    assert_eq!(Journal::open(killed.path(), "w").unwrap().notice(), None);
    let emptied = tempfile::tempdir().unwrap();
    for file in [FILE, MARK] {
        std::fs::copy(folder.path().join(file), emptied.path().join(file)).unwrap();
    }
    std::fs::write(emptied.path().join("journal.db-wal"), "").unwrap();
    let notice = Journal::open(emptied.path(), "w")
        .unwrap()
        .notice()
        .cloned()
        .unwrap();
    assert!(
        notice.summary.as_str().contains("-wal file was truncated"),
        "{notice}"
    );
}

#[test]
fn a_journal_can_be_set_aside_twice_at_one_time() {
    let folder = tempfile::tempdir().unwrap();
    drop(Journal::open(folder.path(), "w").unwrap());
    let first = Journal::set_aside(folder.path(), at(0)).unwrap();
    let second = Journal::set_aside(folder.path(), at(0)).unwrap();
    assert_ne!(first.kept_as, second.kept_as);
    assert!(first.kept_as.exists() && second.kept_as.exists());
}
