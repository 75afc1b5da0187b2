//! What the console promises, without a terminal, a runtime or a clock.

mod credentials;
mod flows;
mod names;
mod pictures;
mod plain;
mod random;
mod screens;
mod standing;
mod states;
mod styled;
mod table;
mod transfers;
mod workflows;
mod world;
