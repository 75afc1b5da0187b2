//! windlass: a release console for the terminal. This page is the map of the house.
//!
//! ```text
//! services ──> snapshot ──> intent ──> plan ──> review ──> run ──> journal ──> history
//! (observe)    (what is)    (wish)     (what    (a human   (make    (what      (what was,
//!                                      would    or --yes)  it so)   happened)   since when)
//!                                      change)
//! ```
//!
//! Data moves left to right and never back. A room knows only the rooms above it:
//!
//! | room | owns |
//! |---|---|
//! | [`domain`] | facts and their rules; no IO, no async, no clock |
//! | [`config`] | workspace and user files, with the place of every error |
//! | [`plan`] | intent + snapshot -> plan; pure |
//! | [`journal`] | runs, steps and observations in SQLite |
//! | [`services`] | one room a remote: Charmhub, GitHub, registries, keyring; HTTP shared |
//! | [`observe`] | services + journal -> snapshot, cached on disk |
//! | [`run`] | plan steps made so: journal first, retry, cancel, resume |
//! | [`demo`] | the embedded world on loopback |
//! | [`console`] | the terminal user interface |
//! | [`cli`] | the headless twin of every action |

pub mod cli;
pub mod config;
pub mod console;
pub mod demo;
pub mod domain;
pub mod journal;
pub mod observe;
pub mod plan;
pub mod run;
pub mod services;
