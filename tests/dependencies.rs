//! Tests what is compiled: one TLS provider, no OpenSSL. `Cargo.lock` also names optional crates that
//! no build compiles.

#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

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

/// Returns the name of every package version that some build compiles, for this system.
fn compiled() -> Vec<String> {
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
    let mut packages: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    let names = packages.iter().filter_map(|package| package.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_graph_holds_no_second_tls_and_no_second_http_client() {
    let names = compiled();
    assert!(names.len() > 100, "cargo tree was not understood");
    for (name, why) in BANNED {
        assert!(
            !names.iter().any(|found| found == name),
            "{name} is compiled: {why}"
        );
    }
    for name in SINGLE {
        let copies = names.iter().filter(|found| *found == name).count();
        assert_eq!(copies, 1, "{copies} copies of {name}");
    }
}
