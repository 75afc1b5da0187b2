//! Determines what the job of every target needs from its credential, and what a credential lacks.
//!
//! The job of a charm's repository publishes that charm; the jobs of the bundle's repository
//! publish everything.

use crate::config::Workspace;
use crate::config::workspace::{Token, TokenKind};
use crate::domain::credential::{CredentialFacts, PackageKind, ScopedPackage, TokenScope};
use crate::domain::{Channel, CharmName, SecretTarget, Snapshot};
use crate::plan::{Need, NeededPackage};

/// Returns what the job of `target` needs.
pub fn need(workspace: &Workspace, snapshot: &Snapshot, token: &Token, target: &SecretTarget) -> Need {
    let id = |name: &CharmName| {
        let facts = snapshot.charms.get(name)?.value.as_ref()?;
        Some(facts.id.clone())
    };
    let repository = target.repository.as_str();
    let bundle = workspace.bundle.as_ref();
    let every = bundle.is_some_and(|bundle| bundle.repository == repository)
        || !workspace
            .charms
            .iter()
            .any(|charm| charm.repository == repository);
    let mut packages: Vec<NeededPackage> = Vec::new();
    let mut channels = vec!["latest/edge".to_owned()];
    if token.kind == TokenKind::Charmhub {
        for charm in &workspace.charms {
            if every || charm.repository == repository {
                packages.push(NeededPackage {
                    id: id(&charm.name),
                    name: charm.name.clone(),
                });
            }
        }
        if let Some(bundle) = bundle.filter(|_| every) {
            packages.push(NeededPackage {
                id: id(&bundle.name),
                name: bundle.name.clone(),
            });
        }
        if every {
            for channel in &workspace.publish.channels {
                if !channels.contains(channel) {
                    channels.push(channel.clone());
                }
            }
        }
    } else {
        channels.clear();
    }
    Need {
        target: target.clone(),
        permissions: token.permissions.clone(),
        packages,
        channels,
    }
}

/// Returns the smallest scope that covers all `needs`.
pub fn scope(workspace: &Workspace, needs: &[Need], ttl: u64) -> TokenScope {
    let mut scope = TokenScope {
        permissions: Vec::new(),
        packages: Vec::new(),
        channels: Vec::new(),
        ttl,
    };
    for need in needs {
        for permission in &need.permissions {
            if !scope.permissions.contains(permission) {
                scope.permissions.push(permission.clone());
            }
        }
        for package in &need.packages {
            let bundle = workspace
                .bundle
                .as_ref()
                .is_some_and(|bundle| bundle.name == package.name);
            let package = ScopedPackage {
                kind: if bundle {
                    PackageKind::Bundle
                } else {
                    PackageKind::Charm
                },
                name: package.name.clone(),
            };
            if !scope.packages.contains(&package) {
                scope.packages.push(package);
            }
        }
    }
    // In the workspace's order, regardless of the order of the targets.
    let place = |name: &CharmName| workspace.charms.iter().position(|charm| &charm.name == name);
    scope
        .packages
        .sort_by_key(|package| place(&package.name).unwrap_or(usize::MAX));
    scope
}

/// Describes what `facts` lack for `need`; empty if they are sufficient.
pub fn missing(kind: TokenKind, facts: &CredentialFacts, need: &Need) -> Vec<String> {
    let mut lacks = Vec::new();
    match kind {
        TokenKind::Other => {}
        TokenKind::Github => {
            // A fine-grained token has no list of scopes: GitHub checks it when it is used.
            if !facts.scopes.is_empty() {
                for scope in &need.permissions {
                    if !facts.scopes.iter().any(|own| own.as_str() == scope) {
                        lacks.push(format!("scope {scope}"));
                    }
                }
            }
        }
        TokenKind::Charmhub => {
            for permission in &need.permissions {
                if !facts.permits(permission) {
                    lacks.push(format!("permission {permission}"));
                }
            }
            for package in &need.packages {
                if !facts.reaches(package.name.as_str(), package.id.as_deref()) {
                    lacks.push(format!("package {}", package.name));
                }
            }
            if let Some(limited) = &facts.channels {
                for wanted in &need.channels {
                    let covers = |own: &str| {
                        let own = own.parse::<Channel>().map(|channel| channel.to_string());
                        own.is_ok_and(|own| &own == wanted)
                    };
                    if !limited.iter().any(|own| covers(own.as_str())) {
                        lacks.push(format!("channel {wanted}"));
                    }
                }
            }
        }
    }
    lacks
}
