//! Tests the dependencies: one TLS provider, no OpenSSL.

#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

/// Crates that must not be dependencies, with the reason.
const BANNED: [(&str, &str); 3] = [
    ("aws-lc-rs", "one TLS provider, and it is ring"),
    ("aws-lc-sys", "one TLS provider, and it is ring"),
    ("native-tls", "no OpenSSL"),
];

/// Crates that must have a single version.
const SINGLE: [&str; 5] = ["reqwest", "hyper", "rustls", "ratatui", "crossterm"];

/// Crates that `Cargo.lock` names as optional dependencies and that no build may compile.
const NOT_COMPILED: [&str; 2] = ["openssl", "openssl-sys"];

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

/// Tests this system only: the tree of another one names crates that were not downloaded.
#[test]
fn no_build_compiles_openssl() {
    let tree = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--workspace", "--all-features"])
        .args([
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"rustls"), "cargo tree was not understood");
    for name in NOT_COMPILED {
        assert!(!names.contains(&name), "{name} is compiled");
    }
}
