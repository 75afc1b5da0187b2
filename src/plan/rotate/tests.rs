//! What is promised of a rotation's plan, on hand-made snapshots.
