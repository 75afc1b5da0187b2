//! Writes the environment that points windlass, charmcraft, skopeo and gh to the demo environment.
//!
//! Defines the variables, the file that sets them and the configuration folders they name. Must
//! not start anything.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::folder::{Identity, make_private, write_private};
use crate::domain::Problem;

/// The demo operator's e-mail address at the sign-on.
pub const EMAIL: &str = "releaser@legend.example";
/// The operator's password.
pub const PASSWORD: &str = "demo-password";
/// The operator's one-time password, which may be used repeatedly in the demo environment.
pub const OTP: &str = "123456";

/// Encodes a bare store token as charmcraft 4.4 and later exports it.
pub fn exported(store_token: &str) -> String {
    STANDARD.encode(store_token)
}

/// Returns every variable, in the order in which the file lists them.
pub fn variables(dir: &Path, identity: &Identity, store_token: &str) -> Vec<(String, String)> {
    let mirrors = format!(
        "docker.io={},ghcr.io={},registry.jujucharms.com={}",
        identity.url("hub"),
        identity.url("ghcr"),
        identity.url("canonical")
    );
    [
        ("CHARMCRAFT_STORE_API_URL", identity.url("charmhub")),
        ("CHARMCRAFT_UPLOAD_URL", identity.url("storage")),
        ("CHARMCRAFT_REGISTRY_URL", identity.url("canonical")),
        ("CHARMCRAFT_STORE_SSO_URL", identity.url("sso")),
        ("CHARMCRAFT_AUTH", exported(store_token)),
        ("GITHUB_API_URL", identity.url("github")),
        ("GH_TOKEN", identity.github_token.clone()),
        ("GITHUB_TOKEN", identity.github_token.clone()),
        ("CR_PAT", identity.packages_token.clone()),
        ("WINDLASS_WORKSPACE", "legend".to_owned()),
        ("WINDLASS_REGISTRY_MIRRORS", mirrors),
        ("WINDLASS_SSO_EMAIL", EMAIL.to_owned()),
        ("WINDLASS_SSO_PASSWORD", PASSWORD.to_owned()),
        ("WINDLASS_SSO_OTP", OTP.to_owned()),
        ("DOCKER_CONFIG", dir.join("docker").display().to_string()),
        ("GH_CONFIG_DIR", dir.join("gh").display().to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Writes `variables` as `export NAME='value'` lines, 0600, completely or not at all.
pub fn write_file(path: &Path, variables: &[(String, String)]) -> Result<(), Problem> {
    let mut text = String::new();
    for (name, value) in variables {
        text.push_str(&format!("export {name}='{}'\n", value.replace('\'', r"'\''")));
    }
    write_private(path, text.as_bytes())
}

/// Creates the folders that skopeo (`home`), Docker logins (`docker`) and gh (`gh`) read.
pub fn make_folders(dir: &Path, identity: &Identity) -> Result<(), Problem> {
    let containers = dir.join("home/.config/containers");
    for folder in [&containers, &dir.join("docker"), &dir.join("gh")] {
        make_private(folder)?;
    }
    let mut registries = String::new();
    for service in ["hub", "canonical", "ghcr"] {
        registries.push_str(&format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n\n",
            identity.host(service)
        ));
    }
    write_private(&containers.join("registries.conf"), registries.as_bytes())?;
    let gh = format!("http_unix_socket: {}\n", dir.join("github.sock").display());
    write_private(&dir.join("gh/config.yml"), gh.as_bytes())
}
