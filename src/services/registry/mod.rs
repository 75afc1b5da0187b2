//! Container registries: resolving, tokens and the copy engine.
