//! What the console promises, without a terminal, a runtime or a clock.

mod credentials;
mod flows;
mod random;
mod screens;
mod speed;
mod standing;
mod states;
mod table;
mod transfers;
mod workflows;
mod world;
