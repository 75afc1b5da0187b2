//! Defines the facts and rules of the program: releases, charms, channels, images, digests,
//! credentials and problems.
//!
//! Every other module depends on this one. It does no IO, uses no async code, reads no clock and
//! draws no random numbers; `tests/architecture.rs` checks that.

pub mod bundle;
pub mod channel;
pub mod charm;
pub mod content;
pub mod credential;
pub mod detail;
pub mod digest;
mod grammar;
pub mod image;
pub mod problem;
pub mod release;
pub mod remedy;
pub mod run;
pub mod secret;
pub mod snapshot;
pub mod source;
pub mod space;
pub mod tags;
pub mod text;
pub mod update;
pub mod workflow;

pub use bundle::{Author, BundleFacts, CommitId, FileBytes};
pub use channel::{Base, Channel, Risk, Track};
pub use charm::{CharmName, CharmRevision, ResourceName, ResourceRevision, Serving};
pub use content::{ContentFacts, FileFacts, ImageFacts};
pub use detail::ImageDetail;
pub use digest::{ConfigDigest, Digest, ImageId, IndexDigest, ManifestDigest};
pub use image::{Reference, Repository, ResolvedImage, Target};
pub use problem::{Problem, ProblemKind};
pub use release::{Release, ReleaseName};
pub use remedy::{Hint, Remedy};
pub use run::{ChannelChange, PastRun, RunId};
pub use secret::{
    Fingerprint, GitHubRepository, KeyId, Lineage, OrganisationSecret, SecretName, SecretTarget, SessionId,
};
pub use snapshot::{Observed, Snapshot};
pub use source::{Cut, ImageSource, LocalSource, Origin};
pub use space::NoSpace;
pub use text::{SanitizedText, count, first_of};
pub use update::{Source, SourceUpdate};
