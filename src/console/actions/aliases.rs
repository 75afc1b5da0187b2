//! Names that actions had in earlier versions, for the `[keys]` table of a settings file.

/// Returns the present name of the action that was called `name`.
pub fn current(name: &str) -> Option<&'static str> {
    OLD.iter()
        .find(|(_, old)| old.contains(&name))
        .map(|(current, _)| *current)
}

/// Present names with the earlier ones.
pub const OLD: [(&str, &[&str]); 19] = [
    (
        "up",
        &[
            "filter-up",
            "review-up",
            "run-up",
            "palette-up",
            "help-up",
            "text-up",
            "tags-up",
            "release-up",
            "promote-up",
            "workflows-up",
            "choose-up",
            "image-up",
        ],
    ),
    (
        "down",
        &[
            "filter-down",
            "review-down",
            "run-down",
            "palette-down",
            "help-down",
            "text-down",
            "tags-down",
            "release-down",
            "promote-down",
            "workflows-down",
            "choose-down",
            "image-down",
        ],
    ),
    (
        "page-up",
        &[
            "review-page-up",
            "run-page-up",
            "palette-page-up",
            "help-page-up",
            "text-page-up",
            "tags-page-up",
            "workflows-page-up",
            "image-page-up",
        ],
    ),
    (
        "page-down",
        &[
            "review-page-down",
            "run-page-down",
            "palette-page-down",
            "help-page-down",
            "text-page-down",
            "tags-page-down",
            "workflows-page-down",
            "image-page-down",
        ],
    ),
    ("top", &["review-top", "run-top", "text-top", "image-top"]),
    (
        "bottom",
        &["review-bottom", "run-bottom", "text-bottom", "image-bottom"],
    ),
    (
        "close",
        &[
            "palette-close",
            "help-close",
            "prompt-close",
            "sign-in-close",
            "tags-close",
            "upload-close",
            "release-close",
            "promote-close",
            "workflows-close",
            "form-close",
            "choose-close",
        ],
    ),
    ("dismiss", &["text-close", "image-close"]),
    ("back", &["review-back", "run-back"]),
    ("copy", &["run-copy", "text-copy", "image-copy"]),
    ("browse", &["run-browse", "text-browse", "workflows-browse"]),
    (
        "pager",
        &["text-page", "image-page", "run-page", "workflows-page"],
    ),
    ("find", &["text-find", "image-find", "run-find", "workflows-find"]),
    (
        "find-next",
        &[
            "text-find-next",
            "image-find-next",
            "run-find-next",
            "workflows-find-next",
        ],
    ),
    (
        "find-previous",
        &[
            "text-find-previous",
            "image-find-previous",
            "run-find-previous",
            "workflows-find-previous",
        ],
    ),
    ("next-field", &["sign-in-next", "form-next"]),
    ("previous-field", &["sign-in-previous", "form-previous"]),
    ("field-keep", &["filter-accept", "find-accept"]),
    ("field-clear", &["filter-drop", "find-drop"]),
];
