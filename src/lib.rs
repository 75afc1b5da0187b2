//! windlass: a terminal console for releasing charms.
//!
//! ```text
//! services ──> snapshot ──> intent ──> plan ──> review ──> run ──> journal ──> history
//! (observe)    (observed    (what is   (what    (operator  (apply  (what       (what was,
//!              state)       asked for) would    or --yes)  it)     happened)   since when)
//!                                      change)
//! ```
//!
//! Data moves from left to right only. A module may use only the modules listed above it:
//!
//! | module | contents |
//! |---|---|
//! | [`domain`] | facts and their rules; no IO, no async, no clock |
//! | [`config`] | workspace and user files; every error names its position |
//! | [`plan`] | intent + snapshot -> plan; pure |
//! | [`journal`] | runs, steps and observations in SQLite |
//! | [`services`] | one module per remote: Charmhub, GitHub, registries, keyring; HTTP shared |
//! | [`observe`] | services + journal -> snapshot, cached on disk |
//! | [`run`] | applies plan steps: journal first, retry, cancel, resume |
//! | `demo` | the embedded demo environment on loopback |
//! | [`console`] | the terminal user interface |
//! | [`cli`] | the command for every action, without the console |

pub mod cli;

pub use windlass_console::console;
pub use windlass_core::{journal, observe, plan, run};
#[cfg(feature = "demo")]
pub use windlass_demo::demo;
pub use windlass_domain::{config, domain};
pub use windlass_services::services;
