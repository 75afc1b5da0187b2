//! What the console promises, without a terminal, a runtime or a clock.

mod credentials;
mod flows;
mod random;
mod screens;
mod standing;
mod table;
mod terminal;
mod transfers;
mod workflows;
mod world;
