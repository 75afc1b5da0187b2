//! What the console promises, without a terminal, a runtime or a clock.

mod credentials;
mod flows;
mod queue;
mod random;
mod review;
mod running;
mod screens;
mod speed;
mod standing;
mod states;
mod table;
mod terminal;
mod tour;
mod transfers;
mod workflows;
mod world;
