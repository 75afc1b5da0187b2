//! Facts and their rules: releases, charms, channels, images, digests, credentials, problems.
//!
//! Owns the words every other room speaks. Must not do IO, know async, read a clock or draw
//! random numbers; `tests/architecture.rs` holds it to that.

pub mod digest;
pub mod problem;
pub mod text;

pub use digest::{ConfigDigest, Digest, ManifestDigest};
pub use problem::{Kind, Problem};
pub use text::Outside;
