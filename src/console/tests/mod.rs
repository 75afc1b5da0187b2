//! What the console promises, without a terminal, a runtime or a clock.

mod credentials;
mod flows;
mod keys;
mod random;
mod screens;
mod search;
mod standing;
mod table;
mod transfers;
mod workflows;
mod world;
