//! Tests `Cargo.lock`: one TLS provider, no OpenSSL.

/// Crates that must not be dependencies, with the reason.
const BANNED: [(&str, &str); 5] = [
    ("aws-lc-rs", "one TLS provider, and it is ring"),
    ("aws-lc-sys", "one TLS provider, and it is ring"),
    ("openssl-sys", "no OpenSSL"),
    ("openssl", "no OpenSSL"),
    ("native-tls", "no OpenSSL"),
];

/// Crates that must have a single version.
const SINGLE: [&str; 5] = ["reqwest", "hyper", "rustls", "ratatui", "crossterm"];

fn locked(lock: &str) -> Vec<&str> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect()
}

#[test]
fn the_graph_holds_no_second_tls_and_no_second_http_client() {
    let lock = include_str!("../Cargo.lock");
    let names = locked(lock);
    assert!(names.len() > 100, "Cargo.lock was not understood");
    for (name, why) in BANNED {
        assert!(!names.contains(&name), "{name} is in Cargo.lock: {why}");
    }
    for name in SINGLE {
        let copies = names.iter().filter(|found| **found == name).count();
        assert_eq!(copies, 1, "{copies} copies of {name}");
    }
}

#[test]
fn the_reader_of_the_lock_file_finds_names() {
    assert_eq!(
        locked("[[package]]\nname = \"openssl-sys\"\nversion = \"0.9\"\n"),
        ["openssl-sys"]
    );
}
